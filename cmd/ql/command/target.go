package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// target is where a run's project and capsule go.
type target struct {
	out     string // empty: a new folder here, named after the project
	capsule string // empty: the capsule is not kept outside of the platform
	force   bool
}

func (t *target) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&t.out, "out", "o", "", "`folder` for the project (default: a new one here, named after the project)")
	flags.StringVar(&t.capsule, "capsule", "", "`file` for the capsule, in a folder that exists; a tar.gz that \"ql capsule verify\" checks")
	flags.BoolVar(&t.force, "force", false, "write into a folder that is not empty: files of the project are written over, others stay")
	_ = cmd.MarkFlagDirname("out") // fails for an unknown flag only
}

// flags repeats the target for a command line.
func (t *target) flags() string {
	s := ""
	if t.out != "" {
		s += " --out " + quote(t.out)
	}
	if t.capsule != "" {
		s += " --capsule " + quote(t.capsule)
	}
	if t.force {
		s += " --force"
	}
	return s
}

// check says before a run whether its result could be written, and makes the paths absolute.
func (t *target) check() error {
	if t.out != "" {
		if err := t.checkOut(); err != nil {
			return err
		}
	}
	if t.capsule == "" {
		return nil
	}
	path, err := filepath.Abs(t.capsule)
	if err != nil {
		return fault.New(fault.Invalid, "--capsule: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fault.New(fault.Invalid, "--capsule: %s is a folder", t.capsule).WithHint("name a file, e.g. %s", filepath.Join(t.capsule, "project.tar.gz"))
	case err == nil && !t.force:
		return fault.New(fault.Invalid, "--capsule: %s exists", t.capsule).WithHint("name another file, or write over it with --force")
	case errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Invalid, "--capsule: %s is a file, or lies under one; name a folder for the capsule", filepath.Dir(t.capsule))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Invalid, "--capsule: %w", err)
	}
	t.capsule = path
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "--capsule: the folder %s does not exist", folder).WithHint("make it, or name a file in another folder")
	}
	if err := tryFile(folder); err != nil {
		return unwritable("--capsule", err)
	}
	return nil
}

func (t *target) checkOut() error {
	path, err := filepath.Abs(t.out)
	if err != nil {
		return fault.New(fault.Invalid, "--out: %w", err)
	}
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Invalid, "--out: %s is a file, or lies under one; name a folder", t.out)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Invalid, "--out: %w", err)
	case len(entries) > 0 && !t.force:
		return fault.New(fault.Invalid, "--out: %s is not empty", t.out).
			WithHint("name another folder, or use --force: it writes over files of the project and leaves others alone")
	}
	t.out = path
	if err := tryFolder(path); err != nil {
		return unwritable("--out", err)
	}
	return nil
}

func unwritable(flag string, err error) error {
	return fault.New(fault.Invalid, "%s: nothing can be written there: %w", flag, err).WithHint("name a place that you can write; nothing was started")
}

// tryFolder makes a folder and a file in it, as the result of a run will, and removes what it made. Permission bits alone do not
// tell: file systems are mounted read-only, links lead nowhere, names are too long.
func tryFolder(path string) (err error) {
	var missing []string // from path upwards
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	defer func() {
		for _, made := range missing {
			if e := os.Remove(made); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return tryFile(path)
}

// tryFile makes a file in a folder and removes it.
func tryFile(folder string) error {
	file, err := os.CreateTemp(folder, ".ql-*")
	if err != nil {
		return err
	}
	return discard(file)
}

// written is what was put on disk, with absolute paths; empty: nothing.
type written struct {
	out, capsule string
	files        int    // beside the manifest
	test         string // command that runs the project's tests
}

// write downloads the capsule of a run that has one, verifies it, extracts the project and keeps the file when asked to.
func (t *target) write(ctx context.Context, c *workflowclient.Client, run workflow.Run) (w written, err error) {
	if run.Capsule == nil {
		return written{}, nil
	}
	dir := os.TempDir()
	if t.capsule != "" {
		dir = filepath.Dir(t.capsule) // the same file system, so that the file can be renamed into place
	}
	file, err := os.CreateTemp(dir, ".capsule-*")
	if err != nil {
		return written{}, fmt.Errorf("downloading the capsule: %w", err)
	}
	defer func() { err = errors.Join(err, discard(file)) }()
	if err := download(ctx, c, run, file); err != nil {
		return written{}, err
	}
	w, err = t.extract(file)
	if err != nil || t.capsule == "" {
		return w, err
	}
	if err := errors.Join(file.Chmod(0o644), file.Sync(), os.Rename(file.Name(), t.capsule)); err != nil {
		return w, fmt.Errorf("writing the capsule: %w", err)
	}
	w.capsule = t.capsule
	return w, nil
}

// discard closes a temporary file and removes it, unless it has been renamed to what it was made for.
func discard(file *os.File) error {
	err := os.Remove(file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

func download(ctx context.Context, c *workflowclient.Client, run workflow.Run, file *os.File) error {
	sum := sha256.New()
	if err := c.Capsule(ctx, run.ID, io.MultiWriter(file, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != run.Capsule.SHA256 {
		return fmt.Errorf("the capsule was damaged on its way: its SHA-256 is %s, the run says %s", got, run.Capsule.SHA256)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the capsule: %w", err)
	}
	return nil
}

// quote writes an argument as a shell reads it.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

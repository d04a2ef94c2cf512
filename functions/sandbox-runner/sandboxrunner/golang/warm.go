package golang

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
)

// warmLimits bound the building of the standard library, which is trusted but large.
var warmLimits = sandbox.Limits{Wall: 20 * time.Minute, Memory: 8 << 30}

// never is the time of every file of the build cache: the go command would mark what it uses with the current time, which in
// a scratch mount means a copy, unless the file's own is later.
var never = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// Warm builds the standard library into the build cache that every job gets, unless it is there. It takes about a minute of
// two processors, once per machine and version of Go; processes that need it at the same time wait for the one that does it.
func (t *Toolchain) Warm(ctx context.Context) error {
	_, err := t.buildCache(ctx)
	return err
}

// buildCache gives the folder of the warm build cache.
func (t *Toolchain) buildCache(ctx context.Context) (string, error) {
	select {
	case <-t.warm:
		defer func() { t.warm <- struct{}{} }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	name := filepath.Join("build", strings.Join([]string{t.env.GOVERSION, t.env.GOOS, t.env.GOARCH}, "-"))
	dir := filepath.Join(t.cfg.Cache, name)
	if there, err := isDir(dir); there || err != nil {
		return dir, err
	}
	if t.cfg.Built != "" {
		built := filepath.Join(t.cfg.Built, name)
		usable, err := t.usable(ctx, built)
		if usable || err != nil {
			return built, err
		}
		slog.WarnContext(ctx, "the standard library is built anew", "because", built+" is not there, or mode gvisor needs it to be writable for everybody")
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("making the build cache: %w", err)
	}
	lock, err := waitLock(ctx, filepath.Join(parent, "lock"))
	if err != nil {
		return "", err
	}
	there, err := isDir(dir)
	if err == nil && !there {
		start := time.Now()
		if err = t.fill(ctx, parent, dir); err == nil {
			slog.InfoContext(ctx, "built the standard library", "version", t.Version(), "took", time.Since(start).Round(time.Millisecond))
		}
	}
	if err := errors.Join(err, lock.Release()); err != nil {
		return "", fmt.Errorf("building the standard library: %w", err)
	}
	return dir, nil
}

// usable says whether jobs can have a folder that was built elsewhere. gVisor's kernel changes no owners, so that what the container's
// user may not write, a job may not in its own copy either.
func (t *Toolchain) usable(ctx context.Context, built string) (bool, error) {
	support, err := sandbox.Detect(ctx, t.cfg.Mode)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(built)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for the build cache: %w", err)
	}
	return support.Mode != sandbox.Gvisor || info.Mode().Perm()&0o002 != 0, nil
}

func isDir(path string) (bool, error) {
	switch _, err := os.Stat(path); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("looking for the build cache: %w", err)
	}
}

// waitLock waits for a lock that another process holds.
func waitLock(ctx context.Context, path string) (*filelock.Lock, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := filelock.Acquire(path)
		var held *filelock.HeldError
		if !errors.As(err, &held) {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fill builds into a new folder beside dir and gives it that name once it is whole. The caller holds the lock, so what lies
// there half built is of a process that was killed.
func (t *Toolchain) fill(ctx context.Context, parent, dir string) (err error) {
	left, err := filepath.Glob(filepath.Join(parent, "new-*"))
	if err != nil {
		return err
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return err
		}
	}
	staging, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }() // after a success nothing of it is left
	project, err := os.MkdirTemp(t.scratch.dir, "warm-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(project)) }()
	packages, err := t.standardLibrary(ctx, project, staging)
	if err != nil {
		return err
	}
	var imports strings.Builder
	for _, p := range packages {
		fmt.Fprintf(&imports, "\t_ %q\n", p)
	}
	for name, content := range map[string]string{
		"go.mod":       "module warm\n",
		"main.go":      "package main\n\nimport (\n" + imports.String() + ")\n\nfunc main() {}\n",
		"main_test.go": "package main\n\nimport \"testing\"\n\nfunc TestMain(m *testing.M) { m.Run() }\n",
	} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	_, err = t.trusted(ctx, project, staging,
		[]string{"build", "-o", "/dev/null", "./..."}, []string{"vet", "./..."}, []string{"test", "-vet=off", "./..."})
	if err != nil {
		return err
	}
	if err := freeze(staging); err != nil {
		return err
	}
	return os.Rename(staging, dir)
}

var notImportable = regexp.MustCompile(`(^|/)(internal|vendor)(/|$)|^(cmd|builtin|runtime/(cgo|race|msan|asan))(/|$)`)

// standardLibrary lists the packages that a program may import.
func (t *Toolchain) standardLibrary(ctx context.Context, project, cache string) (packages []string, err error) {
	out, err := t.trusted(ctx, project, cache, []string{"list", "std"})
	if err != nil {
		return nil, err
	}
	for _, p := range strings.Fields(out) {
		if !notImportable.MatchString(p) {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// trusted runs go commands on a project of our own, in a sandbox all the same, with a build cache that stays. It gives what
// the last of them printed.
func (t *Toolchain) trusted(ctx context.Context, project, cache string, commands ...[]string) (string, error) {
	support, err := sandbox.Detect(ctx, t.cfg.Mode)
	if err != nil {
		return "", err
	}
	mounts, err := t.mounts()
	if err != nil {
		return "", err
	}
	projectAt, cacheAt := support.Mount(project, projectDir, sandbox.Scratch), support.Mount(cache, cacheDir, sandbox.Writable)
	job := sandbox.Job{
		Mounts: append(mounts, projectAt, cacheAt),
		Dir:    projectAt.Target, Env: t.inside(support.Temp(), cacheAt.Target, modulesDir), Limits: warmLimits,
	}
	for _, c := range commands {
		job.Commands = append(job.Commands, sandbox.Command{Argv: append([]string{t.bin}, c...)})
	}
	result, err := support.Run(ctx, job)
	if err != nil {
		return "", err
	}
	out := ""
	for i, c := range result.Commands {
		if !c.OK() {
			return "", fmt.Errorf("go %s: exit code %d, killed %q: %s", strings.Join(commands[i], " "), c.ExitCode, result.Killed, c.Output)
		}
		out = string(c.Output)
	}
	return out, nil
}

// freeze makes the go command neither mark nor trim what is in a build cache.
func freeze(dir string) error {
	trim := filepath.Join(dir, "trim.txt")
	if err := os.WriteFile(trim, []byte(strconv.FormatInt(never.Unix(), 10)), 0o644); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, never, never)
	})
}

package capsule

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ExtractOptions change how a capsule is extracted. The zero value extracts into a
// folder that is empty or does not exist, under the default limits.
type ExtractOptions struct {
	Limits Limits
	// Overwrite lets the folder have content: files of the capsule replace those
	// of the same path, others stay.
	Overwrite bool
}

// Extract verifies a capsule and then writes its files, the manifest included,
// into the folder dir, which it makes if need be. A capsule with any problem is
// refused before anything is written, with a *Problem for each; a folder with
// content is refused with ErrExists. Nothing is ever written outside dir, also
// when it holds links that lead out. When writing fails, what was written is
// removed again, unless options.Overwrite is set.
func Extract(r io.ReadSeeker, dir string, options ExtractOptions) (m Manifest, err error) {
	limits := options.Limits.orDefaults()
	report, err := Verify(r, limits)
	if err != nil {
		return Manifest{}, err
	}
	if !report.OK {
		return Manifest{}, fmt.Errorf("extracting the capsule: %w", report.Err())
	}
	x, err := openTarget(dir, options.Overwrite)
	if err != nil {
		return Manifest{}, fmt.Errorf("extracting the capsule: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.undo())
		}
		err = errors.Join(err, x.root.Close())
	}()
	if err := x.writeAll(r, limits, report); err != nil {
		return Manifest{}, fmt.Errorf("extracting the capsule: %w", err)
	}
	return *report.Manifest, nil
}

// target is the folder that a capsule is extracted into.
type target struct {
	dir       string
	root      *os.Root
	made      bool // the folder itself is new
	overwrite bool
	top       map[string]bool // first elements of what was written
}

func openTarget(dir string, overwrite bool) (*target, error) {
	x := &target{dir: dir, overwrite: overwrite, top: map[string]bool{}}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		x.made = true
	case err != nil:
		return nil, err
	case len(entries) > 0 && !overwrite:
		return nil, fmt.Errorf("%w: the folder %s is not empty", ErrExists, dir)
	}
	x.root, err = os.OpenRoot(dir)
	return x, err
}

// writeAll reads the capsule a second time and writes its files. That it is still
// the one that was verified is checked again: a file may change in between.
func (x *target) writeAll(r io.ReadSeeker, limits Limits, verified Report) error {
	manifest, err := verified.Manifest.encode()
	if err != nil {
		return err
	}
	if err := x.write(FileEntry{Path: ManifestPath, Mode: plainMode}, strings.NewReader(string(manifest))); err != nil {
		return err
	}
	second, err := verify(r, limits, x.write)
	if err != nil {
		return err
	}
	if second.SHA256 != verified.SHA256 {
		return problem(ErrChanged, "", "was changed while it was extracted")
	}
	return second.Err()
}

// write makes one file. It first has another name: readers never see half of it,
// and a link in its place is replaced rather than followed.
func (x *target) write(f FileEntry, content io.Reader) (err error) {
	first, _, _ := strings.Cut(f.Path, "/")
	x.top[first] = true
	folder := filepath.FromSlash(path.Dir(f.Path))
	if err := x.root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	name := filepath.FromSlash(f.Path)
	partial := filepath.Join(folder, ".partial-"+rand.Text())
	file, err := x.root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(modeBits(f.Mode)))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.root.Remove(partial))
		}
	}()
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return x.root.Rename(partial, name)
}

// undo removes what was written into a folder that was empty before.
func (x *target) undo() error {
	if x.overwrite {
		return nil
	}
	var errs []error
	for name := range x.top {
		errs = append(errs, x.root.RemoveAll(name))
	}
	if x.made {
		errs = append(errs, os.Remove(x.dir))
	}
	return errors.Join(errs...)
}

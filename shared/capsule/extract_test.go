package capsule_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
}

func wantNothing(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", path, err)
	}
}

func TestExtractRefusesBeforeItWrites(t *testing.T) {
	t.Parallel()
	manifest := plain(capsule.ManifestPath, manifestOf(t, small()))
	a, b := plain("a.txt", "alpha"), plain("b.txt", "beta")
	link := entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "a.txt", Linkname: "/etc/passwd", Mode: 0o777}, ""}
	for name, tt := range map[string]struct {
		entries []entry
		kind    capsule.Kind
	}{
		"link":    {[]entry{manifest, link, b}, capsule.ErrNotRegular},
		"outside": {[]entry{manifest, a, b, plain("../evil", "x")}, capsule.ErrUnsafePath},
		"changed": {[]entry{manifest, a, plain("b.txt", "bet@")}, capsule.ErrChanged},
		"missing": {[]entry{manifest, a}, capsule.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dir := filepath.Join(parent, "project")
			_, err := capsule.Extract(bytes.NewReader(gzipOf(t, tarOf(t, tt.entries...))), dir, capsule.ExtractOptions{})
			var problem *capsule.Problem
			if !errors.Is(err, tt.kind) || !errors.As(err, &problem) {
				t.Errorf("error %v, want %v", err, tt.kind)
			}
			wantNothing(t, dir)
			wantNothing(t, filepath.Join(parent, "evil"))
		})
	}
}

func TestExtractIntoAFolderWithContent(t *testing.T) {
	t.Parallel()
	raw, dir := pack(t, small()), t.TempDir()
	write(t, filepath.Join(dir, "a.txt"), "mine")
	write(t, filepath.Join(dir, "notes.txt"), "mine too")
	if _, err := capsule.Extract(bytes.NewReader(raw), dir, capsule.ExtractOptions{}); !errors.Is(err, capsule.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	wantContent(t, filepath.Join(dir, "a.txt"), "mine")
	wantNothing(t, filepath.Join(dir, "b.txt"))
	if _, err := capsule.Extract(bytes.NewReader(raw), dir, capsule.ExtractOptions{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	wantContent(t, filepath.Join(dir, "a.txt"), "alpha")
	wantContent(t, filepath.Join(dir, "b.txt"), "beta")
	wantContent(t, filepath.Join(dir, "notes.txt"), "mine too")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// Links that somebody put into the folder lead nowhere.
func TestExtractNeverWritesOutside(t *testing.T) {
	t.Parallel()
	raw := pack(t, input())
	outside := t.TempDir()
	write(t, filepath.Join(outside, "victim"), "untouched")
	t.Run("link in a file's place", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(outside, "victim"), filepath.Join(dir, "go.mod")); err != nil {
			t.Fatal(err)
		}
		if _, err := capsule.Extract(bytes.NewReader(raw), dir, capsule.ExtractOptions{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		wantContent(t, filepath.Join(dir, "go.mod"), "module example.com/library\n")
		wantContent(t, filepath.Join(outside, "victim"), "untouched")
	})
	t.Run("link in a folder's place", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink(outside, filepath.Join(dir, "docs")); err != nil {
			t.Fatal(err)
		}
		if _, err := capsule.Extract(bytes.NewReader(raw), dir, capsule.ExtractOptions{Overwrite: true}); err == nil {
			t.Error("extracted through a link that leads out")
		}
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 1 {
			t.Errorf("outside now holds %v, %v", entries, err)
		}
	})
}

func TestExtractIntoWhatIsNoFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "mine")
	if _, err := capsule.Extract(bytes.NewReader(pack(t, small())), path, capsule.ExtractOptions{Overwrite: true}); err == nil {
		t.Error("extracted into a file")
	}
	wantContent(t, path, "mine")
}

// switchingReader gives another capsule the second time that it is read.
type switchingReader struct {
	io.ReadSeeker
	second io.ReadSeeker
	starts int
}

func (r *switchingReader) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		if r.starts++; r.starts == 2 {
			r.ReadSeeker = r.second
		}
	}
	return r.ReadSeeker.Seek(offset, whence)
}

func TestExtractUndoesWhenTheCapsuleChangesMeanwhile(t *testing.T) {
	t.Parallel()
	other := small()
	other.Files[1] = file("b.txt", "BETA")
	changed := pack(t, small())
	changed[len(changed)-6] ^= 1 // in the checksum at its end
	empty := t.TempDir()
	for name, second := range map[string][]byte{"another capsule": pack(t, other), "a damaged one": changed, "nothing": nil} {
		for where, dir := range map[string]string{"new": filepath.Join(t.TempDir(), "project"), "empty": empty} {
			r := &switchingReader{ReadSeeker: bytes.NewReader(pack(t, small())), second: bytes.NewReader(second)}
			if _, err := capsule.Extract(r, dir, capsule.ExtractOptions{}); err == nil {
				t.Errorf("%s, %s folder: extracted what was not verified", name, where)
			}
			if r.starts != 2 {
				t.Errorf("%s, %s folder: read %d times, so this shows nothing", name, where, r.starts)
			}
			if dir != empty {
				wantNothing(t, dir)
				continue
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("%s: %v, %v is left behind", name, entries, err)
			}
		}
	}
}

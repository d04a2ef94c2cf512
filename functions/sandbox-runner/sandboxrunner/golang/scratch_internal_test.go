package golang

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestScratch(t *testing.T) {
	t.Parallel()
	parent := filepath.Join(t.TempDir(), "scratch")
	open := func() (s scratch, file string) {
		t.Helper()
		s, err := openScratch(parent)
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(s.dir, "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return s, file
	}
	exists := func(path string) bool {
		t.Helper()
		_, err := os.Stat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return err == nil
	}
	living, kept := open()
	killed, left := open()
	second, alsoLeft := open()
	if living.dir == killed.dir || killed.dir == second.dir {
		t.Fatalf("two share a folder: %s, %s, %s", living.dir, killed.dir, second.dir)
	}
	for _, s := range []scratch{killed, second} { // a process's end gives its lock back too, and leaves all files
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	next, file := open()
	if !exists(kept) || exists(alsoLeft) || next.dir != killed.dir || left != file {
		t.Errorf("what lives is kept: %t; what was left is kept: %t; the next folder is %s", exists(kept), exists(alsoLeft), next.dir)
	}
	for _, s := range []scratch{living, next} {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

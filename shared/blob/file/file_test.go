package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/blobtest"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
)

func open(t *testing.T, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(dir)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Place { return folder(filepath.Join(t.TempDir(), "new", "blobs")) })
}

// folder is a place of the suite.
type folder string

func (f folder) Open(t *testing.T) blob.Store { return open(t, string(f)) }

func (f folder) Overwrite(t *testing.T, digest string, body []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(f), digest[:2], digest[2:4], digest), body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSweepsStalePartials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	stale, fresh := filepath.Join(dir, "partial", "blob-1"), filepath.Join(dir, "partial", "blob-2")
	for _, p := range []string{stale, fresh} {
		if err := os.WriteFile(p, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(stale, old, old); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale partial file is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a partial file in use is gone: %v", err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	body := []byte("body")
	digest := blob.Digest(body)
	// A directory in the file's place makes the rename fail, whoever runs this.
	if err := os.MkdirAll(filepath.Join(dir, digest[:2], digest[2:4], digest, "in-the-way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), digest, body); err == nil {
		t.Fatal("Put over a directory succeeded")
	}
	left, err := os.ReadDir(filepath.Join(dir, "partial"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", path} {
		if _, err := file.Open(dir); err == nil || !strings.Contains(err.Error(), "blob directory") {
			t.Errorf("Open(%q): %v", dir, err)
		}
	}
}

package dropstore_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

func TestOpenPicksByURL(t *testing.T) {
	t.Parallel()
	blobs, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, databaseURL := range map[string]string{
		"SQLite":              "sqlite:" + filepath.Join(dir, "a.db"),
		"SQLite with slashes": "sqlite://" + filepath.Join(dir, "b.db"),
		"PostgreSQL":          testservices.Postgres(t),
	} {
		s, err := dropstore.Open(t.Context(), databaseURL, blobs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("%s: Ping: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

func TestOpenSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for databaseURL, want := range map[string]string{
		"":                         "write sqlite:PATH or postgres://",
		"mysql://u:s3cr3t@host/db": "write sqlite:PATH or postgres://",
		"s3cr3t":                   "write sqlite:PATH or postgres://",
		"s3cr3t:x@host/db":         "write sqlite:PATH or postgres://",
		"sqlite:":                  "write sqlite:PATH",
		"sqlite::memory:":          "write sqlite:PATH",
		"sqlite://data/drops.db":   "write sqlite:data/drops.db",
	} {
		s, err := dropstore.Open(t.Context(), databaseURL, nil)
		if err == nil {
			t.Errorf("Open(%q) opened %v", databaseURL, s)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("Open(%q): %v, want %q", databaseURL, err, want)
		}
	}
}

package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/dropstoretest"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/sqlite"
)

func open(t *testing.T, path string, blobs blob.Store) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, blobs)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func newBlobs(t *testing.T) blob.Store {
	t.Helper()
	blobs, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dropstoretest.Run(t, func(t *testing.T, blobs blob.Store) (dropstore.Store, func(string)) {
		// A path with everything that means something in the driver's names.
		path := filepath.Join(t.TempDir(), "new dir", "100%?x=1#drops.db")
		s := open(t, path, blobs)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("the file is not where it should be: %v", err)
		}
		return s, func(statement string) {
			db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDropsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	path, blobs := filepath.Join(t.TempDir(), "drops.db"), newBlobs(t)
	d, err := drop.Seal(drop.Drop{WorkflowID: "wf", Stage: "documentation", Type: drop.TypeResult, Artifact: []byte("text")})
	if err != nil {
		t.Fatal(err)
	}
	first, err := sqlite.Open(t.Context(), path, blobs)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Put(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	// Not closed before it is opened again, as after a crash.
	second := open(t, path, blobs)
	if got, err := second.Get(t.Context(), d.ID); err != nil || string(got.Artifact) != "text" {
		t.Errorf("after opening again: %q, %v", got.Artifact, err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, filepath.Join(dir, "drops.db"), newBlobs(t))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, want the database, its log and its index (%v)", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", f.Name(), info.Mode(), err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                             "is a directory",
		text:                            "not a database",
		filepath.Join(text, "below.db"): "not a directory",
	} {
		_, err := sqlite.Open(t.Context(), path, newBlobs(t))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s): %v, want %q", path, err, want)
		}
	}
}

// Whoever learns from drops knows those that were there before drops were announced.
func TestWhatIsThereCountsAsAnnounced(t *testing.T) {
	t.Parallel()
	path, blobs := filepath.Join(t.TempDir(), "drops.db"), newBlobs(t)
	d, err := drop.Seal(drop.Drop{WorkflowID: "wf", Stage: "documentation", Type: drop.TypeResult, Artifact: []byte("text")})
	if err != nil {
		t.Fatal(err)
	}
	first := open(t, path, blobs)
	if _, err := first.Put(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"DROP INDEX quantum_drops_unannounced", "ALTER TABLE quantum_drops DROP COLUMN announced", "DELETE FROM quantum_drops_migrations WHERE version_id = 2",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := open(t, path, blobs).Unannounced(t.Context(), 10); err != nil || len(found) != 0 {
		t.Errorf("to announce after the migration: %v, %v", found, err)
	}
}

package memory_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/memory"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/vectorstest"
)

func open(t *testing.T, dir string) vectors.Store {
	t.Helper()
	s, err := memory.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("process", func(t *testing.T) { vectorstest.Run(t, func(t *testing.T) vectors.Store { return open(t, "") }) })
	t.Run("folder", func(t *testing.T) {
		vectorstest.Run(t, func(t *testing.T) vectors.Store { return open(t, t.TempDir()) })
	})
}

func TestAnIndexInAFolderIsThereAgain(t *testing.T) {
	t.Parallel()
	dir, space := filepath.Join(t.TempDir(), "new"), vectors.Space{Collection: "prompts", Kind: vectors.Lexical}
	for range 2 {
		if err := open(t, dir).Put(t.Context(), space, vectors.Document{ID: "a", Text: "x"}, []float32{1, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := open(t, dir).Nearest(t.Context(), space, []float32{1, 1}, 5); err != nil || len(found) != 1 || found[0].ID != "a" {
		t.Errorf("found %+v, %v; want the one document, once", found, err)
	}
}

// A process may be killed at any moment, and a machine may lose what it had not written yet.
func TestWhatIsHalfWrittenHarmsNothing(t *testing.T) {
	t.Parallel()
	dir, space := t.TempDir(), vectors.Space{Collection: "prompts", Kind: vectors.Lexical}
	if err := open(t, dir).Put(t.Context(), space, vectors.Document{ID: "a", Text: "x"}, []float32{1, 0}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"new-123": `{"space"`, "empty.json": "", "half.json": `{"space": {"Coll`, "no-vector.json": `{"document": {"id": "b", "text": "y"}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := open(t, dir).Nearest(t.Context(), space, []float32{1, 0}, 5); err != nil || len(found) != 1 || found[0].ID != "a" {
		t.Errorf("found %+v, %v; want what was whole", found, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new-123")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed process was writing is still there: %v", err)
	}
}

func TestCannotOpen(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a folder: %v", err)
	}
}

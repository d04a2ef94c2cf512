package blueprint_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTry(t *testing.T) {
	out := os.Getenv("TRY_OUT")
	if out == "" {
		t.Skip()
	}
	p := build(t, os.Getenv("TRY_PROMPT"), "auto")
	p.files["FRD.md"] = p.markdown
	for path, content := range p.files {
		f := filepath.Join(out, path)
		os.MkdirAll(filepath.Dir(f), 0o755)
		if err := os.WriteFile(f, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

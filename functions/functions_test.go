// Package functions_test keeps the folders of the functions, their table and the size of their mains in agreement.
package functions_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// mainLimit is how many lines a main.go may have: it names the function, all else is the runner's.
const mainLimit = 20

func mains(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*/main.go", "stages/*/main.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	return found
}

func TestTheTableNamesEveryFunction(t *testing.T) {
	var folders, rows []string
	for _, f := range mains(t) {
		folders = append(folders, filepath.Base(filepath.Dir(f)))
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(readme, -1) {
		rows = append(rows, string(m[1]))
	}
	slices.Sort(folders)
	slices.Sort(rows)
	if diff := cmp.Diff(folders, rows); diff != "" {
		t.Errorf("functions/README.md (-folders +table):\n%s", diff)
	}
}

func TestEveryStageIsAFunction(t *testing.T) {
	for _, s := range pipeline.Stages() {
		if _, err := os.Stat(filepath.Join("stages", string(s), "main.go")); err != nil {
			t.Errorf("stage %s: %v", s, err)
		}
	}
}

func TestMainsOnlyNameTheirFunction(t *testing.T) {
	for _, f := range append(mains(t), "../worker/main.go") {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > mainLimit {
			t.Errorf("%s has %d lines, the limit is %d", f, n, mainLimit)
		}
	}
}

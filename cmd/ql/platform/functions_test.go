package platform

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// folders gives the folders under functions/ that hold a function, which is those with a main.go.
func folders(t *testing.T, pattern string) []string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join("..", "..", "..", "functions", pattern, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, main := range mains {
		names = append(names, filepath.Base(filepath.Dir(main)))
	}
	return names
}

// TestEveryFunctionRuns: what is a function in a cluster is one in this process, under the same name.
func TestEveryFunctionRuns(t *testing.T) {
	t.Parallel()
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff(folders(t, "*"), names, sorted); diff != "" {
		t.Errorf("services (-folders +table):\n%s", diff)
	}
	names = nil
	for _, f := range stages {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff(folders(t, filepath.Join("stages", "*")), names, sorted); diff != "" {
		t.Errorf("stages (-folders +table):\n%s", diff)
	}
	var order []string
	for _, stage := range pipeline.Stages() {
		order = append(order, string(stage))
	}
	if diff := cmp.Diff(order, names); diff != "" {
		t.Errorf("stages are not in the pipeline's order (-pipeline +table):\n%s", diff)
	}
	for _, f := range functions() {
		if f.New == nil {
			t.Errorf("%s cannot be built", f.Name)
		}
	}
}

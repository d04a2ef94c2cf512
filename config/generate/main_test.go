package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryFunctionIsDeployed(t *testing.T) {
	t.Parallel()
	var folders, deployed []string
	for _, pattern := range []string{"functions/*/main.go", "functions/stages/*/main.go"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			folder, err := filepath.Rel(filepath.Join("..", ".."), filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			folders = append(folders, folder)
		}
	}
	for _, f := range functions() {
		deployed = append(deployed, f.Path)
	}
	slices.Sort(folders)
	slices.Sort(deployed)
	if diff := cmp.Diff(folders, deployed); diff != "" {
		t.Errorf("functions (-folders +table):\n%s", diff)
	}
}

func TestCheckFindsWhatIsNotGenerated(t *testing.T) {
	t.Parallel()
	if err := run("..", true); err != nil {
		t.Fatalf("the manifests as they are: %v", err)
	}
	edit := func(old, changed string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, changed, 1) }
	}
	for name, c := range map[string]struct {
		file   string
		change func(string) string // of the file's text, empty when it is not there
		want   string
	}{
		"a Service":             {"knative/parser.yaml", edit("containerConcurrency: 8", "containerConcurrency: 9"), "knative/parser.yaml is not what would be generated"},
		"a Trigger":             {"eventing/stage-documentation.yaml", edit("PT10M", "PT1M"), "stage-documentation.yaml is not what would be generated"},
		"a part":                {"stores/redis.yaml", edit("redis:7", "redis:8"), "quantumlayer.yaml is not what would be generated"},
		"the whole":             {"quantumlayer.yaml", edit("redis:7", "redis:8"), "quantumlayer.yaml is not what would be generated"},
		"a new part":            {"network/more.yaml", func(string) string { return "kind: NetworkPolicy\n" }, "quantumlayer.yaml is not what would be generated"},
		"what nobody generates": {"knative/old.yaml", func(string) string { return "kind: Service\n" }, "knative/old.yaml belongs to no function"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("..")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			text, err := os.ReadFile(path)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			changed := c.change(string(text))
			if changed == string(text) {
				t.Fatalf("the edit changes nothing in %s", c.file)
			}
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := run(dir, true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, wanted %q", err, c.want)
			}
			// What is generated can be written again; what nobody generates has to go by hand.
			if err := run(dir, false); err != nil {
				if !strings.Contains(err.Error(), "belongs to no function") {
					t.Errorf("writing it again: %v", err)
				}
			} else if err := run(dir, true); err != nil {
				t.Errorf("after writing it again: %v", err)
			}
		})
	}
}

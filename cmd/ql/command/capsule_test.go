package command

import (
	"bytes"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

// packCapsule packs a project of one file.
func packCapsule(t *testing.T) []byte {
	t.Helper()
	source := []byte("package main\n\nfunc main() {}\n")
	var out bytes.Buffer
	_, err := capsule.Pack(&out, capsule.Input{
		Generator:    capsule.Generator{Name: "quantumlayer", Version: "test"},
		Project:      capsule.Project{Name: "demo", Language: "go", Type: "cli", EntryPoint: "main.go", Commands: capsule.Commands{Build: "go build ./...", Run: "go run .", Test: "go test ./..."}},
		Files:        []capsule.File{{Path: "main.go", Content: source, Drop: "code-generation/file/main.go@sha256:" + drop.Digest(source)}},
		Verification: capsule.Verification{Status: capsule.Passed, Mode: "namespaces", Steps: []capsule.Step{{Name: "build", Status: capsule.Passed}}, Tests: capsule.Tests{Passed: 2}},
		Models:       []capsule.Model{{Provider: "scripted", Model: "scripted-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFreeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, project := range []string{"../../etc", "a b/ü", "", "...", "-rf", "library"} {
		path, err := freeFolder(project, false)
		if err != nil {
			t.Fatal(err)
		}
		if display(path) != map[string]string{"../../etc": "etc", "a b/ü": "a-b", "": "project", "...": "project", "-rf": "rf", "library": "library"}[project] {
			t.Errorf("%q becomes %s", project, display(path))
		}
	}
}

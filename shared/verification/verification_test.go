package verification

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

func TestCheckFiles(t *testing.T) {
	t.Parallel()
	many := make([]pipeline.File, FileLimit+1)
	for i := range many {
		many[i].Path = fmt.Sprintf("f%d.go", i)
	}
	for name, files := range map[string][]pipeline.File{
		"none":              nil,
		"too many":          many,
		"absolute":          {{Path: "/etc/passwd"}},
		"upwards":           {{Path: "a/../../b"}},
		"not clean":         {{Path: "a//b"}},
		"backslash":         {{Path: `a\b`}},
		"nul":               {{Path: "a\x00b"}},
		"empty":             {{Path: ""}},
		"git":               {{Path: ".git/config"}},
		"twice":             {{Path: "a.go"}, {Path: "a.go"}},
		"file and folder":   {{Path: "a/b/c.go"}, {Path: "a"}},
		"not UTF-8":         {{Path: "a.go", Content: "\xff"}},
		"too large":         {{Path: "a.go", Content: strings.Repeat("x", TotalLimit)}, {Path: "b.go", Content: "x"}},
		"too long a path":   {{Path: strings.Repeat("a/", 150) + "b"}},
		"option for a tool": {{Path: "-x.go"}},
	} {
		if err := CheckFiles(files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := CheckFiles([]pipeline.File{{Path: "go.mod", Content: "module m\n"}, {Path: "a/b/c_test.go"}, {Path: "a/b.go"}, {Path: ".github/x.yml"}}); err != nil {
		t.Errorf("good files: %v", err)
	}
}

// Files that are accepted can be written below a folder, all of them, and nowhere else.
func FuzzCheckFiles(f *testing.F) {
	for _, p := range []string{"a.go", "../a", "a/../b", "/a", `a\..\b`, ".", "a/./b", "a/b\x00", ".git/x", "é.go"} {
		f.Add(p, "a/b.go")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		files := []pipeline.File{{Path: first}, {Path: second}}
		if CheckFiles(files) != nil {
			return
		}
		dir := t.TempDir()
		for _, file := range files {
			p := filepath.Join(dir, file.Path)
			if !strings.HasPrefix(p, dir+"/") {
				t.Fatalf("%q leads to %s", file.Path, p)
			}
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestStepThatIsNotThereWasNotRun(t *testing.T) {
	t.Parallel()
	r := Result{Steps: []Step{{Name: Build, Status: Passed}}}
	if r.Step(Build).Status != Passed || r.Step(Test).Status != NotRun {
		t.Errorf("build %q, test %q", r.Step(Build).Status, r.Step(Test).Status)
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/verifications":
			fmt.Fprint(w, `{"verified":true,"mode":"namespaces"}`)
		default:
			fault.Write(w, r, fault.New(fault.Busy, "later").WithRetryAfter(3e9))
		}
	}))
	t.Cleanup(server.Close)
	c := NewClient(server.URL)
	if r, err := c.Verify(context.Background(), Request{Language: "go"}); err != nil || !r.Verified || r.Mode != "namespaces" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Dependencies(context.Background(), DependenciesRequest{}); !fault.Is(err, fault.Busy) || fault.From(err).RetryAfter != 3e9 {
		t.Errorf("error %v", err)
	}
}

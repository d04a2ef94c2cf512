package gotest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

var update = flag.Bool("update", false, "rewrite the wanted reports in testdata")

// A case is a project, what `go test -json` printed in it, and the report.
func TestRead(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var files []pipeline.File
			var output, want []byte
			var wantFile *txtar.File
			for i, f := range archive.Files {
				switch f.Name {
				case "output":
					output = f.Data
				case "want":
					want, wantFile = f.Data, &archive.Files[i]
				default:
					files = append(files, pipeline.File{Path: f.Name, Content: string(f.Data)})
				}
			}
			report := Read(output, files)
			report.Output = "" // it repeats what stands above
			got, err := json.MarshalIndent(report, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if *update {
				wantFile.Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNothingPrintedPassesNothing(t *testing.T) {
	t.Parallel()
	files := []pipeline.File{
		{Path: "go.mod", Content: "module example.com/m\n"},
		{Path: "m_test.go", Content: "package m\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"},
	}
	want := Report{Summary: verification.Summary{Failed: 1}}
	for _, output := range []string{"", "ok\n", "{}\n", `{"Action":"pass","Package":"example.com/m"}` + "\n", `{"Action":"pass","Package":"example.com/m","Test":"TestA"}` + "\n"} {
		got := Read([]byte(output), files)
		if diff := cmp.Diff(want.Summary, got.Summary); diff != "" {
			t.Errorf("after %q: %s", output, diff)
		}
		if len(got.Findings) != 1 || got.Findings[0].Test != "TestA" || got.Findings[0].File != "m_test.go" || got.Findings[0].Line != 5 {
			t.Errorf("after %q: findings %+v", output, got.Findings)
		}
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	output := `# example.com/m/store
store/store.go:12:5: undefined: Save
store/store.go:14:2: cannot use x (variable of type int) as string value in return statement
	have (int)
	want (string)
store/store.go:12:5: undefined: Save
# [example.com/m]
vet: ./main_test.go:3:27: undefined: thing
./main.go:9: fmt.Printf format %d has arg "x" of wrong type string
/project/api/api.go:1:1: expected 'package', found 'EOF'
go.mod:5: unknown directive: foo
/usr/local/go/src/fmt/print.go:3:4: something odd
main.go:6:2: no required module provides package github.com/a/b; to add it:
	go get github.com/a/b
ok  	example.com/m/ok	0.1s
`
	want := []pipeline.Finding{
		{Step: "build", File: "store/store.go", Line: 12, Column: 5, Message: "undefined: Save"},
		{Step: "build", File: "store/store.go", Line: 14, Column: 2, Message: "cannot use x (variable of type int) as string value in return statement\nhave (int)\nwant (string)"},
		{Step: "build", File: "main_test.go", Line: 3, Column: 27, Message: "undefined: thing"},
		{Step: "build", File: "main.go", Line: 9, Message: `fmt.Printf format %d has arg "x" of wrong type string`},
		{Step: "build", File: "api/api.go", Line: 1, Column: 1, Message: "expected 'package', found 'EOF'"},
		{Step: "build", File: "go.mod", Line: 5, Message: "unknown directive: foo"},
		{Step: "build", Message: "/usr/local/go/src/fmt/print.go:3:4: something odd"},
		{Step: "build", File: "main.go", Line: 6, Column: 2, Message: "no required module provides package github.com/a/b; to add it:\ngo get github.com/a/b"},
	}
	if diff := cmp.Diff(want, Diagnostics("build", output)); diff != "" {
		t.Error(diff)
	}
}

func TestExpected(t *testing.T) {
	t.Parallel()
	const head = "package p\n\nimport \"testing\"\n\n"
	got := expected([]pipeline.File{
		{Path: "go.mod", Content: "module example.com/m\n"},
		{Path: "a_test.go", Content: head + "func TestA(t *testing.T) {}\nfunc Testify(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc Test(t *testing.T) {}\n" +
			"func TestNoParam() {}\nfunc TestResult(t *testing.T) int { return 0 }\nfunc TestGeneric[X any](t *testing.T) {}\ntype s struct{}\nfunc (s) TestMethod(t *testing.T) {}\n" +
			"func FuzzA(f *testing.F) {}\nfunc BenchmarkA(b *testing.B) {}\nfunc ExampleRuns() {\n\t// Output: x\n}\nfunc ExampleCompiles() {}\n"},
		{Path: "b/external_test.go", Content: "package b_test\n\nimport . \"testing\"\n\nfunc TestB(t *T) {}\n"},
		{Path: "b/b_windows_test.go", Content: head + "func TestWindows(t *testing.T) {}\n"},
		{Path: "b/tagged_test.go", Content: "//go:build integration\n\n" + head + "func TestTagged(t *testing.T) {}\n"},
		{Path: "b/broken_test.go", Content: "package b\n\nfunc {"},
		{Path: "testdata/x_test.go", Content: head + "func TestData(t *testing.T) {}\n"},
		{Path: "_old/x_test.go", Content: head + "func TestOld(t *testing.T) {}\n"},
		{Path: "vendor/v/x_test.go", Content: head + "func TestVendored(t *testing.T) {}\n"},
		{Path: "tools/go.mod", Content: "module example.com/tools\n"},
		{Path: "tools/x_test.go", Content: head + "func TestOtherModule(t *testing.T) {}\n"},
		{Path: "c.go", Content: "package p\n\nfunc TestInSource() {}\n"},
	})
	want := map[string]map[string]place{
		"example.com/m":   {"TestA": {"a_test.go", 5}, "Test": {"a_test.go", 8}, "FuzzA": {"a_test.go", 14}, "ExampleRuns": {"a_test.go", 16}},
		"example.com/m/b": {"TestB": {"b/external_test.go", 5}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
		t.Error(diff)
	}
}

// Whatever a process prints, reading it neither fails nor makes a test pass that did not say so itself.
func FuzzRead(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range archive.Files {
			if x.Name == "output" {
				f.Add(string(x.Data))
			}
		}
	}
	files := []pipeline.File{
		{Path: "go.mod", Content: "module example.com/exp\n"},
		{Path: "z/z_test.go", Content: "package z\n\nimport \"testing\"\n\nfunc TestNeverPrinted(t *testing.T) {}\n"},
	}
	f.Fuzz(func(t *testing.T, output string) {
		r := Read([]byte(output), files)
		if !strings.Contains(output, "TestNeverPrinted") && r.Summary.Failed == 0 {
			t.Error("a test that never ran does not count as failed")
		}
		for _, test := range r.Tests {
			if test.Status == verification.Passed && !strings.Contains(output, "--- PASS") && !strings.Contains(output, `\u002d`) && !strings.Contains(output, `\u`) {
				t.Errorf("%s passes without its report", test.Name)
			}
		}
	})
}

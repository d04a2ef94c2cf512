package parser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/parser/parser"
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/frd"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func client(t *testing.T, environ ...runner.Environ) *analysis.Client {
	t.Helper()
	t.Parallel()
	s, err := parser.New(t.Context(), append(environ, runner.Environ{})[0])
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler)
	t.Cleanup(server.Close)
	return analysis.NewClient(server.URL)
}

const store = `package store

import "fmt"

// Get answers the value of a key.
func Get(key string) error {
	return fmt.Errorf("no %s", key)
}
`

func rules(issues []pipeline.Issue) []string {
	var out []string
	for _, i := range issues {
		out = append(out, i.File+" "+i.Rule)
	}
	return out
}

func TestAnAnalysisSaysWhatFilesHoldAndBreak(t *testing.T) {
	c := client(t)
	report, err := c.Analyse(t.Context(), analysis.Request{Language: "go", Checks: analysis.Checks(),
		Files: []pipeline.File{
			{Path: "store/store.go", Content: store},
			{Path: "go.mod", Content: "module example.com/x\n"},
			{Path: "main.go", Content: "package main\n\nimport \"example.com/x/nowhere\"\n\nfunc main() { nowhere.Go() }\n"},
			{Path: "broken.go", Content: "package main\n\nfunc f( {\n"},
			{Path: ".env", Content: "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz\n"}},
		Contract: []pipeline.ContractFile{{Path: "store/store.go", Package: "store", Exports: []pipeline.ContractExport{{Name: "Put", Signature: "func Put(key string) error"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		".env hardcoded-secret", "broken.go syntax-error", "main.go missing-package",
		"store/store.go contract-missing", "store/store.go contract-extra",
	}
	if diff := cmp.Diff(want, rules(report.Issues)); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
	var paths []string
	for _, f := range report.Files {
		paths = append(paths, f.Path)
		if f.Path == "store/store.go" && (len(f.Exports) != 1 || f.Exports[0].Name != "Get" || f.Functions[0].Name != "Get") {
			t.Errorf("store.go: %+v", f)
		}
	}
	if diff := cmp.Diff([]string{".env", "broken.go", "go.mod", "main.go", "store/store.go"}, paths); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestRequirementsKeepTheirNumbers(t *testing.T) {
	read, err := client(t).Requirements(t.Context(), "# Library\n\nLends books.\n\n## Functional requirements\n\n- **FR-2** (must): A member borrows at most five books.\n- **FR-7** (should): Loans can be listed.\n")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range read.Requirements {
		ids = append(ids, r.ID+" "+r.Priority+" "+r.Kind)
	}
	if diff := cmp.Diff([]string{"FR-2 must functional", "FR-7 should functional"}, ids); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	c := client(t)
	one := func(path, content string) []pipeline.File { return []pipeline.File{{Path: path, Content: content}} }
	for name, req := range map[string]analysis.Request{
		"an unknown language": {Language: "cobol", Files: one("a.cob", "")},
		"no files":            {Language: "go"},
		"a path outside":      {Language: "go", Files: one("../a.go", "package a")},
		"a path twice":        {Language: "go", Files: append(one("a.go", "package a"), one("a.go", "package a")...)},
		"an unknown check":    {Language: "go", Files: one("a.go", "package a"), Checks: []analysis.Check{"taste"}},
	} {
		if _, err := c.Analyse(t.Context(), req); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%s: %v, want %s", name, err, fault.Unprocessable)
		}
	}
}

func TestManyAtTheSameTime(t *testing.T) {
	c := client(t)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			report, err := c.Analyse(t.Context(), analysis.Request{Language: "go", Files: []pipeline.File{{Path: fmt.Sprintf("f%d.go", i), Content: store}}})
			if err != nil || len(report.Files) != 1 || len(report.Files[0].Exports) != 1 {
				t.Errorf("%d: %+v, %v", i, report, err)
			}
		})
	}
	group.Wait()
}

// TestChecks sees that only the checks asked for are answered, and hot spots with performance alone.
func TestChecks(t *testing.T) {
	c := client(t)
	source := "package p\n\nimport \"os\"\n\nfunc F() {\n\tfor {\n\t\tdefer os.Chmod(\"x\", 0777)\n\t}\n}\n\nfunc G( {\n"
	for check, want := range map[analysis.Check]string{"syntax": "p.go syntax-error", "semantic": "", "security": "p.go file-mode", "performance": "p.go defer-in-loop"} {
		report, err := c.Analyse(t.Context(), analysis.Request{Language: "go", Checks: []analysis.Check{check}, Files: []pipeline.File{{Path: "p.go", Content: source}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(rules(report.Issues), " "); got != want {
			t.Errorf("check %s gives %q, want %q", check, got, want)
		}
		if (len(report.Hotspots) > 0) != (check == analysis.Performance) || report.Files[0].SyntaxErrors != 1 {
			t.Errorf("check %s: hot spots %v, syntax errors %d", check, report.Hotspots, report.Files[0].SyntaxErrors)
		}
	}
}

// TestAModuleWithoutItsGoMod sees that the module path may come with the request.
func TestAModuleWithoutItsGoMod(t *testing.T) {
	report, err := client(t).Analyse(t.Context(), analysis.Request{
		Language: "go", Module: "example.com/x", Checks: []analysis.Check{analysis.Semantic},
		Files: []pipeline.File{{Path: "main.go", Content: "package main\n\nimport \"example.com/x/nowhere\"\n\nfunc main() { nowhere.Go() }\n"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"main.go missing-package"}, rules(report.Issues)); diff != "" {
		t.Error(diff)
	}
}

// TestAFileOverALimit sees that such a file is an issue, that the others are still read, and that nothing is said of names
// that it may declare.
func TestAFileOverALimit(t *testing.T) {
	use := pipeline.File{Path: "use.go", Content: "package p\n\nimport \"example.com/x/big\"\n\nvar V = big.Name\n"}
	for name, c := range map[string]struct {
		environ runner.Environ
		content string
		want    []string
	}{
		"size": {nil, "package big\n" + strings.Repeat("//\n", 1<<19), []string{"big/big.go not-analysed"}},
		"time": {runner.Environ{"QL_PARSER_FILE_TIMEOUT": "1ns"}, "package big\n", []string{"big/big.go not-analysed", "use.go not-analysed"}},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := client(t, c.environ).Analyse(t.Context(), analysis.Request{
				Language: "go", Module: "example.com/x", Checks: analysis.Checks(),
				Files: []pipeline.File{{Path: "big/big.go", Content: c.content}, use},
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, rules(report.Issues)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADocumentOverTheLimit(t *testing.T) {
	if _, err := client(t).Requirements(t.Context(), strings.Repeat("a", frd.MaxBytes+1)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for _, environ := range []runner.Environ{{"QL_PARSER_CONCURRENCY": "-1"}, {"QL_PARSER_FILE_TIMEOUT": "0s"}, {"QL_PARSER_FILE_TIMEOUT": "soon"}} {
		if _, err := parser.New(t.Context(), environ); err == nil {
			t.Errorf("%v is accepted", environ)
		}
	}
}

// TestACallerThatGoesAway sees that waiting for a turn ends with the request.
func TestACallerThatGoesAway(t *testing.T) {
	c := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Analyse(ctx, analysis.Request{Language: "go", Files: []pipeline.File{{Path: "a.go", Content: store}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

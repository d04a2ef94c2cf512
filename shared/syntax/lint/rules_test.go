package lint_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/modfile"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax/lint"
)

var update = flag.Bool("update", false, "write what the code answers into the golden files")

// TestRules runs each rule over its cases, testdata/rules/<rule>/<language>.txtar: the rule must fire in every file named
// fires, must not in any named quiet, and says exactly what stands in want. A rule without a case for one of its languages
// fails.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, rule := range lint.Rules() {
		for _, lang := range rule.Languages() {
			t.Run(rule.ID+"/"+string(lang), func(t *testing.T) {
				t.Parallel()
				checkRule(t, rule, lang, filepath.Join("testdata", "rules", rule.ID, string(lang)+".txtar"))
			})
		}
	}
}

func checkRule(t *testing.T, rule lint.Rule, lang syntax.Language, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatalf("every rule has a case for each of its languages: %v", err)
	}
	fires, quiet := 0, 0
	var got strings.Builder
	for _, file := range archive.Files {
		if file.Name == "want" {
			continue
		}
		issues := ofRule(lintFile(t, lang, file.Name, file.Data, rule.Check), rule.ID)
		switch stem := filepath.Base(file.Name); {
		case strings.HasPrefix(strings.ToLower(stem), "fires"):
			fires++
			if len(issues) == 0 {
				t.Errorf("%s: the rule does not fire", file.Name)
			}
		default:
			quiet++
			for _, i := range issues {
				t.Errorf("%s:%d: the rule fires: %s", file.Name, i.Line, i.Message)
			}
		}
		for _, i := range issues {
			fmt.Fprintf(&got, "%s:%d:%d: %s: %s\n", i.File, i.Line, i.Column, i.Severity, i.Message)
		}
	}
	if fires == 0 || quiet == 0 {
		t.Errorf("%s: has %d files that fire and %d that do not, and needs one of each", name, fires, quiet)
	}
	golden(t, name, archive, got.String())
}

func lintFile(t *testing.T, lang syntax.Language, name string, source []byte, checks ...analysis.Check) []pipeline.Issue {
	t.Helper()
	f, err := syntax.Analyse(t.Context(), lang, name, source)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.Errors {
		t.Errorf("%s:%d: the case itself is wrong: %s", name, e.Line, e.Message)
	}
	issues, err := lint.File(t.Context(), f, checks...)
	if err != nil {
		t.Fatal(err)
	}
	return issues
}

func ofRule(issues []pipeline.Issue, rule string) []pipeline.Issue {
	var of []pipeline.Issue
	for _, i := range issues {
		if i.Rule == rule {
			of = append(of, i)
		}
	}
	return of
}

// golden compares with the archive's file want, or writes it.
func golden(t *testing.T, name string, archive *txtar.Archive, got string) {
	t.Helper()
	want := -1
	for i, f := range archive.Files {
		if f.Name == "want" {
			want = i
		}
	}
	if *update {
		if want < 0 {
			archive.Files = append(archive.Files, txtar.File{Name: "want"})
			want = len(archive.Files) - 1
		}
		archive.Files[want].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want < 0 {
		t.Fatalf("%s: has no file want; run the test with -update and read what it writes", name)
	}
	if diff := cmp.Diff(string(archive.Files[want].Data), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestProject runs the rules of a whole project over testdata/project/*.txtar. Every rule of the kind fires in one of them.
func TestProject(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/project/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	fired := map[string]bool{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var files []*syntax.File
		module := ""
		for _, file := range archive.Files {
			if file.Name == "go.mod" {
				module = modfile.ModulePath(file.Data)
			}
			lang, ok := syntax.LanguageOf(file.Name)
			if !ok {
				continue
			}
			f, err := syntax.Analyse(t.Context(), lang, file.Name, file.Data)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		issues, err := lint.Project(t.Context(), files, module)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, i := range issues {
			fired[i.Rule] = true
			fmt.Fprintf(&got, "%s:%d: %s: %s\n", i.File, i.Line, i.Rule, i.Message)
		}
		golden(t, name, archive, got.String())
	}
	for _, r := range lint.ProjectRules() {
		if !fired[r.ID] {
			t.Errorf("no case in which %s fires", r.ID)
		}
	}
}

// TestRuleTable holds what readers of reports rely on.
func TestRuleTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range append(lint.Rules(), lint.ProjectRules()...) {
		if seen[r.ID] {
			t.Errorf("rule %s is there twice", r.ID)
		}
		seen[r.ID] = true
		if r.Advice == "" {
			t.Errorf("rule %s gives no advice", r.ID)
		}
		if (r.Check == analysis.Security) != strings.HasPrefix(r.CWE, "CWE-") {
			t.Errorf("rule %s of check %s has weakness %q; security rules have one, and only they", r.ID, r.Check, r.CWE)
		}
		switch r.Severity {
		case analysis.SeverityError, analysis.SeverityWarning, analysis.SeverityInfo:
		default:
			t.Errorf("rule %s has severity %q", r.ID, r.Severity)
		}
	}
}

// TestOnlyAskedChecks sees that a check that is not asked for does not run.
func TestOnlyAskedChecks(t *testing.T) {
	t.Parallel()
	source := []byte("package p\n\nimport \"os\"\n\nfunc F() {\n\tfor {\n\t\tdefer os.Chmod(\"x\", 0777)\n\t}\n}\n")
	want := map[analysis.Check]string{analysis.Semantic: "", analysis.Security: "file-mode", analysis.Performance: "defer-in-loop"}
	for check, rule := range want {
		var rules []string
		for _, i := range lintFile(t, syntax.Go, "p.go", source, check) {
			rules = append(rules, i.Rule)
		}
		if got := strings.Join(rules, " "); got != rule {
			t.Errorf("check %s gives %q, want %q", check, got, rule)
		}
	}
}

// TestCancelled sees that a pass ends with its context instead of with half a result.
func TestCancelled(t *testing.T) {
	t.Parallel()
	f, err := syntax.Analyse(t.Context(), syntax.Go, "p.go", []byte("package p\n\nfunc F() { panic(1) }\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if issues, err := lint.File(ctx, f, analysis.Checks()...); err == nil {
		t.Errorf("File answers %v after its context ended", issues)
	}
	if issues, err := lint.Project(ctx, []*syntax.File{f}, ""); err == nil {
		t.Errorf("Project answers %v after its context ended", issues)
	}
}

// caseSource is the file of a rule's case in which the rule fires.
func caseSource(rule string, lang syntax.Language) ([]byte, error) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "rules", rule, string(lang)+".txtar"))
	if err != nil {
		return nil, err
	}
	return archive.Files[0].Data, nil
}

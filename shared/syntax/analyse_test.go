package syntax_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

var update = flag.Bool("update", false, "write what the code answers into the golden files")

// TestAnalyse reads the first file of each testdata/analyse/*.txtar; what is found stands in want.
func TestAnalyse(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/analyse/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	languages := map[string]bool{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source := archive.Files[0]
		lang, ok := syntax.LanguageOf(source.Name)
		if !ok {
			t.Fatalf("%s: no language for %s", name, source.Name)
		}
		languages[string(lang)] = true
		f, err := syntax.Analyse(t.Context(), lang, source.Name, source.Data)
		if err != nil {
			t.Fatal(err)
		}
		got := describe(f)
		if *update {
			archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(archive.Files) != 2 {
			t.Fatalf("%s: has no file want; run the test with -update and read what it writes", name)
		}
		if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, l := range syntax.Languages() {
		if !languages[string(l)] {
			t.Errorf("no case for %s", l)
		}
	}
}

func describe(f *syntax.File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s package %q, %d lines, %d of comments\n", f.Language, f.Package, f.Lines, f.CommentLines)
	for _, i := range f.Imports {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%d: import %s %s", i.Line, i.Path, i.Alias)))
	}
	for _, s := range f.Exports {
		fmt.Fprintf(&b, "%d: %s %s: %s\n", s.Line, s.Kind, s.Qualified(), s.Signature)
	}
	for _, m := range f.Functions {
		fmt.Fprintf(&b, "%d: function %s: lines %d, cyclomatic %d, nesting %d, loops %d, parameters %d\n",
			m.Line, m.Name, m.Lines, m.Cyclomatic, m.MaxNesting, m.NestedLoops, m.Parameters)
	}
	for _, e := range f.Errors {
		fmt.Fprintf(&b, "%d:%d: %s\n", e.Line, e.Column, e.Message)
	}
	b.WriteString("\noutline:\n" + f.Outline)
	return b.String()
}

// TestGrammars sees that each extension reaches the grammar that can read it.
func TestGrammars(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"a.go": "package a\n", "a.py": "x = 1\n", "a.pyi": "x: int\n", "a.js": "const a = <b>c</b>;\n", "a.jsx": "const a = <b>c</b>;\n",
		"a.mjs": "export {};\n", "a.cjs": "module.exports = 1;\n", "a.ts": "const a = <string>b;\n", "a.tsx": "const a: X = <b>c</b>;\n",
		"a.java": "class A {}\n", "A.RS": "fn a() {}\n",
	} {
		lang, ok := syntax.LanguageOf(name)
		if !ok {
			t.Errorf("%s: no language", name)
			continue
		}
		f, err := syntax.Analyse(t.Context(), lang, name, []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		if f.SyntaxErrors > 0 {
			t.Errorf("%s: %s", name, f.Errors[0].Message)
		}
	}
	if lang, ok := syntax.LanguageOf("Makefile"); ok {
		t.Errorf("a Makefile is %s", lang)
	}
	if _, err := syntax.ParseLanguage("cobol"); err == nil || !strings.Contains(err.Error(), "typescript") {
		t.Errorf("an unknown language: %v", err)
	}
}

func TestIsTest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang syntax.Language
		path string
		want bool
	}{
		{syntax.Go, "a/b_test.go", true}, {syntax.Go, "test/b.go", false}, {syntax.Python, "tests/b.py", true},
		{syntax.Python, "test_b.py", true}, {syntax.Python, "contest.py", false}, {syntax.JavaScript, "b.test.js", true},
		{syntax.TypeScript, "__tests__/b.ts", true}, {syntax.TypeScript, "b.ts", false}, {syntax.Java, "src/test/java/B.java", true},
		{syntax.Java, "BTest.java", true}, {syntax.Java, "B.java", false}, {syntax.Rust, "tests/b.rs", true}, {syntax.Rust, "src/b.rs", false},
	} {
		if got := syntax.IsTest(c.lang, c.path); got != c.want {
			t.Errorf("IsTest(%s, %s) = %v", c.lang, c.path, got)
		}
	}
}

package syntax_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t *testing.T, lang syntax.Language, source string) *syntax.Tree {
	t.Helper()
	tree, err := syntax.Parse(t.Context(), lang, "a", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		source string
		want   error
	}{
		{"bytes", "package p\n//" + strings.Repeat("a", syntax.MaxBytes), syntax.ErrTooLarge},
		{"nodes", "package p\nvar x = []int{" + strings.Repeat("1,", syntax.MaxNodes/2) + "}", syntax.ErrTooMany},
		{"depth", "package p\nvar x = " + strings.Repeat("(", syntax.MaxDepth) + "1" + strings.Repeat(")", syntax.MaxDepth), syntax.ErrTooDeep},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := syntax.Analyse(t.Context(), syntax.Go, "p.go", []byte(c.source)[:min(len(c.source), syntax.MaxBytes+1)]); !errors.Is(err, c.want) || !syntax.IsLimit(err) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestParseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := syntax.Parse(ctx, syntax.Go, "p.go", []byte("package p")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := syntax.Parse(t.Context(), "cobol", "p.cob", nil); err == nil {
		t.Error("a language without a grammar is parsed")
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	tree := parse(t, syntax.Go, "package p\n\n// F runs.\n\n// Twice.\nfunc F(a, b int) { run(a, /* in */ b) }\n")
	fn := tree.Root().Find("function_declaration")
	call := fn.Find("call_expression")
	if got := fn.Child("name").Text(); got != "F" {
		t.Errorf("name is %q", got)
	}
	if got := fn.Previous().Text(); got != "// Twice." {
		t.Errorf("before the function stands %q", got)
	}
	if got := fn.Previous().Previous().Previous().Text(); got != "package p" {
		t.Errorf("two comments before stands %q", got)
	}
	if call.Ancestor("function_declaration") != fn || call.Function() != fn || tree.Root().Parent() != nil {
		t.Error("ways up do not lead back")
	}
	if args := call.Child("arguments"); args.Count() != 2 || args.At(1).Text() != "b" || args.At(2) != nil {
		t.Errorf("arguments are %q", args.Text())
	}
	if fn.Line != 6 || fn.Column != 1 || call.Column != 20 || fn.EndLine != 6 {
		t.Errorf("function at %d:%d to %d, call in column %d", fn.Line, fn.Column, fn.EndLine, call.Column)
	}
	for n := range fn.Outside("block") {
		if n == call {
			t.Error("Outside goes inside")
		}
	}
	var nothing *syntax.Node
	if nothing.Child("x").At(1).Text() != "" || nothing.Ancestor("x") != nil || nothing.Previous() != nil || nothing.Loop() != nil || nothing.Function() != nil {
		t.Error("a nil node answers something")
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"for { run() }":                        true,
		"for i := 0; run(); i++ {}":            true,
		"for i := run(); i < 3; i++ {}":        false,
		"for range run() {}":                   false,
		"for { func() { run() }() }":           false,
		"run()":                                false,
		"for range xs { if a { go run() } }":   true,
		"for range xs { for range run() { } }": true,
	} {
		tree := parse(t, syntax.Go, "package p\n\nfunc F() { "+source+" }\n")
		var loop *syntax.Node
		for n := range tree.All() {
			if n.Is("call_expression") && n.Child("function").Text() == "run" {
				loop = n.Loop()
			}
		}
		if (loop != nil) != want {
			t.Errorf("%s: the call is in a loop: %v, want %v", source, loop != nil, want)
		}
	}
}

// TestConcurrentUse reads many files at once, and one tree from many goroutines. It says something under the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	sources := map[syntax.Language]string{
		syntax.Go: "package p\n\nfunc F() {}\n", syntax.Python: "def f():\n    return 1\n", syntax.JavaScript: "export function f() {}\n",
		syntax.TypeScript: "export function f(): void {}\n", syntax.Java: "public class A { public void f() {} }\n", syntax.Rust: "pub fn f() {}\n",
	}
	shared := parse(t, syntax.Go, sources[syntax.Go])
	var wg sync.WaitGroup
	for lang, source := range sources {
		for range 8 {
			wg.Go(func() {
				f, err := syntax.Analyse(t.Context(), lang, "a", []byte(source))
				if err != nil || len(f.Exports) == 0 || f.SyntaxErrors > 0 {
					t.Errorf("%s: %v, %v", lang, f, err)
				}
				count := 0
				for range shared.All() {
					count++
				}
				if count == 0 {
					t.Error("the shared tree is empty")
				}
			})
		}
	}
	wg.Wait()
}

// TestTreeOutlivesParser goes through many parses and reads each tree afterwards: the C memory behind it is long freed.
func TestTreeOutlivesParser(t *testing.T) {
	t.Parallel()
	source := "package p\n\n" + strings.Repeat("func F() { run(1, 2, \"a\") }\n", 200)
	var kept []*syntax.Tree
	for range 40 {
		tree := parse(t, syntax.Go, source)
		if len(kept) < 10 {
			kept = append(kept, tree)
		}
	}
	for _, tree := range kept {
		calls := 0
		for n := range tree.All() {
			if n.Is("call_expression") && n.Text() == `run(1, 2, "a")` {
				calls++
			}
		}
		if calls != 200 {
			t.Errorf("found %d calls of 200", calls)
		}
	}
}

// FuzzAnalyse throws any bytes at every grammar: it must not panic, must end, and places must lie inside the file.
func FuzzAnalyse(f *testing.F) {
	for _, l := range syntax.Languages() {
		f.Add(string(l), "a", []byte("x\xff\x00{(\"'`"))
	}
	f.Add("go", "a.go", []byte("package p\nfunc (s *S[T]) F(a, b int) (c T) { if x { } else if y { } }"))
	f.Add("python", "a/__init__.py", []byte("from . import x as y\n@a\nclass A(B):\n  '''d'''\n  def f(self, *, a=[]): pass\n"))
	f.Add("typescript", "a.tsx", []byte("export default class A<T> { private x = 1; async m() {} }\nexport { a as b }; import x = require('y')"))
	f.Add("javascript", "a.js", []byte("module.exports = { a, b: () => 1, c() {} }; exports.d = class {}"))
	f.Add("java", "A.java", []byte("package a.b; import c.*; public enum E { A; public int f(int... a) { return 1; } }"))
	f.Add("rust", "src/lib.rs", []byte("use a::{self, b as c, d::*}; impl<T> X<T> { pub fn f(&self) where T: A, {} }"))
	f.Fuzz(func(t *testing.T, language, path string, source []byte) {
		lang, err := syntax.ParseLanguage(language)
		if err != nil {
			t.Skip()
		}
		file, err := syntax.Analyse(t.Context(), lang, path, source)
		if err != nil {
			if !syntax.IsLimit(err) {
				t.Fatal(err)
			}
			return
		}
		for _, e := range file.Errors {
			if e.Line < 1 || e.Line > file.Lines+1 || e.Column < 1 {
				t.Errorf("error at %d:%d of %d lines", e.Line, e.Column, file.Lines)
			}
		}
		for n := range file.Tree.All() {
			if n.Start < 0 || n.End > len(source) || n.Start > n.End {
				t.Fatalf("node %s from %d to %d of %d bytes", n.Kind, n.Start, n.End, len(source))
			}
		}
	})
}

package syntax_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func TestCompareGo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, have string
		differs    string // empty: they are the same
	}{
		{"func F(a int, b string) error", "func F(x int,\n\ty string,\n) error", ""},
		{"func F(a, b int) (n int, err error)", "func F(int, int) (int, error)", ""},
		{"func F(a interface{}) uint8", "func F(a any) byte", ""},
		{"func F(m store.Member) (store.Member, error)", "func F(m Member) (Member, error)", ""},
		{"func F[T any](a T) []T", "func F[E any](b E) []E", ""},
		{"func F[T any](a T) []T", "func F[E comparable](b E) []E", "type parameters"},
		{"func F(f func(a int) (b error))", "func F(f func(int) error)", ""},
		{"func F(a ...int)", "func F(a []int)", "takes ([]int), not (...int)"},
		{"func F(c <-chan int)", "func F(c chan int)", "takes"},
		{"func F(a int) error", "func F(a int)", "returns (), not (error)"},
		{"func F(a int)", "func F(a int, b int)", "takes (int, int), not (int)"},
		{"func (s *Store) F()", "func (st *Store) F()", ""},
		{"func (s *Store) F()", "func (s Store) F()", "has receiver Store, not *Store"},
		{"func F()", "func (s *Store) F()", ""},
		{"func (l *List[T]) Get(i int) T", "func (l *List[E]) Get(n int) E", ""},
		{"type Member struct {\n\tID string // the key\n\tName string\n}", "type Member struct { Name, ID string `json:\"id\"`; secret int; More bool }", ""},
		{"type Member struct{}", "type Member struct { ID string }", ""},
		{"type Member struct { ID string }", "type Member struct { ID int }", "has field ID int, not string"},
		{"type Member struct { ID string }", "type Member struct { Name string }", "has no field ID string"},
		{"type Member struct { *http.Client }", "type Member struct { Client *http.Client }", ""},
		{"type Member struct { ID string }", "type Member string", "is not a struct"},
		{"type F interface { Find(id string) error; Close() }", "type F interface { Close(); Find(key string) error }", ""},
		{"type F interface { Close() }", "type F interface { Close(); Find() }", "has a method Find more"},
		{"type F interface { Close() error }", "type F interface { Close() }", "has Close(), not Close() error"},
		{"type F interface { Close() }", "type F interface { io.Closer }", "has no Close()"},
		{"type Key string", "type Key = string", "is an alias on one side only"},
		{"type Key string", "type Key int", "is int, not string"},
		{"type H func(w http.ResponseWriter, r *http.Request)", "type H func(http.ResponseWriter, *http.Request)", ""},
		{"const MaxLoans = 5", "const MaxLoans = 6", "is 6, not 5"},
		{`const Usage = "a\n  b\n"`, `const Usage = "a\n" + "  b\n"`, ""},
		{`const Usage = "a\n  b\n"`, `const Usage = "a\n b\n"`, `is "a\n b\n", not "a\n  b\n"`},
		{"const Limit = 1 << 20", "const Limit = 1048576", ""},
		{`const Usage = "a"`, "const Usage", ""},
		{"const MaxLoans int = 5", "const MaxLoans = 5", ""},
		{"const MaxLoans = 5", "var MaxLoans = 5", "is not a const"},
		{"var ErrX error", "var ErrX = errors.New(\"x\")", ""},
		{"var ErrX error", "var ErrX *Error", "has type *Error, not error"},
		{"var (\n\tErrX = errors.New(\"x\")\n\tErrY = errors.New(\"y\")\n)", "var ErrX = errors.New(\"x\")", ""},
		{"func F()", "type F struct{}", "is not a function"},
		{"a line of words", "func F()", ""},
		{"func F()", "func F(", "is declared as"},
	} {
		got := syntax.CompareGo(c.want, c.have, "store")
		if (got == "") != (c.differs == "") || !strings.Contains(got, c.differs) {
			t.Errorf("want %q\nhave %q\ngot %q, expected %q", c.want, c.have, got, c.differs)
		}
	}
}

func TestCompareContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path, source, pkg string
		exports                 []pipeline.ContractExport
		want                    []string
	}{
		{
			name: "a Go file that keeps its contract", path: "store/store.go", pkg: "store",
			source: `package store

type Store struct{}

func (s *Store) Find(id string) error { return nil }

func (s *Store) String() string { return "" }

type Finder interface{ Find(id string) error }

type Member struct{ Name string }

func (hidden) Close() {}
`,
			exports: []pipeline.ContractExport{
				{Name: "Store", Signature: "type Store struct{}"},
				{Name: "Store.Find", Signature: "func (s *Store) Find(id string) error"},
				{Name: "Finder", Signature: "type Finder interface { Find(id string) error }"},
				{Name: "Finder.Find", Signature: "func Find(id string) error"},
				{Name: "Member"},
				{Name: "Member.Name"},
			},
		},
		{
			name: "a Go file that does not", path: "store/store.go", pkg: "store",
			source: `package shop

type Finder interface{ Find(id int) error }

func Open(path string) {}

func Extra() {}
`,
			exports: []pipeline.ContractExport{
				{Name: "Finder"},
				{Name: "Finder.Find", Signature: "func Find(id string) error"},
				{Name: "Open", Signature: "func Open(path string) error"},
				{Name: "Store.Find", Signature: "func (s *Store) Find()"},
			},
			want: []string{
				"1 contract-package error: the file is package shop, the contract says package store",
				"3 contract-differs error: Finder.Find: takes (int), not (string)",
				"5 contract-differs error: Open: returns (), not (error); the contract asks for func Open(path string) error",
				"0 contract-missing error: Store.Find is not exported; the contract asks for func (s *Store) Find()",
				"7 contract-extra warning: Extra is exported, but the contract does not name it",
			},
		},
		{
			name: "a main package may export what it likes", path: "main.go", pkg: "main",
			source: "package main\n\nfunc Extra() {}\n",
		},
		{
			name: "in Python names count", path: "store.py", pkg: "store",
			source:  "class Store:\n    def __init__(self):\n        self.x = 1\n\n    def find(self, key):\n        return key\n",
			exports: []pipeline.ContractExport{{Name: "Store", Signature: "class Store"}, {Name: "Store.find", Signature: "def find(self)"}, {Name: "load"}},
			want:    []string{"0 contract-missing error: load is not exported; the contract asks for load"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lang, _ := syntax.LanguageOf(c.path)
			f, err := syntax.Analyse(t.Context(), lang, c.path, []byte(c.source))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range syntax.CompareContract(pipeline.ContractFile{Path: c.path, Package: c.pkg, Exports: c.exports}, f) {
				got = append(got, fmt.Sprintf("%d %s %s: %s", i.Line, i.Rule, i.Severity, i.Message))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzCompareGo sees that no pair of texts brings the comparison down, and that a declaration equals itself.
func FuzzCompareGo(f *testing.F) {
	f.Add("func (l *List[T]) F(a ...T) (b [3]int, c map[string]struct{ A int })", "type F[T interface{ ~int | string }] interface{ M(T) }")
	f.Add("var A, B = 1, 2", "const C Key = `x`")
	f.Fuzz(func(t *testing.T, want, have string) {
		syntax.CompareGo(want, have, "p")
		if wrong := syntax.CompareGo(have, have, "p"); wrong != "" {
			t.Errorf("%q differs from itself: %s", have, wrong)
		}
		once := syntax.CanonicalGo(have)
		if twice := syntax.CanonicalGo(once); !strings.ContainsAny(have, "`/\"'") && once != twice {
			t.Errorf("%q is written %q, and that %q", have, once, twice)
		}
	})
}

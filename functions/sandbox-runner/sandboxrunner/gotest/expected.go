package gotest

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/modfile"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// place is where a test stands.
type place struct {
	file string
	line int
}

// expected finds what `go test ./...` must run: by import path and name, every test, fuzz test and example with output of the
// module at the project's root that is built for Linux without cgo. Files that do not parse count as empty; the build reports them.
func expected(files []pipeline.File) map[string]map[string]place {
	byPath := map[string]string{}
	var nested []string // roots of other modules
	for _, f := range files {
		byPath[f.Path] = f.Content
		if path.Base(f.Path) == "go.mod" && f.Path != "go.mod" {
			nested = append(nested, path.Dir(f.Path)+"/")
		}
	}
	ctx := build.Default
	ctx.GOOS, ctx.CgoEnabled = "linux", false
	ctx.OpenFile = func(name string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(byPath[name])), nil }
	ctx.JoinPath = path.Join

	module := modfile.ModulePath([]byte(byPath["go.mod"]))
	tests := map[string]map[string]place{}
	for _, f := range files {
		dir, name := path.Split(f.Path)
		if !strings.HasSuffix(name, "_test.go") || ignoredDir(dir) ||
			slices.ContainsFunc(nested, func(root string) bool { return strings.HasPrefix(f.Path, root) }) {
			continue
		}
		if ok, err := ctx.MatchFile(path.Clean(dir), name); err != nil || !ok {
			continue
		}
		in := path.Join(module, dir)
		for test, at := range testsIn(f) {
			if tests[in] == nil {
				tests[in] = map[string]place{}
			}
			tests[in][test] = at
		}
	}
	return tests
}

// ignoredDir says whether the pattern ./... leaves a folder out.
func ignoredDir(dir string) bool {
	for _, s := range strings.Split(path.Clean(dir), "/") {
		if s == "testdata" || s == "vendor" || s != "." && (s[0] == '_' || s[0] == '.') {
			return true
		}
	}
	return false
}

func testsIn(f pipeline.File) map[string]place {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, f.Path, f.Content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	tests := map[string]place{}
	add := func(name string, pos token.Pos) { tests[name] = place{f.Path, set.Position(pos).Line} }
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Type.TypeParams != nil {
			continue
		}
		if hasPrefix(fn.Name.Name, "Test") && takes(fn, "T") || hasPrefix(fn.Name.Name, "Fuzz") && takes(fn, "F") {
			add(fn.Name.Name, fn.Pos())
		}
	}
	for _, e := range doc.Examples(file) {
		if e.Output != "" || e.EmptyOutput {
			add("Example"+e.Name, e.Code.Pos())
		}
	}
	return tests
}

// hasPrefix is the go command's rule: TestX and Test are tests, Testify is none.
func hasPrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && (rest == "" || !unicode.IsLower(first))
}

// takes says whether a function's one parameter is a pointer to a type of that name, of whatever package.
func takes(fn *ast.FuncDecl, name string) bool {
	params := fn.Type.Params.List
	if fn.Type.Results != nil || len(params) != 1 || len(params[0].Names) > 1 {
		return false
	}
	star, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch x := star.X.(type) {
	case *ast.Ident:
		return x.Name == name
	case *ast.SelectorExpr:
		return x.Sel.Name == name
	}
	return false
}

package pipeline

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

var goName = regexp.MustCompile(`^([A-Z]\w*\.)?[A-Z]\w*$`)

// checkGo is what Check asks of a Go project beyond what holds for every language.
func (c *Contract) checkGo() []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if err := module.CheckImportPath(c.Module); err != nil || !strings.Contains(c.Module, "/") {
		add("module: %q must be a module path such as example.com/%s", c.Module, "name")
	}
	packages := map[string]string{} // folder → package
	symbols := map[string]string{}  // folder + symbol → file
	hasMain := false
	for _, f := range c.Files {
		dir := path.Dir(f.Path)
		if path.Ext(f.Path) != ".go" {
			continue // an embedded template or SQL file
		}
		if strings.HasSuffix(f.Path, "_test.go") {
			add("%s: tests do not belong into the contract, they are written later", f.Path)
		}
		if have, ok := packages[dir]; ok && have != f.Package {
			add("%s: package %s, but the other files of %s are package %s", f.Path, f.Package, dir, have)
		}
		packages[dir] = f.Package
		hasMain = hasMain || f.Package == "main"
		if !token.IsIdentifier(f.Package) {
			add("%s: %q is no package name", f.Path, f.Package)
		}
		for _, e := range f.Exports {
			if !goName.MatchString(e.Name) {
				add("%s: export %q must be an exported name, methods as Type.Method", f.Path, e.Name)
			}
			if err := checkGoSignature(e.Signature); err != nil {
				add("%s: signature of %s: %v", f.Path, e.Name, err)
			}
			if other, twice := symbols[dir+" "+e.Name]; twice {
				add("%s: %s is exported by %s too", f.Path, e.Name, other)
			}
			symbols[dir+" "+e.Name] = f.Path
		}
		for _, p := range f.Packages {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				add("%s: packages: %q is the standard library or no import path; name third-party packages only", f.Path, p)
			}
		}
	}
	if c.Type != "library" && !hasMain {
		add("files: a project of type %s needs a package main", c.Type)
	}
	wrong = append(wrong, c.undefinedGo()...)
	return append(wrong, c.importCyclesGo(packages)...)
}

// importCyclesGo finds what Order cannot see: files that do not import each other while their packages do.
func (c *Contract) importCyclesGo(packages map[string]string) []string {
	edges := map[string]map[string]bool{}
	for _, f := range c.Files {
		from := path.Dir(f.Path)
		for _, imp := range f.Imports {
			to := path.Dir(imp)
			if to == from || packages[to] == "" {
				continue
			}
			if edges[from] == nil {
				edges[from] = map[string]bool{}
			}
			edges[from][to] = true
		}
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var wrong []string
	var visit func(dir string, trail []string)
	visit = func(dir string, trail []string) {
		switch state[dir] {
		case done:
			return
		case visiting:
			wrong = append(wrong, "imports: packages import each other in a circle: "+strings.Join(append(trail, dir), " → "))
			return
		}
		state[dir] = visiting
		for _, to := range slices.Sorted(maps.Keys(edges[dir])) { // so that the words are the same every time
			visit(to, append(trail, dir))
		}
		state[dir] = done
	}
	for _, f := range c.Files {
		visit(path.Dir(f.Path), nil)
	}
	return wrong
}

// checkGoSignature wants one declaration as Go writes it; a function without a body is one.
func checkGoSignature(signature string) error {
	src := "package p\n" + signature + "\n"
	if _, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution); err != nil {
		return fmt.Errorf("%q is no Go declaration (func, type, var or const) without body: %w", signature, err)
	}
	return nil
}

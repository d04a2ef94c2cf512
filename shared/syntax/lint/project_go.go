package lint

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// goProject is a Go module seen as packages.
type goProject struct {
	*project
	module   string // module path; empty when it is not known
	packages map[string]*goPackage
	dirs     []string // the keys of packages, sorted
}

// goPackage is one folder.
type goPackage struct {
	dir      string
	files    []*syntax.File // tests aside
	tests    []*syntax.File
	declared map[string]bool // top-level names of all files but those of the external test package
	complete bool            // every file could be read to its end
}

func newGoProject(p *project, files []*syntax.File, module string) *goProject {
	g := &goProject{project: p, module: module, packages: map[string]*goPackage{}}
	for _, f := range files {
		if isIgnored(f) {
			continue
		}
		dir := path.Dir(f.Path)
		pkg := g.packages[dir]
		if pkg == nil {
			pkg = &goPackage{dir: dir, declared: map[string]bool{}, complete: true}
			g.packages[dir] = pkg
			g.dirs = append(g.dirs, dir)
		}
		if syntax.IsTest(syntax.Go, f.Path) {
			pkg.tests = append(pkg.tests, f)
		} else {
			pkg.files = append(pkg.files, f)
		}
		pkg.complete = pkg.complete && f.SyntaxErrors == 0
		if !strings.HasSuffix(f.Package, "_test") {
			for _, d := range goDeclarations(f) {
				pkg.declared[d.name] = true
			}
		}
	}
	slices.Sort(g.dirs)
	return g
}

func (g *goProject) check() {
	for _, dir := range g.dirs {
		pkg := g.packages[dir]
		g.checkPackageNames(pkg)
		g.checkDuplicates(pkg)
		for _, f := range slices.Concat(pkg.files, pkg.tests) {
			g.checkImports(pkg, f)
		}
	}
	g.checkCycles()
}

var buildConstraint = regexp.MustCompile(`(?m)^//go:build (.*)$`)

// isIgnored says whether a file is left out of every build.
func isIgnored(f *syntax.File) bool {
	m := buildConstraint.FindSubmatch(f.Tree.Source)
	return m != nil && strings.TrimSpace(string(m[1])) == "ignore"
}

var platform = regexp.MustCompile(`_(linux|darwin|windows|freebsd|openbsd|netbsd|plan9|js|wasip1|android|ios|unix|amd64|arm64|386|arm|wasm|riscv64)(_test)?\.go$`)

// isConditional says whether only some builds take a file, so that its names may be declared elsewhere too.
func isConditional(f *syntax.File) bool {
	return platform.MatchString(f.Path) || buildConstraint.Match(f.Tree.Source)
}

type goDeclaration struct {
	name string // a method is Type.Method
	node *syntax.Node
}

// goDeclarations gives the top-level names of a file.
func goDeclarations(f *syntax.File) []goDeclaration {
	var all []goDeclaration
	add := func(name string, n *syntax.Node) {
		if name != "" && name != "_" {
			all = append(all, goDeclaration{name, n})
		}
	}
	for n := range f.Tree.Root().Children() {
		switch n.Kind {
		case "function_declaration":
			if name := n.Child("name").Text(); name != "init" {
				add(name, n)
			}
		case "method_declaration":
			add(syntax.GoReceiver(n)+"."+n.Child("name").Text(), n)
		case "type_declaration", "const_declaration", "var_declaration":
			for spec := range n.Outside("struct_type", "interface_type", "func_literal", "function_type") {
				if spec.Is("type_spec", "type_alias", "const_spec", "var_spec") {
					for _, name := range spec.Fields("name") {
						add(name.Text(), name)
					}
				}
			}
		}
	}
	return all
}

func (g *goProject) checkPackageNames(pkg *goPackage) {
	name := ""
	for _, f := range pkg.files {
		if name == "" {
			name = f.Package
		}
		if f.Package != name && f.Package != "" {
			g.report(packageMismatch, f.Path, packageLine(f), 1, "package %s stands in a folder with package %s (%s)", f.Package, name, pkg.files[0].Path)
		}
	}
	for _, f := range pkg.tests {
		if name != "" && f.Package != "" && f.Package != name && f.Package != name+"_test" {
			g.report(packageMismatch, f.Path, packageLine(f), 1, "a test of package %s is package %s or %s_test, not %s", name, name, name, f.Package)
		}
	}
}

func packageLine(f *syntax.File) int {
	if clause := f.Tree.Root().First("package_clause"); clause != nil {
		return clause.Line
	}
	return 1
}

func (g *goProject) checkDuplicates(pkg *goPackage) {
	type place struct {
		file string
		line int
	}
	first := map[string]place{} // package + name
	for _, f := range slices.Concat(pkg.files, pkg.tests) {
		if isConditional(f) {
			continue
		}
		for _, d := range goDeclarations(f) {
			key := f.Package + " " + d.name
			at, twice := first[key]
			if !twice {
				first[key] = place{f.Path, d.node.Line}
				continue
			}
			g.report(duplicateDeclaration, f.Path, d.node.Line, d.node.Column, "%s is declared in %s:%d already", d.name, at.file, at.line)
		}
	}
}

// target is the package of the module that an import path names, and whether the path is one of the module's.
func (g *goProject) target(importPath string) (pkg *goPackage, inside bool) {
	if g.module == "" {
		return nil, false
	}
	if importPath == g.module {
		return g.packages["."], true
	}
	dir, inside := strings.CutPrefix(importPath, g.module+"/")
	if !inside {
		return nil, false
	}
	return g.packages[dir], true
}

func (g *goProject) checkImports(pkg *goPackage, f *syntax.File) {
	local := localNames(f)
	imported := map[string]bool{}
	for _, i := range f.Imports {
		if g.ctx.Err() != nil || i.Alias == "." {
			return // with a dot, its names look like the file's own
		}
		names := []string{i.Alias}
		if i.Alias == "" {
			names = packageNames(i.Path)
		}
		to, inside := g.target(i.Path)
		if inside && (to == nil || len(to.files) == 0) {
			g.report(missingPackage, f.Path, i.Line, 0, "the module has no package %s", i.Path)
		}
		if inside && to != nil && len(to.files) > 0 && i.Alias != "_" {
			if i.Alias == "" {
				names = []string{to.files[0].Package}
			}
			if !local[names[0]] {
				g.checkUses(f, to, names[0])
			}
		}
		for _, n := range names {
			imported[n] = true
		}
	}
	reported := map[string]bool{}
	for n := range f.Tree.All() {
		name := qualifier(n)
		if name == "" || local[name] || imported[name] || pkg.declared[name] || reported[name] || f.SyntaxErrors > 0 || !pkg.complete {
			continue
		}
		if importPath := standardPackages[name]; importPath != "" {
			g.report(missingImport, f.Path, n.Line, n.Column, "%s is used, but %q is not imported", name, importPath)
			reported[name] = true
		}
	}
}

// qualifier is x of x.F where x is a name, else empty.
func qualifier(n *syntax.Node) string {
	switch n.Kind {
	case "selector_expression":
		if operand := n.Child("operand"); operand.Is("identifier") {
			return operand.Text()
		}
	case "qualified_type":
		return n.Child("package").Text()
	}
	return ""
}

// checkUses holds every x.Name of a file against what package x declares.
func (g *goProject) checkUses(f *syntax.File, to *goPackage, as string) {
	if !to.complete {
		return
	}
	reported := map[string]bool{}
	for n := range f.Tree.All() {
		if qualifier(n) != as {
			continue
		}
		name := n.Child("field").Text()
		if n.Is("qualified_type") {
			name = n.Child("name").Text()
		}
		switch {
		case name == "" || reported[name]:
		case !ast.IsExported(name):
			g.report(undefinedExport, f.Path, n.Line, n.Column, "%s.%s is not exported", as, name)
			reported[name] = true
		case !to.declared[name]:
			g.report(undefinedExport, f.Path, n.Line, n.Column, "package %s (%s) has no %s", as, to.dir, name)
			reported[name] = true
		}
	}
}

// localNames are all names that a file declares anywhere but for its imports: parameters, variables, types, functions.
func localNames(f *syntax.File) map[string]bool {
	names := map[string]bool{}
	for n := range f.Tree.All() {
		switch n.Kind {
		case "short_var_declaration", "range_clause", "receive_statement":
			for l := range n.Child("left").Children() {
				names[l.Text()] = true
			}
		case "identifier", "type_identifier":
			if n.Field == "name" || n.Field == "alias" || n.Parent().Field == "alias" {
				if !n.Parent().Is("qualified_type") {
					names[n.Text()] = true
				}
			}
		}
	}
	return names
}

func (g *goProject) checkCycles() {
	const visiting, done = 1, 2
	state := map[string]int{}
	var trail []string
	var visit func(dir string)
	visit = func(dir string) {
		state[dir] = visiting
		trail = append(trail, dir)
		for _, f := range g.packages[dir].files {
			for _, i := range f.Imports {
				to, _ := g.target(i.Path)
				if to == nil {
					continue
				}
				switch state[to.dir] {
				case visiting:
					circle := append(slices.Clone(trail[slices.Index(trail, to.dir):]), to.dir)
					g.report(importCycle, f.Path, i.Line, 0, "packages import each other in a circle: %s", strings.Join(circle, " → "))
				case done:
				default:
					visit(to.dir)
				}
			}
		}
		trail = trail[:len(trail)-1]
		state[dir] = done
	}
	for _, dir := range g.dirs {
		if state[dir] == 0 {
			visit(dir)
		}
	}
}

// standardPackages are packages of Go's standard library by the name they are used under, those whose name says which one
// is meant. Where two share a name (rand, template) neither is here.
var standardPackages = func() map[string]string {
	byName := map[string]string{}
	for _, p := range strings.Fields(`bufio bytes cmp context errors expvar flag fmt io iter log maps math os reflect regexp runtime slices
		sort strconv strings sync testing time unicode unsafe archive/tar archive/zip compress/gzip container/heap container/list
		container/ring crypto/aes crypto/cipher crypto/ecdsa crypto/ed25519 crypto/hmac crypto/md5 crypto/rsa crypto/sha1 crypto/sha256
		crypto/sha512 crypto/subtle crypto/tls crypto/x509 database/sql embed encoding/base64 encoding/binary encoding/csv encoding/gob
		encoding/hex encoding/json encoding/xml hash/crc32 hash/fnv io/fs log/slog math/big math/bits mime net net/http net/http/httptest
		net/mail net/netip net/smtp net/url os/exec os/signal path path/filepath runtime/debug sync/atomic syscall testing/fstest
		text/tabwriter unicode/utf8`) {
		byName[path.Base(p)] = p
	}
	return byName
}()

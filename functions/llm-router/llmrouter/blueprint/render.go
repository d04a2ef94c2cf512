package blueprint

import (
	"bytes"
	"embed"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"join": func(ids []string) string { return strings.Join(ids, ", ") },
}).ParseFS(templateFiles, "templates/*.tmpl"))

// source is one file that a template writes.
type source struct {
	path, template, purpose string
	view                    view
}

// view is what a template sees. In a library everything is one package and the collection itself has the operations; else
// domain, store and service are packages of their own.
type view struct {
	P                   *project
	E                   *entity
	Pkg, Import         string
	D, S                string // what qualifies names of the domain and the service
	Recv, R             string // receiver of the operations
	Data, NextID        string
	Update, View        string
	Add, Remove, Module string
}

func (p *project) view(pkg string) view {
	if p.Library() {
		return view{P: p, Pkg: p.Name, Import: p.Module(), Recv: "c *" + p.Root(), R: "c", Data: "data", NextID: "nextID",
			Update: "c.update", View: "c.view", Add: "Add", Remove: "Remove"}
	}
	return view{P: p, Pkg: pkg, Import: p.Module() + "/internal/domain", D: "domain.", S: "service.", Recv: "s *Service", R: "s", Data: "store.Data", NextID: "NextID",
		Update: "s.store.Update", View: "s.store.View", Add: "Create", Remove: "Delete"}
}

// sources are the source files of the project, tests its test files.
func (p *project) sources() []source {
	var files []source
	each := func(dir, suffix, pkg, name, purpose string) {
		for _, e := range p.Entities {
			v := p.view(pkg)
			v.E = e
			files = append(files, source{dir + e.File() + suffix + ".go", name, fmt.Sprintf(purpose, e.Words()), v})
		}
	}
	add := func(file, name, pkg, purpose string) {
		files = append(files, source{file, name, purpose, p.view(pkg)})
	}
	dir, pkg := "internal/domain/", "domain"
	if p.Library() {
		dir, pkg = "", p.Name
	}
	add(dir+"errors.go", "errors", pkg, "Errors and the checks that inputs share")
	if p.Has("limit period") {
		add(dir+"period.go", "period", pkg, "Days, weeks and months in UTC")
	}
	each(dir, "", pkg, "entity", "Records and inputs of %s, with the rules that each keeps by itself")
	if p.Library() {
		add("collection.go", "root", pkg, "The collection and its lock")
		each("", "_operations", pkg, "operations", "What can be done with %s, with the rules about more than one record")
		return files
	}
	add("internal/store/store.go", "store", "store", "Keeps the data in a JSON file")
	add("internal/service/service.go", "root", "service", "The service and what its operations share")
	each("internal/service/", "", "service", "operations", "What can be done with %s, with the rules about more than one record")
	if p.API() {
		add("internal/httpapi/server.go", "server", "httpapi", "Routes, errors, input and the server")
		each("internal/httpapi/", "_routes", "httpapi", "routes", "Routes of %s")
	} else {
		add("internal/cli/cli.go", "cli", "cli", "Arguments, exit codes and the data file")
		each("internal/cli/", "_commands", "cli", "commands", "Commands about %s")
	}
	add("cmd/"+p.Name+"/main.go", "main "+p.Kind, "main", "Starts the program")
	return files
}

func (p *project) tests() []source {
	if p.Library() {
		v := p.view(p.Name)
		v.D, v.S = p.Name+".", p.Name+"."
		return []source{{"input_test.go", "input test", "", v}, {p.Name + "_rules_test.go", "rule test", "", v}}
	}
	files := []source{
		{"internal/domain/input_test.go", "input test", "", p.view("domain")},
		{"internal/service/rules_test.go", "rule test", "", p.view("service")},
		{"internal/store/store_test.go", "store test", "", p.view("store")},
	}
	if p.API() {
		return append(files, source{"internal/httpapi/http_test.go", "api test", "", p.view("httpapi")})
	}
	return append(files, source{"internal/cli/run_test.go", "cli test", "", p.view("cli")})
}

// render writes the file, without imports that it does not use, in gofmt's format.
func (s source) render() ([]byte, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, s.template, s.view); err != nil {
		return nil, fmt.Errorf("writing %s: %w", s.path, err)
	}
	out, err := pruneImports(b.Bytes())
	if err == nil {
		out, err = format.Source(out)
	}
	if err != nil {
		return nil, fmt.Errorf("formatting %s: %w", s.path, err)
	}
	return out, nil
}

var (
	importLine = regexp.MustCompile(`(?m)^\t"([^"\s]+)"\n`)
	blankLines = regexp.MustCompile(`\n{3,}`)
)

// pruneImports lets templates name every import that one of their branches needs.
func pruneImports(src []byte) ([]byte, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				used[id.Name] = true
			}
		}
		return true
	})
	start := bytes.Index(src, []byte("import (\n"))
	if start < 0 {
		return src, nil
	}
	end := start + bytes.Index(src[start:], []byte("\n)\n")) + 1
	block := importLine.ReplaceAllFunc(src[start:end], func(line []byte) []byte {
		if used[path.Base(string(importLine.FindSubmatch(line)[1]))] {
			return line
		}
		return nil
	})
	if !bytes.Contains(block, []byte(`"`)) {
		block, end = nil, end+2
	}
	block = bytes.Replace(block, []byte("(\n\n"), []byte("(\n"), 1)
	block = bytes.TrimRight(block, "\n")
	if block != nil {
		block = append(block, '\n')
	}
	return blankLines.ReplaceAll(slices.Concat(src[:start], block, src[end:]), []byte("\n\n")), nil
}

// contract is read off the rendered files, so that code and contract cannot differ.
func (p *project) contract(ids []string) (pipeline.Contract, error) {
	c := pipeline.Contract{Name: p.Name, Module: p.Module(), Type: p.Kind, Summary: p.summary()}
	if !p.Library() {
		c.EntryPoint = "cmd/" + p.Name
	}
	declares := map[string][]string{} // package-level names that a file declares, by folder and name
	files := map[string]*ast.File{}
	fset := token.NewFileSet()
	for _, s := range p.sources() {
		text, err := s.render()
		if err != nil {
			return c, err
		}
		file, err := parser.ParseFile(fset, s.path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return c, err
		}
		files[s.path] = file
		for name := range declared(file) {
			declares[path.Dir(s.path)+" "+name] = append(declares[path.Dir(s.path)+" "+name], s.path)
		}
		c.Files = append(c.Files, pipeline.ContractFile{Path: s.path, Purpose: s.purpose, Package: file.Name.Name, Packages: []string{},
			Requirements: mentioned(string(text), ids), Exports: exports(fset, file)})
	}
	for i := range c.Files {
		c.Files[i].Imports = p.uses(c.Files[i].Path, files[c.Files[i].Path], declares)
	}
	return c, nil
}

// mentioned gives the IDs that a text names as whole words.
func mentioned(text string, ids []string) []string {
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}) {
		words[strings.Trim(w, ".")] = true
	}
	found := []string{}
	for _, id := range ids {
		if words[id] {
			found = append(found, id)
		}
	}
	return found
}

// declared gives the package-level functions, types, constants and variables of a file.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, n := range spec.Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	return names
}

// uses gives the project's files that declare what the file names, in its own package and in the ones that it imports. Files of
// one package that use each other are ordered by what they declare: only the one that comes later in the list says so.
func (p *project) uses(file string, tree *ast.File, declares map[string][]string) []string {
	folders := map[string]string{} // package → folder
	for _, imp := range tree.Imports {
		if name, err := strconv.Unquote(imp.Path.Value); err == nil && strings.HasPrefix(name, p.Module()+"/") {
			folders[path.Base(name)] = strings.TrimPrefix(name, p.Module()+"/")
		}
	}
	order := map[string]int{}
	for i, s := range p.sources() {
		order[s.path] = i
	}
	imports := []string{}
	take := func(dir, name string) {
		for _, f := range declares[dir+" "+name] {
			if order[f] < order[file] && !slices.Contains(imports, f) {
				imports = append(imports, f)
			}
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && folders[id.Name] != "" {
				take(folders[id.Name], n.Sel.Name)
			}
		case *ast.Ident:
			take(path.Dir(file), n.Name)
		}
		return true
	})
	slices.SortFunc(imports, func(a, b string) int { return order[a] - order[b] })
	return imports
}

// exportsOf is exports of a rendered file.
func exportsOf(text []byte) ([]pipeline.ContractExport, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("reading a rendered file: %w", err)
	}
	return exports(fset, file), nil
}

// exports lists what a file exports, with its comments as behaviour.
func exports(fset *token.FileSet, file *ast.File) []pipeline.ContractExport {
	found := []pipeline.ContractExport{}
	add := func(name string, doc *ast.CommentGroup, node any) {
		var b bytes.Buffer
		if err := format.Node(&b, fset, node); err != nil {
			panic(err) // the tree was parsed from source a moment ago
		}
		found = append(found, pipeline.ContractExport{Name: name, Signature: b.String(), Behaviour: strings.Join(strings.Fields(doc.Text()), " ")})
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				t := d.Recv.List[0].Type
				if star, ok := t.(*ast.StarExpr); ok {
					t = star.X
				}
				if id := t.(*ast.Ident); !id.IsExported() {
					continue
				} else {
					name = id.Name + "." + name
				}
			}
			if d.Name.IsExported() && file.Name.Name != "main" {
				add(name, d.Doc, &ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type})
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				doc, name := d.Doc, ""
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					name = spec.Name.Name
					hideFields(spec)
				case *ast.ValueSpec:
					name = spec.Names[0].Name
					if spec.Doc != nil {
						doc = spec.Doc
					} else if spec.Comment != nil {
						doc = spec.Comment
					}
				}
				if ast.IsExported(name) {
					add(name, doc, &ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{spec}})
				}
			}
		}
	}
	return found
}

// hideFields takes unexported fields out of a struct: they are no part of a contract.
func hideFields(spec *ast.TypeSpec) {
	if s, ok := spec.Type.(*ast.StructType); ok {
		s.Fields.List = slices.DeleteFunc(s.Fields.List, func(f *ast.Field) bool { return len(f.Names) > 0 && !f.Names[0].IsExported() })
	}
}

var caseDoc = regexp.MustCompile(`^(.+?)\. Given (.+?)\. Expect (.+)$`)

// plan is read off the comments of the rendered tests.
func (p *project) plan(ids []string) (pipeline.TestPlan, error) {
	plan := pipeline.TestPlan{Strategy: "Inputs are tested field by field at and beyond their limits; rules about several records at the operations, with a clock that the tests set; " +
		"what a user sees through the outermost layer. Every requirement has a test that names it.", Files: []pipeline.TestPlanFile{}}
	for _, s := range p.tests() {
		text, err := s.render()
		if err != nil {
			return plan, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), s.path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return plan, err
		}
		f := pipeline.TestPlanFile{Path: s.path, Cases: []pipeline.TestCase{}}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Test") || fn.Recv != nil {
				continue
			}
			m := caseDoc.FindStringSubmatch(strings.Join(strings.Fields(fn.Doc.Text()), " "))
			if m == nil {
				return plan, fmt.Errorf("%s: the comment of %s names no case", s.path, fn.Name.Name)
			}
			f.Cases = append(f.Cases, pipeline.TestCase{Name: fn.Name.Name, Requirements: mentioned(m[1], ids), Given: m[2], Expect: m[3]})
		}
		plan.Files = append(plan.Files, f)
	}
	return plan, nil
}

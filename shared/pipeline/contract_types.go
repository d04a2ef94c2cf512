package pipeline

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"strings"
)

// undefinedGo finds types in signatures that nobody declares: whoever writes the file, or its test, could not use them.
func (c *Contract) undefinedGo() []string {
	declared := map[string]bool{}  // folder + name
	folders := map[string]string{} // package name → folder; "" when two folders have that name
	for _, f := range c.Files {
		dir := path.Dir(f.Path)
		if have, ok := folders[f.Package]; ok && have != dir {
			folders[f.Package] = ""
		} else {
			folders[f.Package] = dir
		}
		for _, e := range f.Exports {
			declared[dir+" "+e.Name] = true
		}
	}
	var wrong []string
	for _, f := range c.Files {
		dir := path.Dir(f.Path)
		for _, e := range f.Exports {
			seen := map[string]bool{}
			for _, t := range typesOf(e.Signature) {
				pkg, name, qualified := strings.Cut(t, ".")
				if seen[t] {
					continue
				}
				seen[t] = true
				switch {
				case !qualified && types.Universe.Lookup(t) == nil && !declared[dir+" "+t]:
					wrong = append(wrong, fmt.Sprintf("%s: signature of %s: type %s is exported by no file of folder %s", f.Path, e.Name, t, dir))
				case qualified && folders[pkg] != "" && !declared[folders[pkg]+" "+name]:
					wrong = append(wrong, fmt.Sprintf("%s: signature of %s: %s is exported by no file of folder %s", f.Path, e.Name, t, folders[pkg]))
				}
			}
		}
	}
	return wrong
}

// typesOf gives the names of the types in a declaration, pkg.Name where qualified, type parameters left out.
func typesOf(signature string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+signature+"\n", parser.SkipObjectResolution)
	if err != nil || len(file.Decls) == 0 {
		return nil // checkGoSignature has said so
	}
	w := &typeWalker{params: map[string]bool{}}
	switch d := file.Decls[0].(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			for _, field := range d.Recv.List {
				w.receiver(field.Type)
			}
		}
		w.expr(d.Type)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				w.parameters(s.TypeParams)
				w.expr(s.Type)
			case *ast.ValueSpec:
				w.expr(s.Type)
			}
		}
	}
	return w.names
}

type typeWalker struct {
	params map[string]bool
	names  []string
}

// receiver notes the type parameters of a method's receiver, e.g. K and V of func (c *Cache[K, V]) Get.
func (w *typeWalker) receiver(e ast.Expr) {
	switch t := e.(type) {
	case *ast.StarExpr:
		w.receiver(t.X)
	case *ast.IndexExpr:
		w.param(t.Index)
		w.expr(t.X)
	case *ast.IndexListExpr:
		for _, p := range t.Indices {
			w.param(p)
		}
		w.expr(t.X)
	default:
		w.expr(e)
	}
}

func (w *typeWalker) param(e ast.Expr) {
	if id, ok := e.(*ast.Ident); ok {
		w.params[id.Name] = true
	}
}

func (w *typeWalker) parameters(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			w.params[name.Name] = true
		}
	}
	w.fields(list)
}

func (w *typeWalker) fields(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		w.expr(field.Type)
	}
}

func (w *typeWalker) expr(e ast.Expr) {
	switch t := e.(type) {
	case *ast.Ident:
		if !w.params[t.Name] {
			w.names = append(w.names, t.Name)
		}
	case *ast.SelectorExpr:
		if pkg, ok := t.X.(*ast.Ident); ok {
			w.names = append(w.names, pkg.Name+"."+t.Sel.Name)
		}
	case *ast.StarExpr:
		w.expr(t.X)
	case *ast.ParenExpr:
		w.expr(t.X)
	case *ast.ArrayType:
		w.expr(t.Elt) // the length is a constant, not a type
	case *ast.Ellipsis:
		w.expr(t.Elt)
	case *ast.MapType:
		w.expr(t.Key)
		w.expr(t.Value)
	case *ast.ChanType:
		w.expr(t.Value)
	case *ast.FuncType:
		w.parameters(t.TypeParams)
		w.fields(t.Params)
		w.fields(t.Results)
	case *ast.StructType:
		w.fields(t.Fields)
	case *ast.InterfaceType:
		w.fields(t.Methods)
	case *ast.IndexExpr:
		w.expr(t.X)
		w.expr(t.Index)
	case *ast.IndexListExpr:
		w.expr(t.X)
		for _, i := range t.Indices {
			w.expr(i)
		}
	case *ast.UnaryExpr: // ~T of a constraint
		w.expr(t.X)
	case *ast.BinaryExpr: // A | B of a constraint
		w.expr(t.X)
		w.expr(t.Y)
	}
}

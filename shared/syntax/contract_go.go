package syntax

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/printer"
	"go/token"
	"go/types"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// CompareGo says in words how a Go declaration differs from the one that was asked for; empty when it does not. Both
// are declarations without a body. Types count; names of parameters, results and type parameters, comments, tags and
// spacing do not. pkg is the package of both, so that pkg.T and T are one type.
//
// A struct may have more fields than were asked for, and an interface or struct that was asked for without any members
// may have all it likes. A type or value that only one of two constants or variables states is not compared.
func CompareGo(want, have, pkg string) string {
	w, _ := parseGoDeclaration(want)
	h, _ := parseGoDeclaration(have)
	if w == nil || h == nil {
		if OneLine(want) == OneLine(have) || w == nil {
			return "" // a contract that is no declaration can only ask for the name
		}
		return fmt.Sprintf("is declared as %s", OneLine(have))
	}
	c := goComparer{pkg: pkg}
	switch w := w.(type) {
	case *ast.FuncDecl:
		h, ok := h.(*ast.FuncDecl)
		if !ok {
			return "is not a function"
		}
		return c.functions(w, h)
	case *ast.GenDecl:
		h, ok := h.(*ast.GenDecl)
		if !ok || w.Tok != h.Tok {
			return fmt.Sprintf("is not a %s", w.Tok)
		}
		if len(w.Specs) != 1 || len(h.Specs) != 1 {
			return ""
		}
		if w.Tok == token.TYPE {
			return c.types(w.Specs[0].(*ast.TypeSpec), h.Specs[0].(*ast.TypeSpec))
		}
		if w, ok := w.Specs[0].(*ast.ValueSpec); ok {
			return c.values(w, h.Specs[0].(*ast.ValueSpec))
		}
	}
	return ""
}

type goComparer struct {
	pkg    string
	params map[string]string // type parameters by the name both sides shall have
}

func (c goComparer) functions(want, have *ast.FuncDecl) string {
	w, h := c.withParams(want.Type.TypeParams, want.Recv), c.withParams(have.Type.TypeParams, have.Recv)
	if want.Recv != nil && have.Recv != nil {
		if ws, hs := w.list(want.Recv), h.list(have.Recv); ws != hs {
			return fmt.Sprintf("has receiver %s, not %s", hs, ws)
		}
	}
	if ws, hs := w.list(want.Type.TypeParams), h.list(have.Type.TypeParams); ws != hs {
		return fmt.Sprintf("has type parameters [%s], not [%s]", hs, ws)
	}
	return compareSignatures(w, h, want.Type, have.Type)
}

func compareSignatures(w, h goComparer, want, have *ast.FuncType) string {
	if ws, hs := w.list(want.Params), h.list(have.Params); ws != hs {
		return fmt.Sprintf("takes (%s), not (%s)", hs, ws)
	}
	if ws, hs := w.list(want.Results), h.list(have.Results); ws != hs {
		return fmt.Sprintf("returns (%s), not (%s)", hs, ws)
	}
	return ""
}

func (c goComparer) types(want, have *ast.TypeSpec) string {
	w, h := c.withParams(want.TypeParams, nil), c.withParams(have.TypeParams, nil)
	if ws, hs := w.list(want.TypeParams), h.list(have.TypeParams); ws != hs {
		return fmt.Sprintf("has type parameters [%s], not [%s]", hs, ws)
	}
	switch want := want.Type.(type) {
	case *ast.StructType:
		have, ok := have.Type.(*ast.StructType)
		if !ok {
			return "is not a struct"
		}
		fields := h.members(have.Fields)
		for _, m := range w.order(want.Fields) {
			typ, ok := fields[m.name]
			switch {
			case !ast.IsExported(m.name):
			case !ok:
				return fmt.Sprintf("has no field %s %s", m.name, m.typ)
			case typ != m.typ:
				return fmt.Sprintf("has field %s %s, not %s", m.name, typ, m.typ)
			}
		}
		return ""
	case *ast.InterfaceType:
		have, ok := have.Type.(*ast.InterfaceType)
		if !ok {
			return "is not an interface"
		}
		if want.Methods.NumFields() == 0 {
			return ""
		}
		wanted, found := w.members(want.Methods), h.members(have.Methods)
		for _, m := range w.order(want.Methods) {
			if typ, ok := found[m.name]; !ok {
				return fmt.Sprintf("has no %s%s", m.name, strings.TrimPrefix(m.typ, "func"))
			} else if typ != m.typ {
				return fmt.Sprintf("has %s%s, not %s%s", m.name, strings.TrimPrefix(typ, "func"), m.name, strings.TrimPrefix(m.typ, "func"))
			}
		}
		for _, m := range h.order(have.Methods) {
			if _, ok := wanted[m.name]; !ok {
				return fmt.Sprintf("has a method %s more", m.name)
			}
		}
		return ""
	}
	if want.Assign.IsValid() != have.Assign.IsValid() {
		return "is an alias on one side only"
	}
	if ws, hs := w.typ(want.Type), h.typ(have.Type); ws != hs {
		return fmt.Sprintf("is %s, not %s", hs, ws)
	}
	return ""
}

func (c goComparer) values(want, have *ast.ValueSpec) string {
	if want.Type != nil && have.Type != nil {
		if ws, hs := c.typ(want.Type), c.typ(have.Type); ws != hs {
			return fmt.Sprintf("has type %s, not %s", hs, ws)
		}
	}
	if len(want.Values) == 1 && len(have.Values) == 1 {
		w, h := goConstant(want.Values[0]), goConstant(have.Values[0])
		if w != nil && h != nil && (w.Kind() != h.Kind() || !constant.Compare(w, token.EQL, h)) {
			return fmt.Sprintf("is %s, not %s", h.ExactString(), w.ExactString())
		}
	}
	return ""
}

// goConstant is the value of an expression of literals alone, however it is written; nil for every other.
func goConstant(e ast.Expr) constant.Value {
	var text bytes.Buffer
	if err := printer.Fprint(&text, token.NewFileSet(), e); err != nil {
		return nil
	}
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text.String())
	if err != nil {
		return nil
	}
	return v.Value
}

// withParams gives the type parameters of a declaration, or of a method's receiver, names that do not depend on their own.
func (c goComparer) withParams(list, receiver *ast.FieldList) goComparer {
	c.params = map[string]string{}
	number := func(name string) { c.params[name] = fmt.Sprintf("T%d", len(c.params)+1) }
	if receiver != nil {
		for _, f := range receiver.List {
			ast.Inspect(f.Type, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.IndexExpr:
					if id, ok := n.Index.(*ast.Ident); ok {
						number(id.Name)
					}
				case *ast.IndexListExpr:
					for _, index := range n.Indices {
						if id, ok := index.(*ast.Ident); ok {
							number(id.Name)
						}
					}
				}
				return true
			})
		}
	}
	if list != nil {
		for _, f := range list.List {
			for _, name := range f.Names {
				number(name.Name)
			}
		}
	}
	return c
}

// list writes the types of parameters or results, one for each name.
func (c goComparer) list(list *ast.FieldList) string {
	if list == nil {
		return ""
	}
	var types []string
	for _, f := range list.List {
		typ := c.typ(f.Type)
		for range max(1, len(f.Names)) {
			types = append(types, typ)
		}
	}
	return strings.Join(types, ", ")
}

type goMemberType struct{ name, typ string }

// order gives the fields of a struct or the elements of an interface, a name each. An embedded one has its type's name.
func (c goComparer) order(list *ast.FieldList) []goMemberType {
	var members []goMemberType
	for _, f := range list.List {
		typ := c.typ(f.Type)
		for _, name := range f.Names {
			members = append(members, goMemberType{name.Name, typ})
		}
		if len(f.Names) == 0 {
			members = append(members, goMemberType{embeddedName(typ), typ})
		}
	}
	return members
}

func embeddedName(typ string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(typ, "*"), "[")
	return name[strings.LastIndexByte(name, '.')+1:]
}

func (c goComparer) members(list *ast.FieldList) map[string]string {
	all := map[string]string{}
	for _, m := range c.order(list) {
		all[m.name] = m.typ
	}
	return all
}

var goAliases = map[string]string{"uint8": "byte", "int32": "rune"}

// typ writes a type so that equal types read the same.
func (c goComparer) typ(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		if name, ok := c.params[e.Name]; ok {
			return name
		}
		if name, ok := goAliases[e.Name]; ok {
			return name
		}
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == c.pkg {
			return e.Sel.Name
		}
		return c.typ(e.X) + "." + e.Sel.Name
	case *ast.ParenExpr:
		return c.typ(e.X)
	case *ast.StarExpr:
		return "*" + c.typ(e.X)
	case *ast.Ellipsis:
		return "..." + c.typ(e.Elt)
	case *ast.ArrayType:
		length := ""
		if e.Len != nil {
			length = c.typ(e.Len)
		}
		return "[" + length + "]" + c.typ(e.Elt)
	case *ast.MapType:
		return "map[" + c.typ(e.Key) + "]" + c.typ(e.Value)
	case *ast.ChanType:
		switch e.Dir {
		case ast.SEND:
			return "chan<- " + c.typ(e.Value)
		case ast.RECV:
			return "<-chan " + c.typ(e.Value)
		}
		return "chan " + c.typ(e.Value)
	case *ast.IndexExpr:
		return c.typ(e.X) + "[" + c.typ(e.Index) + "]"
	case *ast.IndexListExpr:
		indices := make([]string, len(e.Indices))
		for i, index := range e.Indices {
			indices[i] = c.typ(index)
		}
		return c.typ(e.X) + "[" + strings.Join(indices, ", ") + "]"
	case *ast.UnaryExpr:
		return e.Op.String() + c.typ(e.X)
	case *ast.BinaryExpr:
		return c.typ(e.X) + " " + e.Op.String() + " " + c.typ(e.Y)
	case *ast.FuncType:
		results := c.list(e.Results)
		if e.Results.NumFields() > 1 {
			results = "(" + results + ")"
		}
		return strings.TrimSpace("func(" + c.list(e.Params) + ") " + results)
	case *ast.InterfaceType:
		if e.Methods.NumFields() == 0 {
			return "any"
		}
		return "interface{" + c.memberText(e.Methods) + "}"
	case *ast.StructType:
		return "struct{" + c.memberText(e.Fields) + "}"
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), e); err != nil {
		return fmt.Sprintf("%T", e) // an expression that cannot be printed equals only its like
	}
	return OneLine(b.String())
}

func (c goComparer) memberText(list *ast.FieldList) string {
	var texts []string
	for _, m := range c.order(list) {
		texts = append(texts, m.name+" "+m.typ)
	}
	return strings.Join(texts, "; ")
}

// goMember looks for Type.Name among the methods of an exported interface and the fields of an exported struct. It gives
// the type's line, how the member differs from what was asked for, and whether there is one.
func goMember(found map[string]analysis.Symbol, want pipeline.ContractExport, pkg string) (line int, wrong string, ok bool) {
	owner, name, dotted := strings.Cut(want.Name, ".")
	symbol, exported := found[owner]
	if !dotted || !exported {
		return 0, "", false
	}
	declaration, _ := parseGoDeclaration(symbol.Signature)
	decl, _ := declaration.(*ast.GenDecl)
	if decl == nil || len(decl.Specs) != 1 {
		return 0, "", false
	}
	spec, _ := decl.Specs[0].(*ast.TypeSpec)
	if spec == nil {
		return 0, "", false
	}
	c := goComparer{pkg: pkg}.withParams(spec.TypeParams, nil)
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		_, ok := c.members(typ.Fields)[name]
		return symbol.Line, "", ok
	case *ast.InterfaceType:
		for _, m := range typ.Methods.List {
			if len(m.Names) != 1 || m.Names[0].Name != name {
				continue
			}
			have, isFunc := m.Type.(*ast.FuncType)
			declared, _ := parseGoDeclaration(want.Signature)
			if asked, isAsked := declared.(*ast.FuncDecl); isFunc && isAsked {
				return symbol.Line, compareSignatures(c, c, asked.Type, have), true
			}
			return symbol.Line, "", true
		}
	}
	return 0, "", false
}

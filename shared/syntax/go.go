package syntax

import (
	"bytes"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/printer"
	"go/token"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
)

func readGo(t *Tree, d *declarations) {
	for n := range t.Root().Children() {
		switch n.Kind {
		case "package_clause":
			d.pkg = n.First("package_identifier").Text()
		case "import_declaration":
			for spec := range n.Within() {
				if spec.Is("import_spec") {
					d.importing(spec, StringValue(spec.Child("path")), spec.Child("name").Text())
				}
			}
		case "function_declaration":
			if name := n.Child("name").Text(); ast.IsExported(name) {
				d.goFunction(n, analysis.Func, "", name)
			}
		case "method_declaration":
			receiver, name := GoReceiver(n), n.Child("name").Text()
			if ast.IsExported(name) && ast.IsExported(receiver) {
				d.goFunction(n, analysis.Method, receiver, name)
			}
		case "type_declaration":
			for spec := range n.Children() {
				d.goType(n, spec)
			}
		case "const_declaration":
			for spec := range n.Within() {
				if spec.Is("const_spec") {
					d.goValue(spec, analysis.Const)
				}
			}
		case "var_declaration":
			for spec := range n.Within() {
				if spec.Is("var_spec") {
					d.goValue(spec, analysis.Var)
				}
			}
		}
	}
}

// GoReceiver is the name of the type a Go method belongs to, without pointer and type parameters.
func GoReceiver(method *Node) string {
	return method.Child("receiver").Find("type_identifier").Text()
}

func (d *declarations) goFunction(n *Node, kind analysis.Kind, receiver, name string) {
	raw := rawHeader(n, n.Child("body"))
	d.export(n, kind, receiver, name, CanonicalGo(raw))
	d.show(n, raw)
}

func (d *declarations) goType(decl, spec *Node) {
	name := spec.Child("name").Text()
	if !spec.Is("type_spec", "type_alias") || !ast.IsExported(name) {
		return
	}
	kind := analysis.Type
	if spec.Child("type").Is("interface_type") {
		kind = analysis.Interface
	}
	text := "type " + dedent(spec.Text(), spec.Column-1)
	shown := decl
	if decl.First("(") != nil {
		shown = spec
	}
	d.export(spec, kind, "", name, CanonicalGo(text))
	d.show(shown, text)
}

// goValue tells a constant or variable by its type or, without one, by its value, cut when it is long.
func (d *declarations) goValue(spec *Node, kind analysis.Kind) {
	names := spec.Fields("name")
	values := slices.Collect(spec.Child("value").Children())
	for i, n := range names {
		name := n.Text()
		if !ast.IsExported(name) {
			continue
		}
		signature := string(kind) + " " + name
		if typ := spec.Child("type"); typ != nil {
			signature += " " + OneLine(typ.Text())
		}
		if i < len(values) && (kind == analysis.Const || spec.Child("type") == nil) {
			signature += " = " + goValueText(values[i].Text())
		}
		d.export(n, kind, "", name, signature)
		shown := spec
		if spec.Parent().First("(") == nil {
			shown = spec.Parent()
		}
		if i > 0 {
			d.outlines = append(d.outlines, outlined{text: signature})
		} else {
			d.show(shown, signature)
		}
	}
}

// goValueText is a value in one line, as it stands where it is short, since the contract's value is compared with it. A longer
// one of literals alone is written as what it comes to; any other is cut.
func goValueText(text string) string {
	if len(text) <= 80 && !strings.Contains(text, "\n") {
		return text
	}
	if e, err := parser.ParseExpr(text); err == nil {
		if v := goConstant(e); v != nil && v.Kind() == constant.String {
			return v.ExactString()
		}
	}
	return cut(OneLine(text), 80)
}

func cut(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit]) + "…"
}

// CanonicalGo writes a Go declaration without body in one line, spaced as gofmt does and without comments. Source that is
// no such declaration comes back with its white space collapsed.
func CanonicalGo(declaration string) string {
	decl, fset := parseGoDeclaration(declaration)
	if decl == nil {
		return OneLine(declaration)
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, decl); err != nil {
		return OneLine(declaration)
	}
	return joinLines(b.String())
}

func parseGoDeclaration(declaration string) (ast.Decl, *token.FileSet) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", "package p\n"+declaration+"\n", parser.SkipObjectResolution)
	if err != nil || len(f.Decls) != 1 {
		return nil, nil
	}
	return f.Decls[0], fset
}

// joinLines puts gofmt's lines into one, with a semicolon where the line's end stood for one.
func joinLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = OneLine(line)
		if line == "" {
			continue
		}
		if so := b.String(); so != "" {
			switch {
			case so[len(so)-1] == ',' && line[0] == ')': // a list over several lines ends with a comma
				b.Reset()
				b.WriteString(so[:len(so)-1])
			case so[len(so)-1] == '(':
			case strings.HasSuffix(so, "{") || strings.HasSuffix(so, ",") || line[0] == '}' || line[0] == ')':
				b.WriteByte(' ')
			default:
				b.WriteString("; ")
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// StringValue is what a string literal without escapes or interpolation holds: its source without prefix and quotes.
// For a nil node, or one that is no string, it is the node's source.
func StringValue(n *Node) string {
	text := n.Text()
	if open := strings.IndexAny(text, "\"'`"); open >= 0 && open <= 3 {
		quoted := text[open:]
		for _, q := range []string{`"""`, `'''`, `"`, `'`, "`"} {
			if strings.HasPrefix(quoted, q) && strings.HasSuffix(quoted, q) && len(quoted) >= 2*len(q) {
				return quoted[len(q) : len(quoted)-len(q)]
			}
		}
	}
	return text
}

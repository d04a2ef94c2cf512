package syntax

import (
	"path"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
)

// readPython takes for exported what __all__ names, or else every top-level name without a leading underscore.
func readPython(t *Tree, d *declarations) {
	d.pkg = pythonModule(t.Path)
	public := pythonPublic(t)
	for n := range t.Root().Children() {
		switch n.Kind {
		case "import_statement", "import_from_statement", "future_import_statement":
			d.pythonImport(n)
		case "function_definition", "class_definition", "decorated_definition":
			d.pythonDefinition(n, public)
		case "expression_statement":
			assignment := n.First("assignment")
			name := assignment.Child("left")
			if !name.Is("identifier") || !public(name.Text()) || name.Text() == "__all__" {
				continue
			}
			kind := analysis.Var
			if strings.ToUpper(name.Text()) == name.Text() {
				kind = analysis.Const
			}
			signature := cut(OneLine(assignment.Text()), 100)
			d.export(n, kind, "", name.Text(), signature)
			d.show(n, signature)
		}
	}
}

// pythonModule is the module that a path gives: app/store.py is app.store, app/__init__.py is app.
func pythonModule(file string) string {
	stem := strings.TrimSuffix(file, path.Ext(file))
	stem = strings.TrimSuffix(strings.TrimPrefix(stem, "src/"), "/__init__")
	return strings.ReplaceAll(stem, "/", ".")
}

func pythonPublic(t *Tree) func(name string) bool {
	for n := range t.Root().Children() {
		assignment := n.First("assignment")
		if assignment.Child("left").Text() != "__all__" {
			continue
		}
		names := map[string]bool{}
		for s := range assignment.Child("right").Within() {
			if s.Is("string") {
				names[StringValue(s)] = true
			}
		}
		return func(name string) bool { return names[name] }
	}
	return func(name string) bool { return name != "" && !strings.HasPrefix(name, "_") }
}

func (d *declarations) pythonImport(n *Node) {
	module := n.Child("module_name").Text()
	if n.Is("future_import_statement") {
		module = "__future__"
	}
	if n.First("wildcard_import") != nil {
		d.importing(n, module, "*")
	}
	for _, name := range n.Fields("name") {
		path, alias := name.Text(), ""
		if name.Is("aliased_import") {
			path, alias = name.Child("name").Text(), name.Child("alias").Text()
		}
		switch {
		case module == "":
		case strings.HasSuffix(module, "."): // from . import x
			path = module + path
		default:
			path = module + "." + path
		}
		d.importing(name, path, alias)
	}
}

func (d *declarations) pythonDefinition(outer *Node, public func(string) bool) {
	n := outer
	if outer.Is("decorated_definition") {
		n = outer.Child("definition")
	}
	name := n.Child("name").Text()
	if !public(name) {
		return
	}
	kind := analysis.Func
	if n.Is("class_definition") {
		kind = analysis.Class
	}
	signature := pythonHeader(n)
	d.export(n, kind, "", name, signature)
	d.show(outer, pythonShown(outer, signature, ""))
	if kind != analysis.Class {
		return
	}
	for member := range n.Child("body").Children() {
		method := member
		if member.Is("decorated_definition") {
			method = member.Child("definition")
		}
		methodName := method.Child("name").Text()
		if !method.Is("function_definition") || strings.HasPrefix(methodName, "_") && methodName != "__init__" {
			continue
		}
		signature := pythonHeader(method)
		d.export(method, analysis.Method, name, methodName, signature)
		d.outlines = append(d.outlines, outlined{text: pythonShown(member, signature, "    ")})
	}
}

func pythonHeader(n *Node) string { return strings.TrimSuffix(header(n, n.Child("body")), ":") }

// pythonShown is a definition with its decorators and docstring.
func pythonShown(outer *Node, signature, indent string) string {
	var b strings.Builder
	for c := range outer.Children() {
		if c.Is("decorator") {
			b.WriteString(indent + OneLine(c.Text()) + "\n")
		}
	}
	b.WriteString(indent + signature + ":")
	n := outer
	if outer.Is("decorated_definition") {
		n = outer.Child("definition")
	}
	if doc := Docstring(n); doc != nil {
		b.WriteString("\n" + indent + "    " + OneLine(doc.Text()))
	}
	return b.String()
}

// Docstring is the string that documents a Python function, class or module, or nil.
func Docstring(n *Node) *Node {
	body := n.Child("body")
	if n.Is("module") {
		body = n
	}
	if first := body.At(0); first.Is("expression_statement") {
		return first.First("string")
	}
	return nil
}

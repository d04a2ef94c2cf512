package syntax

import (
	"path"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
)

// readScript reads JavaScript and TypeScript, ES modules and CommonJS both.
func readScript(t *Tree, d *declarations) {
	d.pkg = strings.TrimSuffix(t.Path, path.Ext(t.Path))
	d.declared = scriptDeclared(t)
	for n := range t.All() {
		switch {
		case n.Is("import_statement"):
			d.scriptImport(n)
		case n.Is("export_statement"):
			d.scriptExport(n)
		case n.Is("call_expression") && (n.Child("function").Text() == "require" || n.Child("function").Is("import")):
			if arg := n.Child("arguments").At(0); arg.Is("string") {
				alias := ""
				if bound := n.Parent(); bound.Is("variable_declarator") && bound.Child("name").Is("identifier") {
					alias = bound.Child("name").Text()
				}
				d.importing(n, StringValue(arg), alias)
			}
		case n.Is("assignment_expression") && n.Parent().Parent().Is("program"):
			d.commonJS(n)
		}
	}
}

func (d *declarations) scriptImport(n *Node) {
	source := StringValue(n.Child("source"))
	if n.Child("source") == nil { // import x = require("y")
		source = StringValue(n.Find("string"))
	}
	before := len(d.imports)
	for c := range n.First("import_clause").Children() {
		switch c.Kind {
		case "identifier":
			d.importing(n, source, c.Text())
		case "namespace_import":
			d.importing(n, source, c.At(0).Text())
		case "named_imports":
			for spec := range c.Children() {
				name := spec.Child("alias")
				if name == nil {
					name = spec.Child("name")
				}
				d.importing(n, source, name.Text())
			}
		}
	}
	if len(d.imports) == before {
		d.importing(n, source, "")
	}
}

func (d *declarations) scriptExport(n *Node) {
	if source := n.Child("source"); source != nil {
		d.importing(n, StringValue(source), "")
	}
	prefix := "export "
	if n.First("default") != nil {
		prefix = "export default "
	}
	if declaration := n.Child("declaration"); declaration != nil {
		d.scriptDeclaration(n, declaration, prefix)
		return
	}
	if value := n.Child("value"); value != nil {
		if value.Is("identifier") {
			if declared := d.declared[value.Text()]; declared != nil {
				d.scriptDeclaration(n, declared, prefix)
				return
			}
		}
		signature := prefix + scriptHeader(value)
		d.export(n, scriptKind(value), "", "default", signature)
		d.show(n, signature)
	}
	for spec := range n.First("export_clause").Children() {
		name := spec.Child("alias")
		if name == nil {
			name = spec.Child("name")
		}
		if declared := d.declared[spec.Child("name").Text()]; declared != nil && n.Child("source") == nil && spec.Child("alias") == nil {
			d.scriptDeclaration(n, declared, prefix)
			continue
		}
		signature := "export { " + OneLine(spec.Text()) + " }"
		d.export(spec, analysis.Var, "", name.Text(), signature)
		d.outlines = append(d.outlines, outlined{text: signature})
	}
}

// scriptDeclared gives the top-level declarations by name.
func scriptDeclared(t *Tree) map[string]*Node {
	declared := map[string]*Node{}
	for n := range t.Root().Children() {
		if name := n.Child("name"); name != nil {
			declared[name.Text()] = n
		}
		for c := range n.Children() {
			if c.Is("variable_declarator") {
				declared[c.Child("name").Text()] = c
			}
		}
	}
	return declared
}

// scriptDeclaration exports what a declaration declares: a function, a class with its public methods, a type, or variables.
func (d *declarations) scriptDeclaration(shown, n *Node, prefix string) {
	switch n.Kind {
	case "lexical_declaration", "variable_declaration":
		for c := range n.Children() {
			d.scriptVariable(shown, c, prefix, n.At(0) == c)
		}
	case "variable_declarator":
		d.scriptVariable(shown, n, prefix, true)
	case "class_declaration", "abstract_class_declaration", "class":
		name := n.Child("name").Text()
		if name == "" {
			name = "default"
		}
		signature := prefix + header(n, n.Child("body"))
		d.export(n, analysis.Class, "", name, signature)
		d.show(shown, signature)
		d.scriptMethods(n, name)
	case "interface_declaration", "type_alias_declaration", "enum_declaration":
		kind := analysis.Type
		if n.Is("interface_declaration") {
			kind = analysis.Interface
		}
		d.export(n, kind, "", n.Child("name").Text(), cut(prefix+OneLine(n.Text()), 400))
		d.show(shown, prefix+n.Text())
	default:
		name := n.Child("name").Text()
		if name == "" {
			name = "default"
		}
		signature := prefix + scriptHeader(n)
		d.export(n, scriptKind(n), "", name, signature)
		d.show(shown, signature)
	}
}

func (d *declarations) scriptVariable(shown, n *Node, prefix string, first bool) {
	name, value := n.Child("name"), n.Child("value")
	if !name.Is("identifier") {
		return
	}
	word := n.Parent().Child("kind").Text()
	if word == "" {
		word = "var"
	}
	kind := analysis.Var
	signature := prefix + word + " " + name.Text()
	if typ := n.Child("type"); typ != nil {
		signature += OneLine(typ.Text())
	}
	switch {
	case scriptKind(value) == analysis.Func:
		kind = analysis.Func
		signature += " = " + scriptHeader(value)
	case value.Is("string", "number", "true", "false", "template_string"):
		signature += " = " + cut(OneLine(value.Text()), 80)
	}
	if kind == analysis.Var && word == "const" {
		kind = analysis.Const
	}
	d.export(n, kind, "", name.Text(), signature)
	if first {
		d.show(shown, signature)
	} else {
		d.outlines = append(d.outlines, outlined{text: signature})
	}
}

func (d *declarations) scriptMethods(class *Node, name string) {
	for m := range class.Child("body").Children() {
		if !m.Is("method_definition", "abstract_method_signature", "method_signature") {
			continue
		}
		methodName := m.Child("name").Text()
		if access := m.First("accessibility_modifier").Text(); access == "private" || access == "protected" ||
			strings.HasPrefix(methodName, "#") || strings.HasPrefix(methodName, "_") {
			continue
		}
		signature := header(m, m.Child("body"))
		d.export(m, analysis.Method, name, methodName, signature)
		d.outlines = append(d.outlines, outlined{text: "  " + signature})
	}
}

// commonJS reads module.exports = …, module.exports.x = … and exports.x = ….
func (d *declarations) commonJS(n *Node) {
	left, right := OneLine(n.Child("left").Text()), n.Child("right")
	name := ""
	switch {
	case left == "module.exports" && right.Is("object"):
		for c := range right.Children() {
			key := c.Child("key").Text()
			value := c.Child("value")
			switch {
			case c.Is("shorthand_property_identifier"):
				key = c.Text()
				if declared := d.declared[key]; declared != nil {
					d.scriptDeclaration(declared, declared, "")
					continue
				}
			case c.Is("method_definition"):
				key, value = c.Child("name").Text(), c
			}
			if key != "" {
				d.export(c, scriptKind(value), "", key, "exports."+key)
				d.outlines = append(d.outlines, outlined{text: "exports." + key})
			}
		}
		return
	case left == "module.exports":
		name = "default"
	case strings.HasPrefix(left, "module.exports."):
		name = strings.TrimPrefix(left, "module.exports.")
	case strings.HasPrefix(left, "exports."):
		name = strings.TrimPrefix(left, "exports.")
	default:
		return
	}
	if declared := d.declared[right.Text()]; right.Is("identifier") && declared != nil {
		d.scriptDeclaration(declared, declared, "")
		return
	}
	signature := left + " = " + scriptHeader(right)
	d.export(n, scriptKind(right), "", name, signature)
	d.show(n.Parent(), signature)
}

// scriptHeader is a function or class without its body; any other value is cut when it is long.
func scriptHeader(n *Node) string {
	if body := n.Child("body"); body != nil {
		return strings.TrimSuffix(header(n, body), " =>")
	}
	return cut(OneLine(n.Text()), 80)
}

func scriptKind(n *Node) analysis.Kind {
	switch {
	case n == nil:
		return analysis.Var
	case n.Is("function_declaration", "generator_function_declaration", "function_signature", "arrow_function", "function_expression", "generator_function", "method_definition"):
		return analysis.Func
	case n.Is("class", "class_declaration"):
		return analysis.Class
	}
	return analysis.Var
}

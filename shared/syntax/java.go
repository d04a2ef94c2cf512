package syntax

import (
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
)

var javaTypes = map[string]analysis.Kind{
	"class_declaration":           analysis.Class,
	"record_declaration":          analysis.Class,
	"enum_declaration":            analysis.Type,
	"interface_declaration":       analysis.Interface,
	"annotation_type_declaration": analysis.Interface,
}

// readJava takes for exported the public types and their public and protected members.
func readJava(t *Tree, d *declarations) {
	for n := range t.Root().Children() {
		switch n.Kind {
		case "package_declaration":
			d.pkg = n.First("scoped_identifier", "identifier").Text()
		case "import_declaration":
			path := n.First("scoped_identifier", "identifier").Text()
			alias := ""
			if n.First("asterisk") != nil {
				alias = "*"
			}
			d.importing(n, path, alias)
		default:
			d.javaType(n, "", false)
		}
	}
}

// javaType exports a type with its visible members. The members of an interface are visible without a word: implicit.
func (d *declarations) javaType(n *Node, indent string, implicit bool) {
	kind, ok := javaTypes[n.Kind]
	if !ok || !implicit && !javaVisible(n) {
		return
	}
	name := n.Child("name").Text()
	body := n.Child("body")
	signature := javaHeader(n, body)
	d.export(n, kind, "", name, signature)
	d.show(n, indent+signature+" {")
	members := slices.Collect(body.Children())
	for _, m := range members {
		if m.Is("enum_body_declarations") {
			members = append(members, slices.Collect(m.Children())...)
		}
	}
	inInterface := kind == analysis.Interface
	inner := indent + "  "
	for _, m := range members {
		switch {
		case m.Is("enum_constant"):
			d.outlines = append(d.outlines, outlined{text: inner + m.Child("name").Text() + ","})
		case javaTypes[m.Kind] != "":
			d.javaType(m, inner, inInterface)
		case !inInterface && !javaVisible(m):
		case m.Is("method_declaration", "constructor_declaration", "annotation_type_element_declaration"):
			text := javaHeader(m, m.Child("body"))
			d.export(m, analysis.Method, name, m.Child("name").Text(), text)
			d.outlines = append(d.outlines, outlined{text: inner + text + ";"})
		case m.Is("field_declaration", "constant_declaration"):
			d.javaField(m, inner, name, inInterface)
		}
	}
	d.outlines = append(d.outlines, outlined{text: indent + "}"})
}

func (d *declarations) javaField(m *Node, indent, owner string, inInterface bool) {
	kind := analysis.Var
	if modifiers := m.First("modifiers").Text(); inInterface || strings.Contains(modifiers, "static") && strings.Contains(modifiers, "final") {
		kind = analysis.Const
	}
	for _, declarator := range m.Fields("declarator") {
		text := header(m, m.Child("declarator")) + " " + OneLine(declarator.Child("name").Text())
		if value := declarator.Child("value"); kind == analysis.Const && value != nil {
			text += " = " + cut(OneLine(value.Text()), 80)
		}
		d.export(declarator, kind, owner, declarator.Child("name").Text(), text)
		d.outlines = append(d.outlines, outlined{text: indent + text + ";"})
	}
}

// javaHeader leaves a declaration's annotations out.
func javaHeader(n, body *Node) string {
	text := header(n, body)
	for a := range n.First("modifiers").Children() {
		if a.Is("marker_annotation", "annotation") {
			text = strings.Replace(text, OneLine(a.Text()), "", 1)
		}
	}
	return OneLine(strings.TrimSuffix(strings.TrimSpace(text), ";"))
}

func javaVisible(n *Node) bool {
	return n.First("modifiers").First("public", "protected") != nil
}

package syntax

import (
	"path"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
)

var rustKinds = map[string]analysis.Kind{
	"function_item": analysis.Func,
	"struct_item":   analysis.Type,
	"enum_item":     analysis.Type,
	"union_item":    analysis.Type,
	"type_item":     analysis.Type,
	"trait_item":    analysis.Interface,
	"const_item":    analysis.Const,
	"static_item":   analysis.Var,
}

// readRust takes for exported every item with a visibility (pub, pub(crate), …) and the methods of the file's own types
// that have one, since a contract speaks of what the crate's other files may use.
func readRust(t *Tree, d *declarations) {
	d.pkg = rustModule(t.Path)
	d.rustItems(t.Root())
}

// rustModule is the module that a path gives: src/store/sqlite.rs is store::sqlite, src/store/mod.rs is store, and the
// crate's root is crate.
func rustModule(file string) string {
	stem := strings.TrimSuffix(strings.TrimPrefix(file, "src/"), path.Ext(file))
	stem = strings.TrimSuffix(stem, "/mod")
	if stem == "lib" || stem == "main" || stem == "mod" {
		return "crate"
	}
	return strings.ReplaceAll(stem, "/", "::")
}

func (d *declarations) rustItems(parent *Node) {
	for n := range parent.Children() {
		public := n.First("visibility_modifier") != nil
		switch n.Kind {
		case "use_declaration":
			d.rustUse(n, n.Child("argument"), "")
			continue
		case "impl_item":
			if n.Child("trait") == nil {
				d.rustMethods(n, typeName(n.Child("type")), false)
			}
			continue
		case "mod_item":
			if public && n.Child("body") != nil {
				d.rustItems(n.Child("body"))
			}
			continue
		}
		kind, ok := rustKinds[n.Kind]
		if !ok || !public {
			continue
		}
		name, body := n.Child("name").Text(), n.Child("body")
		var signature, shown string
		switch kind {
		case analysis.Type:
			signature, shown = OneLine(n.Text()), n.Text()
		case analysis.Const, analysis.Var:
			signature = cut(OneLine(n.Text()), 120)
			shown = signature
		case analysis.Interface:
			signature = header(n, body)
			shown = signature + " {"
		default:
			signature = strings.TrimSuffix(header(n, body), ",")
			shown = signature
		}
		d.export(n, kind, "", name, strings.TrimSuffix(signature, ";"))
		d.show(n, shown)
		if kind == analysis.Interface {
			d.rustMethods(n, name, true)
			d.outlines = append(d.outlines, outlined{text: "}"})
		}
	}
}

// rustMethods reads the functions of an impl, of which the visible ones are exported, or of a trait, where all are.
func (d *declarations) rustMethods(n *Node, owner string, all bool) {
	opened := false
	for m := range n.Child("body").Children() {
		if !m.Is("function_item", "function_signature_item") || !all && m.First("visibility_modifier") == nil {
			continue
		}
		if !all && !opened {
			d.outlines = append(d.outlines, outlined{text: header(n, n.Child("body")) + " {"})
			opened = true
		}
		signature := strings.TrimRight(header(m, m.Child("body")), ",;")
		d.export(m, analysis.Method, owner, m.Child("name").Text(), signature)
		d.outlines = append(d.outlines, outlined{text: "    " + signature + ";"})
	}
	if opened {
		d.outlines = append(d.outlines, outlined{text: "}"})
	}
}

// rustUse spreads a use tree into one import a name.
func (d *declarations) rustUse(use, n *Node, prefix string) {
	join := func(p string) string {
		if prefix == "" || p == "" {
			return prefix + p
		}
		return prefix + "::" + p
	}
	switch {
	case n.Is("scoped_use_list"):
		d.rustUse(use, n.Child("list"), join(n.Child("path").Text()))
	case n.Is("use_list"):
		for c := range n.Children() {
			d.rustUse(use, c, prefix)
		}
	case n.Is("use_as_clause"):
		d.importing(n, join(n.Child("path").Text()), n.Child("alias").Text())
	case n.Is("use_wildcard"):
		d.importing(n, join(n.At(0).Text()), "*")
	case n != nil:
		path := join(n.Text())
		if n.Is("self") {
			path = prefix
		}
		d.importing(n, path, "")
	}
}

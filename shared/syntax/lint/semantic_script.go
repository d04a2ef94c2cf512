package lint

import (
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func stubScript(s *source, report reporter) {
	for fn, body := range s.functions() {
		statement := only(body)
		if statement.Is("throw_statement") && notWritten.MatchString(statement.Text()) && !s.test {
			report(fn, "%s is a stub: all it does is throw", syntax.FunctionName(fn))
		}
	}
}

func looseEquality(s *source, report reporter) {
	for n := range s.nodes("binary_expression") {
		left, right := n.Child("left"), n.Child("right")
		if !n.Child("operator").Is("==", "!=") || left.Is("null", "undefined") || right.Is("null", "undefined") {
			continue // == null is the usual way to ask for null or undefined
		}
		report(n, "%s converts before it compares", short(syntax.OneLine(n.Text())))
	}
}

func suppressedCheck(s *source, report reporter) {
	for n := range s.nodes("comment") {
		text := commentText(n)
		for _, mark := range []string{"@ts-ignore", "@ts-nocheck"} {
			if strings.HasPrefix(text, mark) {
				report(n, "%s hides errors of the compiler", mark)
			}
		}
	}
}

// duplicateScript finds functions and classes of one name in a file, and methods of one name in a class.
func duplicateScript(s *source, report reporter) {
	for block := range s.nodes("program", "class_body") {
		first := map[string]int{}
		for n := range block.Children() {
			if n.Is("export_statement") {
				n = n.Child("declaration")
			}
			if !n.Is("function_declaration", "generator_function_declaration", "class_declaration", "method_definition") {
				continue
			}
			name := n.Child("name").Text()
			for _, word := range []string{"get", "set", "static"} { // an accessor pair, a static method: names of their own
				if n.First(word) != nil {
					name = word + " " + name
				}
			}
			if line, twice := first[name]; twice {
				report(n, "%s is defined on line %d already", name, line)
				continue
			}
			first[name] = n.Line
		}
	}
}

func unusedImportScript(s *source, report reporter) {
	used := map[string]bool{}
	jsx := false
	for n := range s.Tree.Root().Outside("import_statement") {
		switch n.Kind {
		case "identifier", "type_identifier", "shorthand_property_identifier", "jsx_identifier":
			used[n.Text()] = true
		case "jsx_element", "jsx_self_closing_element":
			jsx = true
		}
	}
	used["React"] = used["React"] || jsx
	for clause := range s.nodes("import_clause") {
		for n := range clause.Within() {
			var bound *syntax.Node
			switch {
			case n.Is("identifier") && n.Parent().Is("import_clause", "namespace_import"):
				bound = n
			case n.Is("import_specifier") && n.Child("alias") != nil:
				bound = n.Child("alias")
			case n.Is("import_specifier"):
				bound = n.Child("name")
			default:
				continue
			}
			if !used[bound.Text()] {
				report(bound, "%s is imported and not used", bound.Text())
			}
		}
	}
}

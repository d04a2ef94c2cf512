package syntax

import (
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// grammarWords says which node kinds of a grammar are what, so that one piece of code measures every language.
type grammarWords struct {
	functions []string // a function with a name
	closures  []string // a function without one: part of the function around it
	branches  []string // one more way through the code each
	loops     []string // branches that repeat; in branches too
	nests     []string // what makes the code inside it deeper by one
	logical   []string // operators that do not always look at their right side
}

var words = map[Language]grammarWords{
	Go: {
		functions: []string{"function_declaration", "method_declaration"},
		closures:  []string{"func_literal"},
		branches:  []string{"if_statement", "for_statement", "expression_case", "type_case", "communication_case"},
		loops:     []string{"for_statement"},
		nests:     []string{"if_statement", "for_statement", "expression_switch_statement", "type_switch_statement", "select_statement", "func_literal"},
		logical:   []string{"&&", "||"},
	},
	Python: {
		functions: []string{"function_definition"},
		closures:  []string{"lambda"},
		branches:  []string{"if_statement", "elif_clause", "for_statement", "while_statement", "except_clause", "except_group_clause", "case_clause", "conditional_expression", "for_in_clause", "if_clause"},
		loops:     []string{"for_statement", "while_statement", "for_in_clause"},
		nests:     []string{"if_statement", "for_statement", "while_statement", "try_statement", "with_statement", "match_statement"},
		logical:   []string{"and", "or"},
	},
	JavaScript: scriptWords,
	TypeScript: scriptWords,
	Java: {
		functions: []string{"method_declaration", "constructor_declaration", "compact_constructor_declaration"},
		closures:  []string{"lambda_expression"},
		branches:  []string{"if_statement", "for_statement", "enhanced_for_statement", "while_statement", "do_statement", "switch_block_statement_group", "switch_rule", "catch_clause", "ternary_expression"},
		loops:     []string{"for_statement", "enhanced_for_statement", "while_statement", "do_statement"},
		nests:     []string{"if_statement", "for_statement", "enhanced_for_statement", "while_statement", "do_statement", "switch_expression", "try_statement", "try_with_resources_statement", "lambda_expression"},
		logical:   []string{"&&", "||"},
	},
	Rust: {
		functions: []string{"function_item"},
		closures:  []string{"closure_expression"},
		branches:  []string{"if_expression", "for_expression", "while_expression", "loop_expression", "match_arm"},
		loops:     []string{"for_expression", "while_expression", "loop_expression"},
		nests:     []string{"if_expression", "for_expression", "while_expression", "loop_expression", "match_expression", "closure_expression"},
		logical:   []string{"&&", "||"},
	},
}

var scriptWords = grammarWords{
	functions: []string{"function_declaration", "generator_function_declaration", "method_definition"},
	closures:  []string{"arrow_function", "function_expression", "generator_function"},
	branches:  []string{"if_statement", "for_statement", "for_in_statement", "while_statement", "do_statement", "switch_case", "catch_clause", "ternary_expression"},
	loops:     []string{"for_statement", "for_in_statement", "while_statement", "do_statement"},
	nests:     []string{"if_statement", "for_statement", "for_in_statement", "while_statement", "do_statement", "switch_statement", "try_statement", "arrow_function", "function_expression", "generator_function"},
	logical:   []string{"&&", "||", "??"},
}

// IsFunction says whether the node is a function with a name. A JavaScript function that is bound to a name where it is
// written counts.
func (n *Node) IsFunction() bool {
	if n == nil {
		return false
	}
	w := words[n.tree.Language]
	return n.Is(w.functions...) || n.Is(w.closures...) && n.Parent().Is("variable_declarator", "public_field_definition", "field_definition")
}

// Function is the nearest function with a name around the node, or nil.
func (n *Node) Function() *Node {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.IsFunction() {
			return p
		}
	}
	return nil
}

// Loop is the nearest loop around the node in the same function or closure, or nil. What a loop evaluates once, before
// it begins, is not in it.
func (n *Node) Loop() *Node {
	if n == nil {
		return nil
	}
	w := words[n.tree.Language]
	for c, p := n, n.Parent(); p != nil; c, p = p, p.Parent() {
		if p.Is(w.closures...) || p.IsFunction() {
			return nil
		}
		if p.Is("for_clause") && runsOnce(c, p) { // Go keeps the head of a loop in a node of its own
			p = p.Parent()
			continue
		}
		if p.Is(w.loops...) && !runsOnce(c, p) {
			return p
		}
	}
	return nil
}

// runsOnce says whether part is the piece of a loop's head that is evaluated before the first round only.
func runsOnce(part, loop *Node) bool {
	switch part.Field {
	case "initializer", "init":
		return true
	case "right", "value": // for x in value
		return loop.Is("for_statement", "for_in_statement", "enhanced_for_statement", "for_expression", "for_in_clause") &&
			!part.Is("block", "statement_block")
	}
	return part.Is("range_clause")
}

// FunctionName is the name of a function, with its type in front when it is a method.
func FunctionName(fn *Node) string {
	if fn == nil {
		return ""
	}
	name := fn.Child("name").Text()
	switch fn.tree.Language {
	case Go:
		if fn.Is("method_declaration") {
			return GoReceiver(fn) + "." + name
		}
	case Rust:
		if impl := fn.Ancestor("impl_item", "trait_item", "function_item"); impl.Is("impl_item") {
			return typeName(impl.Child("type")) + "." + name
		} else if impl.Is("trait_item") {
			return impl.Child("name").Text() + "." + name
		}
	default:
		if name == "" {
			name = fn.Parent().Child("name").Text()
			if name == "" {
				name = fn.Parent().Child("property").Text()
			}
		}
		class := fn.Ancestor("class_definition", "class_declaration", "abstract_class_declaration", "class", "interface_declaration",
			"enum_declaration", "record_declaration", "function_definition", "function_declaration")
		if outer := class.Child("name").Text(); outer != "" && !class.Is("function_definition", "function_declaration") {
			return outer + "." + name
		}
	}
	return name
}

// typeName is a Rust type's name without path, reference and type arguments.
func typeName(n *Node) string { return n.Find("type_identifier", "primitive_type").Text() }

// measure walks the tree once. For every node it keeps how deep it is, and adds what it is to its function's measures.
func measure(t *Tree) []pipeline.FunctionMetrics {
	type place struct{ function, nesting, loops int32 }
	var found []pipeline.FunctionMetrics
	w := words[t.Language]
	places := make([]place, len(t.nodes))
	for i := range t.nodes {
		n := &t.nodes[i]
		at := place{function: -1}
		if n.parent >= 0 {
			at = places[n.parent]
		}
		if n.IsFunction() {
			found = append(found, pipeline.FunctionMetrics{
				File: t.Path, Name: FunctionName(n), Line: n.Line, Lines: n.EndLine - n.Line + 1,
				Cyclomatic: 1, Parameters: countParameters(n),
			})
			places[i] = place{function: int32(len(found) - 1)}
			continue
		}
		if at.function >= 0 {
			m := &found[at.function]
			if n.Is(w.branches...) && !isDefault(n) || !n.Named && n.Is(w.logical...) && n.Field == "operator" {
				m.Cyclomatic++
			}
			if n.Is(w.nests...) && !isElseIf(n) {
				at.nesting++
				m.MaxNesting = max(m.MaxNesting, int(at.nesting))
			}
			if n.Named && n.Is(w.loops...) {
				at.loops++
				m.NestedLoops = max(m.NestedLoops, int(at.loops))
			}
		}
		places[i] = at
	}
	return found
}

// isElseIf says whether the node is an if that is the whole else of another: a chain, not a deeper level.
func isElseIf(n *Node) bool {
	if !n.Is("if_statement", "if_expression") {
		return false
	}
	p := n.Parent()
	return p.Is("else_clause") || n.Field == "alternative" && p.Is(n.Kind)
}

// isDefault says whether a case is the one for everything else: it adds no way through the code that is not there anyway.
func isDefault(n *Node) bool {
	switch n.Kind {
	case "switch_block_statement_group", "switch_rule":
		return strings.HasPrefix(n.First("switch_label").Text(), "default")
	case "match_arm":
		return n.Child("pattern").Text() == "_"
	case "case_clause":
		return n.First("case_pattern").Text() == "_"
	}
	return false
}

// countParameters counts a function's parameters, the receiver aside.
func countParameters(fn *Node) int {
	list := fn.Child("parameters")
	if list == nil && fn.Child("parameter") != nil { // x => …
		return 1
	}
	count := 0
	for p := range list.Children() {
		switch p.Kind {
		case "parameter_declaration", "variadic_parameter_declaration":
			count += max(1, len(p.Fields("name")))
		case "self_parameter", "attribute_item", "keyword_separator", "positional_separator", "receiver_parameter":
		case "identifier":
			if first := list.At(0); p == first && fn.tree.Language == Python && (p.Text() == "self" || p.Text() == "cls") {
				continue
			}
			count++
		default:
			count++
		}
	}
	return count
}

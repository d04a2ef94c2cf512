package lint

import (
	"path"
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// pythonBody is a function's statements, its docstring left out.
func pythonBody(fn *syntax.Node) []*syntax.Node {
	var statements []*syntax.Node
	doc := syntax.Docstring(fn)
	for n := range fn.Child("body").Children() {
		if doc == nil || n != doc.Parent() {
			statements = append(statements, n)
		}
	}
	return statements
}

var declaredOnly = regexp.MustCompile(`abstractmethod|overload`)

// isAbstract says whether a Python function is only there to be overridden: by its decorator, or because its class is a
// protocol, abstract, or the base of another class in the file.
func isAbstract(s *source, fn *syntax.Node) bool {
	if strings.HasSuffix(s.Path, ".pyi") || declaredOnly.MatchString(decorators(fn)) {
		return true
	}
	class := fn.Ancestor("class_definition", "function_definition")
	if !class.Is("class_definition") {
		return false
	}
	if bases := class.Child("superclasses").Text(); strings.Contains(bases, "Protocol") || strings.Contains(bases, "ABC") {
		return true
	}
	name := class.Child("name").Text()
	for other := range s.nodes("class_definition") {
		for base := range other.Child("superclasses").Children() {
			if base.Text() == name {
				return true
			}
		}
	}
	return false
}

func decorators(fn *syntax.Node) string {
	text := ""
	if outer := fn.Parent(); outer.Is("decorated_definition") {
		for d := range outer.Children() {
			if d.Is("decorator") {
				text += d.Text() + "\n"
			}
		}
	}
	return text
}

func stubPython(s *source, report reporter) {
	for fn := range s.nodes("function_definition") {
		statements := pythonBody(fn)
		if len(statements) != 1 || !statements[0].Is("raise_statement") || isAbstract(s, fn) {
			continue
		}
		if raised := statements[0].Text(); strings.Contains(raised, "NotImplementedError") || notWritten.MatchString(raised) {
			report(fn, "%s is a stub: all it does is raise", syntax.FunctionName(fn))
		}
	}
}

func emptyFunctionPython(s *source, report reporter) {
	for fn := range s.nodes("function_definition") {
		statements := pythonBody(fn)
		if len(statements) > 1 || s.test || isAbstract(s, fn) || fn.Child("body").First("comment") != nil {
			continue
		}
		nothing := len(statements) == 0 || statements[0].Is("pass_statement") || statements[0].First("ellipsis") != nil
		// A comment on the last line of a body stands behind it, in the block or module around it.
		if nothing && !commentRightBelow(fn) {
			report(fn, "%s does nothing", syntax.FunctionName(fn))
		}
	}
}

func commentRightBelow(fn *syntax.Node) bool {
	for n := range fn.Parent().Tokens() {
		if n.IsComment() && (n.Line == fn.EndLine || n.Line == fn.EndLine+1 && n.Column > fn.Column) {
			return true
		}
	}
	return false
}

func bareExcept(s *source, report reporter) {
	for n := range s.nodes("except_clause") {
		if n.At(0).Is("block") && n.Find("raise_statement") == nil {
			report(n, "a bare except catches everything")
		}
	}
}

// swallowedPython finds except blocks that drop every error: those that are bare or name Exception, with nothing but pass.
func swallowedPython(s *source, report reporter) {
	for n := range s.nodes("except_clause") {
		block := n.First("block")
		caught := n.At(0)
		if caught.Is("as_pattern") {
			caught = caught.At(0)
		}
		broad := caught == block || caught.Text() == "Exception" || caught.Text() == "BaseException"
		if broad && only(block).Is("pass_statement") && block.First("comment") == nil && n.First("comment") == nil {
			report(n, "every error is caught and dropped")
		}
	}
}

func mutableDefault(s *source, report reporter) {
	for n := range s.nodes("default_parameter", "typed_default_parameter") {
		value := n.Child("value")
		c, isCall := callAt(value)
		if value.Is("list", "dictionary", "set") || isCall && (c.full == "list" || c.full == "dict" || c.full == "set") {
			report(n, "the default of %s is one %s shared by all calls", n.Child("name").Text(), value.Text())
		}
	}
}

func identityWithLiteral(s *source, report reporter) {
	for n := range s.nodes("comparison_operator") {
		if op := n.Child("operators"); !op.Is("is", "is not") {
			continue
		}
		for operand := range n.Children() {
			if operand.Is("string", "integer", "float") {
				report(n, "%s compares identity, not the value", short(n.Text()))
				break
			}
		}
	}
}

// duplicatePython finds a function or class that a later one in the same block replaces. Decorated ones are left out:
// property setters, overloads and registered handlers share a name for a reason.
func duplicatePython(s *source, report reporter) {
	for block := range s.nodes("module", "block") {
		if block.Is("block") && !block.Parent().Is("class_definition") {
			continue // branches of an if or try may define a name each
		}
		first := map[string]int{}
		for n := range block.Children() {
			name := n.Child("name").Text()
			if !n.Is("function_definition", "class_definition") || name == "_" {
				continue
			}
			if line, twice := first[name]; twice {
				report(n, "%s is defined on line %d already", name, line)
				continue
			}
			first[name] = n.Line
		}
	}
}

var wordPattern = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// unusedImportPython counts words in strings as used: annotations and __all__ are written so.
func unusedImportPython(s *source, report reporter) {
	if stem := path.Base(s.Path); stem == "__init__.py" || stem == "conftest.py" {
		return
	}
	used := map[string]bool{}
	for n := range s.Tree.Root().Outside("import_statement", "import_from_statement", "future_import_statement") {
		switch n.Kind {
		case "identifier":
			if !(n.Parent().Is("attribute") && n.Field == "attribute") {
				used[n.Text()] = true
			}
		case "string_content":
			for _, w := range wordPattern.FindAllString(n.Text(), -1) {
				used[w] = true
			}
		}
	}
	for statement := range s.nodes("import_statement", "import_from_statement") {
		if statement.Ancestor("try_statement") != nil { // tried for whether it is there
			continue
		}
		for _, name := range statement.Fields("name") {
			bound := name
			if name.Is("aliased_import") {
				bound = name.Child("alias")
				if bound.Text() == name.Child("name").Text() { // import x as x: handed on
					continue
				}
			}
			word, _, _ := strings.Cut(bound.Text(), ".")
			if !used[word] && word != "" {
				report(name, "%s is imported and not used", bound.Text())
			}
		}
	}
}

package lint

import (
	"path"
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func stubGo(s *source, report reporter) {
	for fn, body := range s.functions() {
		name := syntax.FunctionName(fn)
		if s.test {
			if strings.HasPrefix(name, "Test") && isEmptyTest(body) {
				report(fn, "%s tests nothing", name)
			}
			continue
		}
		statement := only(body)
		switch {
		case statement.Is("expression_statement"):
			c, ok := callAt(statement.At(0))
			if ok && c.full == "panic" && notWritten.MatchString(c.arg(0).Text()) {
				report(fn, "%s is a stub: all it does is panic", name)
			}
		case statement.Is("return_statement"):
			for n := range statement.Within() {
				c, ok := callAt(n)
				if ok && (c.full == "errors.New" || c.full == "fmt.Errorf") && notWritten.MatchString(c.arg(0).Text()) {
					report(fn, "%s is a stub: all it does is return that it is not implemented", name)
				}
			}
		case body.Count() == 0 && notWritten.MatchString(body.First("comment").Text()):
			report(fn, "%s is a stub: its body is a comment", name)
		}
	}
}

func isEmptyTest(body *syntax.Node) bool {
	if body.Count() == 0 {
		return true
	}
	c, ok := callAt(only(body).At(0))
	return ok && (c.full == "t.Skip" || c.full == "t.SkipNow")
}

var noop = regexp.MustCompile(`(?i)no-?op|nop|discard|null|dummy|silent|fake|stub|mock`)

// emptyFunctionGo lets pass what is empty on purpose: marker methods, methods that name nothing they are given, and those
// of types that do nothing by name.
func emptyFunctionGo(s *source, report reporter) {
	for fn, body := range s.functions() {
		name := fn.Child("name").Text()
		marker := fn.Is("method_declaration") && fn.Child("parameters").Count() == 0 && strings.ToLower(name[:1]) == name[:1]
		if isBare(body) && !s.test && !marker && !takesNothing(fn) && !noop.MatchString(syntax.FunctionName(fn)) {
			report(fn, "%s does nothing", syntax.FunctionName(fn))
		}
	}
}

// takesNothing says whether a method has no name for its receiver or parameters, or only blank ones: it cannot do anything
// with them, and says so.
func takesNothing(fn *syntax.Node) bool {
	if !fn.Is("method_declaration") {
		return false
	}
	named := func(list *syntax.Node) bool {
		for p := range list.Children() {
			for _, name := range p.Fields("name") {
				if name.Text() != "_" {
					return true
				}
			}
		}
		return false
	}
	return !named(fn.Child("parameters")) && (!named(fn.Child("receiver")) || fn.Child("parameters").Count() > 0)
}

var (
	goVersionSuffix = regexp.MustCompile(`^v[0-9]+$`)
	goDotVersion    = regexp.MustCompile(`\.v[0-9]+$`)
	plainName       = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// packageNames are the names that a package of this path is likely to have. Only its own source knows for sure.
func packageNames(importPath string) []string {
	last := path.Base(importPath)
	whole := last
	if goVersionSuffix.MatchString(last) && importPath != last {
		last = path.Base(path.Dir(importPath))
	}
	last = goDotVersion.ReplaceAllString(last, "")
	if plainName.MatchString(last) {
		return []string{last, whole} // k8s.io/api/core/v1 is called v1
	}
	names := []string{last, whole, strings.ReplaceAll(last, "-", "_"), strings.ReplaceAll(last, "-", "")}
	return append(names, strings.FieldsFunc(last, func(r rune) bool { return r == '-' || r == '.' || r == '_' })...)
}

// qualifiers are the names in front of a dot: x of x.F and of the type x.T.
func qualifiers(t *syntax.Tree) map[string]bool {
	used := map[string]bool{}
	for n := range t.All() {
		switch n.Kind {
		case "selector_expression":
			used[n.Child("operand").Text()] = true
		case "qualified_type":
			used[n.Child("package").Text()] = true
		}
	}
	return used
}

// unusedImportGo says nothing of a file that the grammar cannot read to its end: the use may stand in the part it cannot read.
func unusedImportGo(s *source, report reporter) {
	if s.SyntaxErrors > 0 {
		return
	}
	used := qualifiers(s.Tree)
	for spec := range s.nodes("import_spec") {
		importPath, alias := syntax.StringValue(spec.Child("path")), spec.Child("name").Text()
		names := []string{alias}
		if alias == "" {
			names = packageNames(importPath)
		}
		if alias == "_" || alias == "." || importPath == "C" || importPath == "" {
			continue
		}
		unused := true
		for _, name := range names {
			unused = unused && !used[name]
		}
		if unused {
			report(spec, "%q is imported and not used", importPath)
		}
	}
}

// swallowedGo finds `if err != nil {}`.
func swallowedGo(s *source, report reporter) {
	for n := range s.nodes("if_statement") {
		condition := n.Child("condition")
		name := strings.ToLower(condition.Child("left").Text())
		if condition.Child("operator").Text() == "!=" && condition.Child("right").Text() == "nil" && strings.HasSuffix(name, "err") &&
			isBare(n.Child("consequence")) {
			report(n, "nothing happens when %s is not nil", condition.Child("left").Text())
		}
	}
}

// mayIgnore are calls whose error says nothing that a caller could act on.
var mayIgnore = regexp.MustCompile(`(^|\.)(Close|Rollback|Write|WriteString|WriteByte|WriteRune|Fprint|Fprintf|Fprintln|Print|Printf|Println)$`)

func ignoredResultGo(s *source, report reporter) {
	if s.test {
		return
	}
	for n := range s.nodes("assignment_statement") {
		right := only(n.Child("right"))
		c, ok := callAt(right)
		if !ok || n.Child("operator").Text() != "=" || mayIgnore.MatchString(c.full) {
			continue
		}
		blank := true
		for l := range n.Child("left").Children() {
			blank = blank && l.Text() == "_"
		}
		if blank && !hasReason(n) {
			report(n, "all that %s returns is thrown away", c.shown())
		}
	}
}

// hasReason says whether a comment stands on the statement's line or right above it.
func hasReason(n *syntax.Node) bool {
	before, after := n.Previous(), n.Next()
	return before.IsComment() && before.EndLine == n.Line-1 || after.IsComment() && after.Line == n.EndLine
}

// panicGo lets pass what panics on purpose: Must functions, what is said to be unreachable, and a panic that is handed on
// after recover.
func panicGo(s *source, report reporter) {
	if s.test || s.Package == "main" {
		return
	}
	recovers := map[*syntax.Node]bool{}
	for c := range s.calling() {
		if c.full == "recover" {
			recovers[s.function(c.node)] = true
		}
	}
	for c := range s.calling() {
		if c.full != "panic" {
			continue
		}
		name := s.function(c.node).Child("name").Text()
		if recovers[s.function(c.node)] || name == "Panic" || name == "Fatal" {
			continue
		}
		message := strings.ToLower(c.arg(0).Text())
		if name == "init" || strings.HasPrefix(strings.ToLower(name), "must") || strings.Contains(message, "unreachable") ||
			notWritten.MatchString(message) { // a stub, which has a rule of its own
			continue
		}
		who := syntax.FunctionName(c.node.Function())
		if who == "" {
			who = "a function without a name"
		}
		report(c.node, "%s panics", who)
	}
}

package lint

import (
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// queries are calls that ask a database for something.
var queries = map[syntax.Language]*regexp.Regexp{
	syntax.Go:         regexp.MustCompile(`^(Query|QueryRow|QueryContext|QueryRowContext|Queryx|QueryRowx|SelectContext|GetContext|ExecContext)$`),
	syntax.Python:     regexp.MustCompile(`^(execute|fetchrow|fetchval)$`),
	syntax.JavaScript: scriptQueries,
	syntax.TypeScript: scriptQueries,
	syntax.Java:       regexp.MustCompile(`^(executeQuery|executeUpdate|queryForObject|queryForList|findById|createQuery)$`),
	syntax.Rust:       regexp.MustCompile(`^(fetch_one|fetch_all|fetch_optional|query_row|query_map|query_one|query_opt)$`),
}

var (
	scriptQueries = regexp.MustCompile(`^(query|execute|findOne|findUnique|findFirst|findById|findByPk|findMany|\$queryRaw)$`)
	prepared      = regexp.MustCompile(`(?i)stmt|statement|prepared|batch`)
)

// queryInLoop lets prepared statements pass: who prepares one means to run it many times.
func queryInLoop(s *source, report reporter) {
	for c := range s.calling() {
		if c.receiver == nil || !queries[s.lang].MatchString(c.name) || prepared.MatchString(c.receiver.Text()) || s.inTest(c.node) {
			continue
		}
		if loop := c.node.Loop(); loop != nil {
			report(c.node, "%s asks the database once a round of the loop on line %d", c.shown(), loop.Line)
		}
	}
}

// concatInLoop finds s += … in a loop where s is declared outside it and what is added, or s itself, is a string.
func concatInLoop(s *source, report reporter) {
	for n := range s.nodes("assignment_statement", "augmented_assignment", "assignment_expression") {
		left := n.Child("left")
		if only := left.At(0); left.Is("expression_list") {
			left = only
		}
		right := n.Child("right")
		added := n.Child("operator").Text() == "+=" || n.Child("operator").Text() == "=" && strings.HasPrefix(syntax.OneLine(right.Text()), left.Text()+" + ")
		loop := n.Loop()
		if !added || loop == nil || !left.Is("identifier") || !s.isText(n, left, right) || declaredIn(loop, left.Text(), n) {
			continue
		}
		report(n, "%s is copied as a whole in each round of the loop on line %d", left.Text(), loop.Line)
	}
}

// isText says whether what is added, or what the variable started with, is a string.
func (s *source) isText(at, left, right *syntax.Node) bool {
	if right.Find("interpreted_string_literal", "raw_string_literal", "string", "string_literal") != nil && right.Find("call_expression", "call", "method_invocation") == nil {
		return true
	}
	for c := range right.Within() {
		if found, ok := callAt(c); ok && (found.full == "fmt.Sprintf" || found.full == "fmt.Sprint" || found.full == "str" || found.full == "string" || found.full == "String.valueOf") {
			return true
		}
	}
	fn := s.function(at)
	for _, v := range s.scope(fn).values[left.Text()] {
		if isString(v) {
			return true
		}
	}
	for d := range fn.Within() {
		if d.Is("var_spec", "local_variable_declaration") && d.Child("type").Is("type_identifier") && strings.EqualFold(d.Child("type").Text(), "string") &&
			(d.Child("name").Text() == left.Text() || d.Child("declarator").Child("name").Text() == left.Text()) {
			return true
		}
	}
	return false
}

// declaredIn says whether the loop's body declares the name: then each round starts afresh.
func declaredIn(loop *syntax.Node, name string, use *syntax.Node) bool {
	for n := range loop.Within() {
		if n == use {
			return false
		}
		switch {
		case n.Is("short_var_declaration", "assignment") && n.Child("left").Text() == name,
			n.Is("var_spec", "variable_declarator") && n.Child("name").Text() == name:
			return true
		}
	}
	return false
}

var compiles = map[syntax.Language]*regexp.Regexp{
	syntax.Go:         regexp.MustCompile(`^regexp\.(Must)?(Compile(POSIX)?|Match(String)?)$`),
	syntax.Python:     regexp.MustCompile(`^re\.compile$`),
	syntax.JavaScript: regexp.MustCompile(`^RegExp$`),
	syntax.TypeScript: regexp.MustCompile(`^RegExp$`),
	syntax.Java:       regexp.MustCompile(`^Pattern\.compile$`),
	syntax.Rust:       regexp.MustCompile(`(^|::)Regex::new$`),
}

func regexpInLoop(s *source, report reporter) {
	for c := range s.calling() {
		if compiles[s.lang].MatchString(c.full) && !s.inTest(c.node) {
			if loop := c.node.Loop(); loop != nil {
				report(c.node, "the pattern is compiled once a round of the loop on line %d", loop.Line)
			}
		}
	}
}

func regexpInFunction(s *source, report reporter) {
	if s.test {
		return
	}
	for c := range s.calling() {
		fn := c.node.Function()
		name := fn.Child("name").Text()
		if !compiles[s.lang].MatchString(c.full) || fn == nil || c.node.Loop() != nil || name == "init" || name == "main" ||
			strings.HasPrefix(name, "New") || strings.HasPrefix(name, "Must") || !isString(c.arg(0)) || c.node.Ancestor("func_literal") != nil {
			continue
		}
		report(c.node, "%s compiles the pattern in every call", syntax.FunctionName(fn))
	}
}

func deferInLoop(s *source, report reporter) {
	for n := range s.nodes("defer_statement") {
		if loop := n.Loop(); loop != nil {
			report(n, "what the loop on line %d defers piles up until the function ends", loop.Line)
		}
	}
}

func timerInLoop(s *source, report reporter) {
	for c := range s.calling() {
		if loop := c.node.Loop(); loop != nil && (c.full == "time.After" || c.full == "time.Tick") && !s.test {
			report(c.node, "%s makes a timer in each round of the loop on line %d", c.full, loop.Line)
		}
	}
}

// blockingScript finds the *Sync calls of fs and child_process where a server would run them: in async functions and in
// handlers.
func blockingScript(s *source, report reporter) {
	if s.test {
		return
	}
	for c := range s.calling() {
		if !strings.HasSuffix(c.name, "Sync") || c.receiver == nil || c.name == "existsSync" {
			continue
		}
		for p := c.node.Parent(); p != nil; p = p.Parent() {
			if p.Is("function_declaration", "arrow_function", "function_expression", "method_definition") && (p.First("async") != nil || isHandler(p)) {
				report(c.node, "%s stops every other request while it runs", c.full)
				break
			}
		}
	}
}

func isHandler(fn *syntax.Node) bool {
	switch syntax.OneLine(fn.Child("parameters").At(0).Text()) {
	case "req", "request", "_req", "ctx", "req: Request":
		return true
	}
	return false
}

func blockingPython(s *source, report reporter) {
	for c := range s.calling() {
		fn := c.node.Function()
		if fn.First("async") == nil || s.test {
			continue
		}
		if c.full == "time.sleep" || strings.HasPrefix(c.full, "requests.") {
			report(c.node, "%s stops the event loop while it runs", c.full)
		}
	}
}

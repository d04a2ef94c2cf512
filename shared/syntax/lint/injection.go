package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// sqlCalls are the names of calls that take a statement, and which argument it is.
var sqlCalls = map[syntax.Language]map[string]int{
	syntax.Go: {
		"Query": 0, "QueryRow": 0, "Exec": 0, "Prepare": 0, "QueryContext": 1, "QueryRowContext": 1, "ExecContext": 1, "PrepareContext": 1,
		"Queryx": 0, "QueryRowx": 0, "MustExec": 0, "Raw": 0, "Get": 1, "Select": 1, "GetContext": 2, "SelectContext": 2,
	},
	syntax.Python:     {"execute": 0, "executemany": 0, "executescript": 0, "text": 0, "raw": 0, "read_sql": 0, "fetch": 0, "fetchrow": 0},
	syntax.JavaScript: scriptSQL,
	syntax.TypeScript: scriptSQL,
	syntax.Java: {
		"executeQuery": 0, "executeUpdate": 0, "execute": 0, "prepareStatement": 0, "createQuery": 0, "createNativeQuery": 0, "query": 0,
		"queryForObject": 0, "queryForList": 0, "update": 0,
	},
	syntax.Rust: {"query": 0, "query_as": 0, "execute": 0, "prepare": 0, "query_row": 0, "batch_execute": 0, "sql_query": 0},
}

var scriptSQL = map[string]int{
	"query": 0, "execute": 0, "raw": 0, "run": 0, "all": 0, "get": 0, "exec": 0, "prepare": 0, "$queryRawUnsafe": 0, "$executeRawUnsafe": 0,
}

var (
	statement = regexp.MustCompile(`(?i)^\s*(select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s|create\s+table\s|drop\s+table\s|alter\s+table\s|replace\s+into\s)`)
	pgxQuery  = regexp.MustCompile(`(?i)(^|\.)(ctx|context)$|context\.|\.Context\(\)$`)
)

func sqlInjection(s *source, report reporter) {
	for c := range s.calling() {
		position, ok := sqlCalls[s.lang][c.name]
		if !ok {
			continue
		}
		sql := c.arg(position)
		// pgx takes the context first under the names that database/sql uses without one.
		if s.lang == syntax.Go && position == 0 && pgxQuery.MatchString(sql.Text()) {
			sql = c.arg(1)
		}
		// rusqlite and postgres take the statement first, sqlx's executors take it in query(…), which is a call of its own.
		if sql == nil || s.test {
			continue
		}
		leaves := s.leaves(sql)
		isSQL := slices.ContainsFunc(leaves, func(l leaf) bool {
			return isString(l.node) && statement.MatchString(strings.TrimLeft(syntax.StringValue(l.node), "#r\"\n\t "))
		})
		if isSQL && slices.ContainsFunc(leaves, func(l leaf) bool { return l.input || s.isRequest(l.node) }) {
			report(c.node, "the statement given to %s is put together from values", c.name)
		}
	}
}

var shells = regexp.MustCompile(`^(/\S*/)?(sh|bash|zsh|dash|ksh|cmd(\.exe)?|powershell(\.exe)?|pwsh)$`)

func commandInjection(s *source, report reporter) {
	if s.test {
		return
	}
	for c := range s.calling() {
		if command := s.shellCommand(c); command != nil && s.dynamic(command) {
			report(c.node, "%s runs a command line that holds a value from outside", c.shown())
		}
	}
}

// shellCommand is the text that a call gives to a shell, or, where the call starts a program of any name, that name; nil
// when it does neither.
func (s *source) shellCommand(c call) *syntax.Node {
	switch s.lang {
	case syntax.Go:
		program := 0
		if c.full == "exec.CommandContext" {
			program = 1
		} else if c.full != "exec.Command" {
			return nil
		}
		if shells.MatchString(syntax.StringValue(c.arg(program))) {
			return c.arg(program + 2)
		}
		return c.arg(program)
	case syntax.Python:
		switch {
		case c.full == "os.system" || c.full == "os.popen":
			return c.arg(0)
		case strings.HasPrefix(c.full, "subprocess.") && c.keyword("shell").Text() == "True":
			return c.arg(0)
		}
	case syntax.JavaScript, syntax.TypeScript:
		if !s.imports("child_process", "node:child_process") {
			return nil
		}
		if c.name == "exec" || c.name == "execSync" {
			return c.arg(0)
		}
		if (c.name == "spawn" || c.name == "spawnSync" || c.name == "execFile") && shells.MatchString(syntax.StringValue(c.arg(0))) {
			return c.arg(1)
		}
	case syntax.Java:
		switch {
		case c.name == "exec" && strings.HasSuffix(c.full, "getRuntime().exec"):
			return c.arg(0)
		case c.full == "ProcessBuilder" && shells.MatchString(syntax.StringValue(c.arg(0))):
			return c.arg(2)
		}
	case syntax.Rust:
		// Command::new("sh").arg("-c").arg(x): from the call that takes x down to the constructor.
		if c.name != "arg" && c.name != "args" {
			return nil
		}
		for r := c.receiver; r != nil; {
			inner, ok := callAt(r)
			if !ok {
				return nil
			}
			if strings.HasSuffix(inner.full, "Command::new") {
				if shells.MatchString(syntax.StringValue(inner.arg(0))) {
					return c.arg(0)
				}
				return nil
			}
			r = inner.receiver
		}
	}
	return nil
}

func evalPython(s *source, report reporter) {
	for c := range s.calling() {
		if (c.full == "eval" || c.full == "exec") && !s.isConstant(c.arg(0)) {
			report(c.node, "%s runs text as code", c.full)
		}
	}
}

func evalScript(s *source, report reporter) {
	for c := range s.calling() {
		switch {
		case c.full == "eval" || c.full == "Function" && c.node.Is("new_expression"):
			if !s.isConstant(c.arg(0)) {
				report(c.node, "%s runs text as code", c.full)
			}
		case (c.full == "setTimeout" || c.full == "setInterval") && (c.arg(0).Is("string", "template_string") || c.arg(0).Child("operator").Text() == "+"):
			report(c.node, "%s runs text as code", c.full)
		}
	}
}

func rawHTMLGo(s *source, report reporter) {
	if !s.imports("html/template") {
		return
	}
	for c := range s.calling() {
		switch c.full {
		case "template.HTML", "template.JS", "template.HTMLAttr", "template.URL":
			if s.dynamic(c.arg(0)) {
				report(c.node, "%s takes the value's escaping away", c.full)
			}
		}
	}
}

func rawHTMLScript(s *source, report reporter) {
	for n := range s.nodes("assignment_expression", "augmented_assignment_expression") {
		property := n.Child("left").Child("property").Text()
		if (property == "innerHTML" || property == "outerHTML") && !s.isConstant(n.Child("right")) {
			report(n, "%s is set to a value that is not escaped", property)
		}
	}
	for n := range s.nodes("jsx_attribute") {
		if n.At(0).Text() == "dangerouslySetInnerHTML" {
			report(n, "dangerouslySetInnerHTML sets HTML that is not escaped")
		}
	}
	for c := range s.calling() {
		if (c.full == "document.write" || c.full == "document.writeln" || c.name == "insertAdjacentHTML") && len(c.args) > 0 &&
			!s.isConstant(c.args[len(c.args)-1]) {
			report(c.node, "%s writes a value that is not escaped", c.full)
		}
	}
}

func deserializePython(s *source, report reporter) {
	for c := range s.calling() {
		switch c.full {
		case "pickle.load", "pickle.loads", "cPickle.load", "cPickle.loads", "marshal.load", "marshal.loads", "shelve.open", "dill.load", "dill.loads", "jsonpickle.decode":
			report(c.node, "%s runs code that its input may hold", c.full)
		case "yaml.load", "yaml.load_all":
			loader := c.keyword("Loader")
			if loader == nil {
				loader = c.arg(1)
			}
			if !strings.Contains(loader.Text(), "SafeLoader") && !strings.Contains(loader.Text(), "BaseLoader") {
				report(c.node, "%s without SafeLoader makes any object that its input names", c.full)
			}
		}
	}
}

func deserializeJava(s *source, report reporter) {
	for c := range s.calling() {
		if c.node.Is("object_creation_expression") && (c.full == "ObjectInputStream" || c.full == "XMLDecoder") {
			report(c.node, "%s makes any object that its input names", c.full)
		}
	}
}

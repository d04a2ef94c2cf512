package lint

import (
	"path"
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

var javaStub = regexp.MustCompile(`new (UnsupportedOperationException|RuntimeException|IllegalStateException|Error)\b`)

func stubJava(s *source, report reporter) {
	for fn, body := range s.functions() {
		statement := only(body)
		if statement.Is("throw_statement") && javaStub.MatchString(statement.Text()) && notWritten.MatchString(statement.Text()) && !s.test {
			report(fn, "%s is a stub: all it does is throw", syntax.FunctionName(fn))
		}
	}
}

func stringIdentity(s *source, report reporter) {
	for n := range s.nodes("binary_expression") {
		if n.Child("operator").Is("==", "!=") && (n.Child("left").Is("string_literal") || n.Child("right").Is("string_literal")) {
			report(n, "%s compares references, not the text", short(syntax.OneLine(n.Text())))
		}
	}
}

func classFileMismatch(s *source, report reporter) {
	stem := strings.TrimSuffix(path.Base(s.Path), ".java")
	for n := range s.Tree.Root().Children() {
		if !n.Is("class_declaration", "interface_declaration", "enum_declaration", "record_declaration", "annotation_type_declaration") ||
			n.First("modifiers").First("public") == nil {
			continue
		}
		if name := n.Child("name").Text(); name != stem {
			report(n, "public type %s is in file %s", name, path.Base(s.Path))
		}
	}
}

func unusedImportJava(s *source, report reporter) {
	used := map[string]bool{}
	for n := range s.Tree.Root().Outside("import_declaration") {
		switch {
		case n.Is("identifier", "type_identifier"):
			used[n.Text()] = true
		case n.IsComment(): // {@link Type}
			for _, w := range wordPattern.FindAllString(n.Text(), -1) {
				used[w] = true
			}
		}
	}
	for n := range s.nodes("import_declaration") {
		name := n.First("scoped_identifier").Child("name").Text()
		if name != "" && n.First("asterisk") == nil && !used[name] {
			report(n, "%s is imported and not used", n.First("scoped_identifier").Text())
		}
	}
}

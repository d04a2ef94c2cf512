package lint

import (
	"iter"
	"regexp"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// semanticRules find code that does not compile, does nothing, or hides errors.
var semanticRules = []Rule{
	{
		ID: "stub", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "Write the function's real body.",
		find: map[syntax.Language]finder{
			syntax.Go: stubGo, syntax.Python: stubPython, syntax.JavaScript: stubScript, syntax.TypeScript: stubScript,
			syntax.Java: stubJava, syntax.Rust: stubRust,
		},
		softer: map[syntax.Language]string{syntax.Python: analysis.SeverityWarning}, // it may be for a class in another file to override
	},
	{
		ID: "elided-code", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "Write out the code that the comment stands for.",
		find:   everywhere(elidedCode),
	},
	{
		ID: "empty-function", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Give the function a body, or say in a comment inside it why it does nothing.",
		find: map[syntax.Language]finder{
			syntax.Go: emptyFunctionGo, syntax.Python: emptyFunctionPython, syntax.JavaScript: emptyFunction, syntax.TypeScript: emptyFunction,
			syntax.Java: emptyFunction, syntax.Rust: emptyFunction,
		},
	},
	{
		ID: "unused-import", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "Take the import out, or use it.",
		find: map[syntax.Language]finder{
			syntax.Go: unusedImportGo, syntax.Python: unusedImportPython, syntax.JavaScript: unusedImportScript,
			syntax.TypeScript: unusedImportScript, syntax.Java: unusedImportJava,
		},
		softer: map[syntax.Language]string{
			syntax.Python: analysis.SeverityWarning, syntax.JavaScript: analysis.SeverityWarning,
			syntax.TypeScript: analysis.SeverityWarning, syntax.Java: analysis.SeverityWarning,
		},
	},
	{
		ID: "swallowed-error", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Handle the error or hand it on; where it may be ignored, a comment in the block says why.",
		find: map[syntax.Language]finder{
			syntax.Go: swallowedGo, syntax.Python: swallowedPython, syntax.JavaScript: swallowedCatch, syntax.TypeScript: swallowedCatch,
			syntax.Java: swallowedCatch,
		},
	},
	{
		ID: "ignored-result", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "If the call can fail, check its error, or say in a comment why it does not matter.",
		find:   map[syntax.Language]finder{syntax.Go: ignoredResultGo},
	},
	{
		ID: "panic-in-library", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Return an error; the caller decides what to do about it.",
		find:   map[syntax.Language]finder{syntax.Go: panicGo},
	},
	{
		ID: "bare-except", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Name the exceptions that are expected; a bare except catches KeyboardInterrupt and SystemExit too.",
		find:   map[syntax.Language]finder{syntax.Python: bareExcept},
	},
	{
		ID: "mutable-default", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Take None for the default and make the value in the function: the default is made once and shared by all calls.",
		find:   map[syntax.Language]finder{syntax.Python: mutableDefault},
	},
	{
		ID: "identity-with-literal", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Compare with == or !=.",
		find:   map[syntax.Language]finder{syntax.Python: identityWithLiteral},
	},
	{
		ID: "duplicate-definition", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "The later definition replaces the earlier one; take one out or rename it.",
		find: map[syntax.Language]finder{
			syntax.Python: duplicatePython, syntax.JavaScript: duplicateScript, syntax.TypeScript: duplicateScript,
		},
	},
	{
		ID: "loose-equality", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Compare with === or !==, which do not convert.",
		find:   map[syntax.Language]finder{syntax.JavaScript: looseEquality, syntax.TypeScript: looseEquality},
	},
	{
		ID: "suppressed-check", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Mend what the compiler says instead of hiding it.",
		find:   map[syntax.Language]finder{syntax.TypeScript: suppressedCheck},
	},
	{
		ID: "string-identity", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "Compare strings with equals; == compares references.",
		find:   map[syntax.Language]finder{syntax.Java: stringIdentity},
	},
	{
		ID: "class-file-mismatch", Check: analysis.Semantic, Severity: analysis.SeverityError,
		Advice: "A public top-level type lives in a file of its name.",
		find:   map[syntax.Language]finder{syntax.Java: classFileMismatch},
	},
	{
		ID: "unwrap", Check: analysis.Semantic, Severity: analysis.SeverityWarning,
		Advice: "Hand the error on with ?, or say with expect why it cannot happen.",
		find:   map[syntax.Language]finder{syntax.Rust: unwrapRust},
	},
}

var (
	elided = regexp.MustCompile(`(?i)^(\.\.\.|…)\s*$` +
		`|^(\.\.\.|…)?\s*(and )?(the )?(rest|remainder) of (the|your|this) (code|file|class|functions?|implementation|methods?|logic)\b[^.]{0,30}\W*$` +
		`|^(\.\.\.|…)?\s*(the )?(remaining|existing|previous|other) (code|methods|functions|fields|handlers|implementation)( (here|unchanged|omitted( for brevity)?|remains?( unchanged)?|stays?( the same)?|as before|goes? here))?\W*$` +
		`|^(add |put |insert |write )?(your |the |actual )*(code|implementation|logic) (goes )?here\W*$` +
		`|omitted for brevity\W*$|^(same|unchanged) as (before|above)\W*$`)
	notWritten = regexp.MustCompile(`(?i)not[ _-]?(yet[ _-])?(been )?implemented|unimplemented|implement (me|this)|\btodo\b|not supported yet`)
)

// elidedCode finds comments that stand where code should: "// ... rest of the implementation".
func elidedCode(s *source, report reporter) {
	for n := range s.nodes("comment", "line_comment", "block_comment") {
		text := commentText(n)
		if elided.MatchString(text) && !inProse(n) {
			report(n, "the comment %q stands in for code", short(text))
		}
	}
}

// inProse says whether a comment is a line of a longer text: there, the words mean something else.
func inProse(n *syntax.Node) bool {
	before, after := n.Previous(), n.Next()
	return before.IsComment() && before.EndLine >= n.Line-1 && before.Line < n.Line || after.IsComment() && after.Line == n.Line+1
}

var commentMarks = regexp.MustCompile(`^(//[/!]?|#|/\*+|\s|\*)+|(\*+/|\s)+$`)

// commentText is a comment without its marks.
func commentText(n *syntax.Node) string {
	return syntax.OneLine(commentMarks.ReplaceAllString(n.Text(), ""))
}

func short(text string) string {
	const limit = 60
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

// functions yields the functions with a name and their bodies.
func (s *source) functions() iter.Seq2[*syntax.Node, *syntax.Node] {
	return func(yield func(fn, body *syntax.Node) bool) {
		for n := range s.Tree.All() {
			if n.IsFunction() && (s.ctx.Err() != nil || !yield(n, n.Child("body"))) {
				return
			}
		}
	}
}

// only is the sole statement of a body, or nil when it has none or several.
func only(body *syntax.Node) *syntax.Node {
	if body.Count() != 1 {
		return nil
	}
	return body.At(0)
}

// isBare says whether a block holds nothing at all, a comment included.
func isBare(block *syntax.Node) bool {
	return block != nil && block.Count() == 0 && block.First("comment", "line_comment", "block_comment") == nil
}

func emptyFunction(s *source, report reporter) {
	for fn, body := range s.functions() {
		if isBare(body) && !s.inTest(fn) && fn.Child("name").Text() != "constructor" && fn.Kind != "constructor_declaration" &&
			body.Is("block", "statement_block") && !fn.Is("arrow_function") {
			report(fn, "%s does nothing", syntax.FunctionName(fn))
		}
	}
}

func swallowedCatch(s *source, report reporter) {
	for n := range s.nodes("catch_clause") {
		name := n.First("catch_formal_parameter").Child("name").Text()
		if isBare(n.Child("body")) && name != "ignored" && name != "expected" {
			report(n, "the catch block is empty: the error is lost")
		}
	}
}

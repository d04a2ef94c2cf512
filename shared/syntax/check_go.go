package syntax

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// checkGo has Go's own parser read a file. It gives the syntax errors and the source in a form
// that the grammar can read: of the same length, with the calls of new that take a value renamed. The grammar is older than
// Go 1.26, which allows them.
func checkGo(path string, source []byte) (readable []byte, wrong []pipeline.Issue) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.SkipObjectResolution)
	var list scanner.ErrorList
	if errors.As(err, &list) {
		for _, e := range list[:min(len(list), MaxErrors)] {
			wrong = append(wrong, syntaxError(path, max(e.Pos.Line, 1), max(e.Pos.Column, 1), e.Msg))
		}
	} else if err != nil {
		wrong = append(wrong, syntaxError(path, 1, 1, err.Error()))
	}
	readable = source
	if file == nil {
		return readable, wrong
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || isType(call.Args[0]) {
			return true
		}
		if fn, ok := call.Fun.(*ast.Ident); ok && fn.Name == "new" {
			if &readable[0] == &source[0] {
				readable = slices.Clone(source)
			}
			copy(readable[fset.Position(fn.Pos()).Offset:], "neW")
		}
		return true
	})
	return readable, wrong
}

// mergeErrors puts the first error of Go's parser before those of the grammar on other lines: it is the one to trust, but
// the ones after it often only follow from it, while the grammar starts anew after each. What Go's parser can read is right.
func mergeErrors(parser, grammar []pipeline.Issue, fence bool) []pipeline.Issue {
	switch {
	case len(parser) == 0:
		return nil
	case fence && len(grammar) > 0:
		return grammar
	case len(grammar) == 0:
		return parser
	}
	merged := []pipeline.Issue{parser[0]}
	for _, g := range grammar {
		if g.Line != parser[0].Line && len(merged) < MaxErrors {
			merged = append(merged, g)
		}
	}
	return SortIssues(merged)
}

func syntaxError(path string, line, column int, message string) pipeline.Issue {
	return pipeline.Issue{
		File: path, Line: line, Column: column, Rule: "syntax-error", Severity: analysis.SeverityError,
		Message: "syntax error: " + message,
	}
}

// isType says whether an expression could be a type.
func isType(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident, *ast.ArrayType, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.StructType, *ast.InterfaceType:
		return true
	case *ast.SelectorExpr:
		return isType(e.X)
	case *ast.StarExpr:
		return isType(e.X)
	case *ast.ParenExpr:
		return isType(e.X)
	case *ast.IndexExpr:
		return isType(e.X) && isType(e.Index)
	case *ast.IndexListExpr:
		return isType(e.X)
	}
	return false
}

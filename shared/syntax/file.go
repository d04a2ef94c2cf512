// Package syntax reads source code in six languages with tree-sitter: what a file imports and exports, how its functions
// measure, where the grammar cannot read it, and whether it keeps its contract. The rules that judge code are in lint.
package syntax

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// File is one analysed source file.
type File struct {
	analysis.File
	Tree   *Tree
	Errors []pipeline.Issue // what the grammar cannot read, at most MaxErrors
}

// Analyse reads one file. Wrong syntax is no error: it stands in File.Errors, and the rest of the file is read as far as
// the parser recovers. Errors are those of Parse.
//
// In Go the language's own parser has the last word on syntax. Where it can read what the grammar cannot, Errors is empty
// while SyntaxErrors is not.
func Analyse(ctx context.Context, lang Language, path string, source []byte) (*File, error) {
	f := &File{}
	readable := source
	var wrong []pipeline.Issue
	if lang == Go && len(source) <= MaxBytes {
		readable, wrong = checkGo(path, source)
	}
	t, err := Parse(ctx, lang, path, readable)
	if err != nil {
		return nil, err
	}
	t.Source = source
	f.Tree = t
	f.Path, f.Language = path, string(lang)
	f.Lines, f.CommentLines = countLines(t)
	f.Errors = syntaxErrors(t)
	f.SyntaxErrors = len(f.Errors)
	if lang == Go {
		f.Errors = mergeErrors(wrong, f.Errors, isFence(source))
		f.SyntaxErrors = max(f.SyntaxErrors, len(f.Errors))
	}
	f.Functions = measure(t)

	d := declarations{}
	switch lang {
	case Go:
		readGo(t, &d)
	case Python:
		readPython(t, &d)
	case JavaScript, TypeScript:
		readScript(t, &d)
	case Java:
		readJava(t, &d)
	case Rust:
		readRust(t, &d)
	}
	f.Package, f.Imports, f.Exports = d.pkg, d.imports, d.exports
	f.Outline = d.outline(lang)
	return f, nil
}

// declarations collects what a language's reader finds.
type declarations struct {
	pkg      string
	imports  []analysis.Import
	exports  []analysis.Symbol
	outlines []outlined
	declared map[string]*Node // JavaScript and TypeScript: what an export may name
}

func (d *declarations) importing(n *Node, path, alias string) {
	d.imports = append(d.imports, analysis.Import{Path: path, Alias: alias, Line: n.Line})
}

func (d *declarations) export(n *Node, kind analysis.Kind, receiver, name, signature string) {
	d.exports = append(d.exports, analysis.Symbol{Name: name, Kind: kind, Receiver: receiver, Signature: signature, Line: n.Line})
}

// OneLine collapses each run of white space into one blank.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// header is a declaration's source up to its body, in one line.
func header(n, body *Node) string {
	return OneLine(rawHeader(n, body))
}

func rawHeader(n, body *Node) string {
	if n == nil {
		return ""
	}
	end := n.End
	if body != nil {
		end = body.Start
	}
	return strings.TrimSpace(string(n.tree.Source[n.Start:end]))
}

// countLines counts the file's lines and those that hold nothing but a comment.
func countLines(t *Tree) (lines, comments int) {
	if len(t.Source) == 0 {
		return 0, 0
	}
	lines = bytes.Count(t.Source, []byte("\n"))
	if !bytes.HasSuffix(t.Source, []byte("\n")) {
		lines++
	}
	code := make([]bool, lines+2)
	comment := make([]bool, lines+2)
	for i := 0; i < len(t.nodes); i++ {
		n := &t.nodes[i]
		mark := code
		if n.IsComment() {
			mark = comment
			i = int(n.last)
		} else if n.last != n.index || n.Start == n.End {
			continue
		}
		// A comment that includes its newline ends at the start of the next line, which is not part of it.
		last := n.EndLine
		if n.End > n.Start && t.Source[n.End-1] == '\n' {
			last--
		}
		for l := n.Line; l <= min(last, lines); l++ {
			mark[l] = true
		}
	}
	for l := range comment {
		if comment[l] && !code[l] {
			comments++
		}
	}
	return lines, comments
}

// SortIssues orders issues by file, line, column and rule, and drops the ones that say the same of the same place.
func SortIssues(issues []pipeline.Issue) []pipeline.Issue {
	slices.SortStableFunc(issues, func(a, b pipeline.Issue) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(a.Rule+a.Message, b.Rule+b.Message)
	})
	return slices.CompactFunc(issues, func(a, b pipeline.Issue) bool { return a == b })
}

package syntax

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// MaxErrors is how many syntax errors of a file are told. After the first few the parser is guessing.
const MaxErrors = 20

// syntaxErrors gives the outermost places that the grammar could not read.
func syntaxErrors(t *Tree) []pipeline.Issue {
	var issues []pipeline.Issue
	for i := 0; i < len(t.nodes) && len(issues) < MaxErrors; i++ {
		n := &t.nodes[i]
		message := ""
		switch {
		case n.Missing:
			message = fmt.Sprintf("%s is missing", describe(n))
		case n.IsError():
			message = unreadable(n)
		default:
			continue
		}
		line, column := n.Line, n.Column
		if open := unclosed(n); open != nil {
			line, column = open.Line, open.Column
		} else if n.IsError() {
			line, column = firstToken(n)
		}
		issues = append(issues, syntaxError(t.Path, line, column, message))
		i = int(n.last) // errors inside an error are guesses
	}
	return issues
}

func firstToken(n *Node) (line, column int) {
	if first := n.At(0); first != nil && n.Line != first.Line {
		return first.Line, first.Column
	}
	return n.Line, n.Column
}

// unreadable says what stands where nothing fits, and, where a bracket or quote is open, which one.
func unreadable(n *Node) string {
	text := OneLine(n.Text())
	if text == "" {
		return "the code ends too early"
	}
	if isFence([]byte(text)) {
		return "a Markdown fence is no code"
	}
	if open := unclosed(n); open != nil {
		return fmt.Sprintf("%q is not closed, near %s", open.Kind, quote(OneLine(string(n.tree.Source[open.Start:n.End]))))
	}
	if p := n.Parent(); p != nil && p.Parent() != nil {
		return fmt.Sprintf("unexpected %s in this %s", quote(text), strings.ReplaceAll(p.Kind, "_", " "))
	}
	return fmt.Sprintf("unexpected %s", quote(text))
}

// isFence says whether code begins with the mark of a Markdown code block.
func isFence(source []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(source), []byte("```")) }

func quote(text string) string {
	const limit = 60
	runes := []rune(text)
	if len(runes) > limit {
		return fmt.Sprintf("%q…", string(runes[:limit]))
	}
	return fmt.Sprintf("%q", text)
}

var closing = map[string]string{"(": ")", "[": "]", "{": "}"}

// unclosed is the innermost bracket that is opened directly inside an unreadable node and never closed there, or nil.
func unclosed(n *Node) *Node {
	if !n.IsError() {
		return nil
	}
	var open []*Node
	for c := range n.Tokens() {
		switch {
		case c.Named:
		case closing[c.Kind] != "":
			open = append(open, c)
		case len(open) > 0 && closing[open[len(open)-1].Kind] == c.Kind:
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[len(open)-1]
}

// describe names a node that the parser had to make up.
func describe(n *Node) string {
	switch {
	case !n.Named:
		return fmt.Sprintf("%q", n.Kind)
	case strings.Contains(n.Kind, "identifier"):
		return "a name"
	}
	return "a " + strings.ReplaceAll(n.Kind, "_", " ")
}

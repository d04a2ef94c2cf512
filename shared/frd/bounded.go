package frd

import (
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Limits of what the Markdown parser is let see as structure; beyond them the marks are plain text. Its work grows with the
// square of each, so that a quarter of a megabyte of nothing but marks would keep it busy for minutes.
const (
	maxNesting = 32   // block quotes and lists inside each other
	maxMarks   = 4096 // emphasis marks in a document
	maxLinks   = 512  // brackets of links in a document
)

// markdown reads CommonMark with tables, within the limits and without link references, which a document here has no use for.
var markdown = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(shallow{parser.NewListParser()}, 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(shallow{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(parser.NewHTMLBlockParser(), 900),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(fewLinks{few{parser.NewLinkParser(), parser.NewContextKey(), maxLinks}}, 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewRawHTMLParser(), 400),
			util.Prioritized(few{parser.NewEmphasisParser(), parser.NewContextKey(), maxMarks}, 500),
		),
	)),
	goldmark.WithExtensions(extension.Table),
)

// shallow opens no block deeper than maxNesting.
type shallow struct{ parser.BlockParser }

func (s shallow) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for p := parent; p != nil; p = p.Parent() {
		if p.Kind() == ast.KindList || p.Kind() == ast.KindBlockquote {
			depth++
		}
	}
	if depth >= maxNesting {
		return nil, parser.NoChildren
	}
	return s.BlockParser.Open(parent, reader, pc)
}

// few reads no more than a limit of marks of its kind in a document.
type few struct {
	parser.InlineParser
	count parser.ContextKey
	limit int
}

func (f few) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	seen, _ := pc.Get(f.count).(int)
	if seen >= f.limit {
		return nil
	}
	pc.Set(f.count, seen+1)
	return f.InlineParser.Parse(parent, block, pc)
}

// fewLinks is few for the parser of links, which also clears up when a block ends.
type fewLinks struct{ few }

func (f fewLinks) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	if c, ok := f.InlineParser.(parser.CloseBlocker); ok {
		c.CloseBlock(parent, block, pc)
	}
}

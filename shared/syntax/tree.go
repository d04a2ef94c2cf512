package syntax

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	sitter "github.com/smacker/go-tree-sitter"
)

// The limits of one file. Code that a person or a model writes stays far below them; they keep a hostile file from
// holding the process.
const (
	MaxBytes = 1 << 20 // bytes of source
	MaxNodes = 1 << 18 // nodes of the tree
	MaxDepth = 2000    // nodes between the root and a leaf
)

// The errors of Parse for a file over a limit. Nothing is said about the part of the file below the limit.
var (
	ErrTooLarge = fmt.Errorf("file is over %d bytes", MaxBytes)
	ErrTooMany  = fmt.Errorf("file has over %d syntax nodes", MaxNodes)
	ErrTooDeep  = fmt.Errorf("file nests deeper than %d levels", MaxDepth)
)

// Tree is a file's syntax tree in Go memory: nothing of it has to be closed, and it may be read by many goroutines.
type Tree struct {
	Language Language
	Path     string
	Source   []byte

	nodes []Node // in source order, a parent before its children
}

// Node is a node of a Tree. Every method may be called on a nil *Node and then answers zero or nothing, so that a
// match can be written as one chain: n.Child("function").Child("field").Text().
type Node struct {
	Kind    string // the grammar's name of it, for a token its text
	Field   string // the name by which the parent knows it; may be empty
	Named   bool   // false: a token such as "(" or "func"
	Missing bool   // true: not in the source, put in by the parser to go on
	Start   int    // bytes from the beginning of the file
	End     int    // first byte after it
	Line    int    // from 1
	Column  int    // from 1, in bytes
	EndLine int    // line of its last byte's end

	tree   *Tree
	index  int32
	last   int32 // index of the last node inside it; its own when it has no children
	parent int32 // -1 for the root
}

// Parse reads source into a tree. Wrong syntax is no error: the tree then has nodes of kind ERROR and missing nodes.
// Errors: ErrTooLarge, ErrTooMany, ErrTooDeep, the context's error, or an unknown language.
func Parse(ctx context.Context, lang Language, path string, source []byte) (*Tree, error) {
	if len(source) > MaxBytes {
		return nil, ErrTooLarge
	}
	g, err := grammar(lang, path)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // a context that has ended already may still lose the race against a short parse
		return nil, err
	}
	parser := sitter.NewParser() // one a parse: a parser is not safe for concurrent use, and making one is cheap
	defer parser.Close()
	parser.SetLanguage(g)
	parsed, err := parser.ParseCtx(ctx, nil, source)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	defer parsed.Close()

	t := &Tree{Language: lang, Path: path, Source: source}
	if err := t.load(ctx, parsed.RootNode()); err != nil {
		return nil, fmt.Errorf("read tree of %s: %w", path, err)
	}
	return t, nil
}

// load copies the parser's tree. It walks with a cursor, which costs the same for each node: asking a node for its
// n-th child counts from the first, and for its parent searches from the root.
func (t *Tree) load(ctx context.Context, root *sitter.Node) error {
	cursor := sitter.NewTreeCursor(root)
	defer cursor.Close()
	kinds := map[sitter.Symbol]string{}
	open := make([]int32, 0, 64) // the nodes from the root to the cursor
	for {
		i := int32(len(t.nodes))
		if i >= MaxNodes {
			return ErrTooMany
		}
		if len(open) >= MaxDepth {
			return ErrTooDeep
		}
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := cursor.CurrentNode()
		symbol := n.Symbol()
		kind, ok := kinds[symbol]
		if !ok {
			kind = n.Type()
			kinds[symbol] = kind
		}
		start, end := n.StartPoint(), n.EndPoint()
		node := Node{
			Kind: kind, Field: cursor.CurrentFieldName(), Named: n.IsNamed(), Missing: n.IsMissing(),
			Start: int(n.StartByte()), End: int(n.EndByte()),
			Line: int(start.Row) + 1, Column: int(start.Column) + 1, EndLine: int(end.Row) + 1,
			tree: t, index: i, last: i, parent: -1,
		}
		if len(open) > 0 {
			node.parent = open[len(open)-1]
		}
		t.nodes = append(t.nodes, node)
		if cursor.GoToFirstChild() {
			open = append(open, i)
			continue
		}
		for !cursor.GoToNextSibling() {
			if len(open) == 0 || !cursor.GoToParent() {
				return nil
			}
			t.nodes[open[len(open)-1]].last = int32(len(t.nodes) - 1)
			open = open[:len(open)-1]
		}
	}
}

// Root is the node of the whole file.
func (t *Tree) Root() *Node { return &t.nodes[0] }

// All yields every node of the file in source order, a parent before its children.
func (t *Tree) All() iter.Seq[*Node] { return t.Root().Within() }

// Text is the node's source.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return string(n.tree.Source[n.Start:n.End])
}

// Is says whether the node is one of these kinds.
func (n *Node) Is(kinds ...string) bool {
	return n != nil && slices.Contains(kinds, n.Kind)
}

// IsError says whether the parser could make nothing of this stretch of source.
func (n *Node) IsError() bool { return n != nil && n.Kind == "ERROR" }

// Parent is the node around this one, nil for the root.
func (n *Node) Parent() *Node {
	if n == nil || n.parent < 0 {
		return nil
	}
	return &n.tree.nodes[n.parent]
}

// Within yields the node itself and everything inside it, in source order.
func (n *Node) Within() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for i := n.index; i <= n.last; i++ {
			if !yield(&n.tree.nodes[i]) {
				return
			}
		}
	}
}

// Outside is like Within but passes over everything inside nodes of the given kinds, the node itself excepted:
// a function without the function literals in it.
func (n *Node) Outside(kinds ...string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for i := n.index; i <= n.last; i++ {
			d := &n.tree.nodes[i]
			if d != n && d.Is(kinds...) {
				i = d.last
				continue
			}
			if !yield(d) {
				return
			}
		}
	}
}

// Tokens yields the children, tokens included.
func (n *Node) Tokens() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for i := n.index + 1; i <= n.last; i = n.tree.nodes[i].last + 1 {
			if !yield(&n.tree.nodes[i]) {
				return
			}
		}
	}
}

// Children yields the named children, comments not among them.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for c := range n.Tokens() {
			if c.Named && !c.IsComment() && !yield(c) {
				return
			}
		}
	}
}

// Child is the first child with this field name, or nil.
func (n *Node) Child(field string) *Node {
	for c := range n.Tokens() {
		if c.Field == field && !c.IsComment() {
			return c
		}
	}
	return nil
}

// Fields gives the named children with this field name.
func (n *Node) Fields(field string) []*Node {
	var all []*Node
	for c := range n.Children() {
		if c.Field == field {
			all = append(all, c)
		}
	}
	return all
}

// At is the i-th named child, counted from 0, or nil.
func (n *Node) At(i int) *Node {
	for c := range n.Children() {
		if i == 0 {
			return c
		}
		i--
	}
	return nil
}

// Count is the number of named children.
func (n *Node) Count() int {
	count := 0
	for range n.Children() {
		count++
	}
	return count
}

// First is the first child of one of these kinds, tokens included, or nil.
func (n *Node) First(kinds ...string) *Node {
	for c := range n.Tokens() {
		if c.Is(kinds...) {
			return c
		}
	}
	return nil
}

// Find is the first node inside this one, itself included, of one of these kinds, or nil.
func (n *Node) Find(kinds ...string) *Node {
	for d := range n.Within() {
		if d.Is(kinds...) {
			return d
		}
	}
	return nil
}

// Ancestor is the nearest node around this one of one of these kinds, or nil.
func (n *Node) Ancestor(kinds ...string) *Node {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Is(kinds...) {
			return p
		}
	}
	return nil
}

// Previous is the named sibling before this one, comments included, or nil.
func (n *Node) Previous() *Node {
	parent := n.Parent()
	if parent == nil {
		return nil
	}
	for i := n.index - 1; i > parent.index; {
		before := &n.tree.nodes[i] // the last node inside the sibling before; the sibling is the one right below parent
		for before.parent != parent.index {
			before = before.Parent()
		}
		if before.Named {
			return before
		}
		i = before.index - 1
	}
	return nil
}

// Next is the named sibling after this one, comments included, or nil.
func (n *Node) Next() *Node {
	parent := n.Parent()
	if parent == nil {
		return nil
	}
	for i := n.last + 1; i <= parent.last; i = n.tree.nodes[i].last + 1 {
		if n.tree.nodes[i].Named {
			return &n.tree.nodes[i]
		}
	}
	return nil
}

// IsComment says whether the node is a comment.
func (n *Node) IsComment() bool { return n.Is("comment", "line_comment", "block_comment") }

// IsLimit says whether err tells of a file over one of the limits.
func IsLimit(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTooMany) || errors.Is(err, ErrTooDeep)
}

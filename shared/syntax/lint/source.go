package lint

import (
	"context"
	"iter"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// source is a file with what several rules ask of it, worked out once.
type source struct {
	*syntax.File
	lang syntax.Language
	test bool
	ctx  context.Context // ends this pass: the iterators stop when it is done, so no rule outlives it by more than one node's work

	calls  []call
	scopes map[*syntax.Node]scope
}

func newSource(ctx context.Context, f *syntax.File) *source {
	s := &source{File: f, ctx: ctx, lang: f.Tree.Language, scopes: map[*syntax.Node]scope{}}
	s.test = syntax.IsTest(s.lang, f.Path)
	for n := range f.Tree.All() {
		if c, ok := callAt(n); ok {
			s.calls = append(s.calls, c)
		}
	}
	return s
}

// nodes yields the file's nodes of these kinds.
func (s *source) nodes(kinds ...string) iter.Seq[*syntax.Node] {
	return func(yield func(*syntax.Node) bool) {
		for n := range s.Tree.All() {
			if n.Is(kinds...) && (s.ctx.Err() != nil || !yield(n)) {
				return
			}
		}
	}
}

// calling yields the file's calls.
func (s *source) calling() iter.Seq[call] {
	return func(yield func(call) bool) {
		for _, c := range s.calls {
			if s.ctx.Err() != nil || !yield(c) {
				return
			}
		}
	}
}

// imports says whether the file imports one of these paths, or for Python and Rust something inside it.
func (s *source) imports(paths ...string) bool {
	for _, i := range s.Imports {
		for _, p := range paths {
			if i.Path == p || strings.HasPrefix(i.Path, p+".") || strings.HasPrefix(i.Path, p+"::") {
				return true
			}
		}
	}
	return false
}

// inTest says whether the node is test code.
func (s *source) inTest(n *syntax.Node) bool {
	return s.test || s.lang == syntax.Rust && inRustTest(n)
}

// inRustTest says whether the node is inside a #[test] function or a #[cfg(test)] module.
func inRustTest(n *syntax.Node) bool {
	for p := n; p != nil; p = p.Parent() {
		if !p.Is("function_item", "mod_item") {
			continue
		}
		for a := p.Previous(); a.Is("attribute_item"); a = a.Previous() {
			if text := syntax.OneLine(a.Text()); strings.Contains(text, "test") {
				return true
			}
		}
	}
	return false
}

// call is a call of a function, method, constructor or macro.
type call struct {
	node     *syntax.Node
	name     string       // the last part: Sprintf of fmt.Sprintf
	full     string       // as it stands there, without the arguments and white space
	receiver *syntax.Node // what stands before the last part, or nil
	args     []*syntax.Node
}

// shown is the call as a message names it: a chain of calls by its last link alone.
func (c call) shown() string {
	if c.receiver.Find("call_expression", "call", "method_invocation") != nil {
		return c.name
	}
	return short(c.full)
}

// arg is the i-th argument, counted from 0, or nil. Named arguments do not count.
func (c call) arg(i int) *syntax.Node {
	for _, a := range c.args {
		if a.Is("keyword_argument") {
			continue
		}
		if i == 0 {
			return a
		}
		i--
	}
	return nil
}

// keyword is the value of a named argument, or nil.
func (c call) keyword(name string) *syntax.Node {
	for _, a := range c.args {
		if a.Is("keyword_argument") && a.Child("name").Text() == name {
			return a.Child("value")
		}
	}
	return nil
}

func callAt(n *syntax.Node) (call, bool) {
	c := call{node: n}
	if n == nil {
		return c, false
	}
	switch n.Kind {
	case "call_expression", "call": // Go, JavaScript, TypeScript, Rust; Python
		fn := n.Child("function")
		c.full = compact(fn.Text())
		switch fn.Kind {
		case "selector_expression":
			c.receiver, c.name = fn.Child("operand"), fn.Child("field").Text()
		case "attribute":
			c.receiver, c.name = fn.Child("object"), fn.Child("attribute").Text()
		case "member_expression":
			c.receiver, c.name = fn.Child("object"), fn.Child("property").Text()
		case "field_expression":
			c.receiver, c.name = fn.Child("value"), fn.Child("field").Text()
		case "scoped_identifier":
			c.receiver, c.name = fn.Child("path"), fn.Child("name").Text()
		default:
			c.name = c.full
		}
		c.addArgs(n.Child("arguments"))
	case "new_expression": // JavaScript, TypeScript
		c.full = compact(n.Child("constructor").Text())
		c.name = c.full
		c.addArgs(n.Child("arguments"))
	case "method_invocation": // Java
		c.receiver, c.name = n.Child("object"), n.Child("name").Text()
		c.full = c.name
		if c.receiver != nil {
			c.full = compact(c.receiver.Text()) + "." + c.name
		}
		c.addArgs(n.Child("arguments"))
	case "object_creation_expression": // Java
		c.full = compact(n.Child("type").Text())
		c.name = c.full
		c.addArgs(n.Child("arguments"))
	case "macro_invocation": // Rust; its arguments are tokens
		c.full = compact(n.Child("macro").Text()) + "!"
		c.name = c.full
		c.addArgs(n.First("token_tree"))
	default:
		return call{}, false
	}
	return c, c.name != ""
}

func (c *call) addArgs(list *syntax.Node) {
	for a := range list.Children() {
		c.args = append(c.args, a)
	}
}

// compact takes the white space out, so that a chain over several lines reads like one on a line. Long ones are cut:
// no rule looks at more.
func compact(s string) string {
	const limit = 512
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.Join(strings.Fields(s), "")
}

// function is the nearest function around the node, closures passed over; for code outside functions the whole file.
func (s *source) function(n *syntax.Node) *syntax.Node {
	if fn := n.Function(); fn != nil {
		return fn
	}
	return s.Tree.Root()
}

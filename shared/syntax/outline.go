package syntax

import (
	"slices"
	"strings"
)

// outlined is one declaration as the outline shows it.
type outlined struct {
	doc  string // its comment, as in the source
	text string // without its body
}

// show puts a declaration into the outline, with the comment right above it.
func (d *declarations) show(n *Node, text string) {
	d.outlines = append(d.outlines, outlined{doc: docComment(n), text: text})
}

// outline is what other code may use of a file, for a reader who does not see the file: the exported declarations with
// their comments, without bodies.
func (d *declarations) outline(lang Language) string {
	var b strings.Builder
	if lang == Go && d.pkg != "" {
		b.WriteString("package " + d.pkg + "\n")
	}
	for _, o := range d.outlines {
		if b.Len() > 0 && (o.doc != "" || strings.Contains(o.text, "\n")) {
			b.WriteByte('\n')
		}
		if o.doc != "" {
			b.WriteString(o.doc + "\n")
		}
		b.WriteString(o.text + "\n")
	}
	return b.String()
}

// docComment is the unbroken run of comment lines that ends right above a declaration.
func docComment(n *Node) string {
	var lines []string
	line := n.Line
	for c := n.Previous(); c != nil && (c.IsComment() || c.Is("attribute_item")); c = c.Previous() {
		text := strings.TrimRight(c.Text(), "\n")
		last := c.Line + strings.Count(text, "\n")
		if last != line-1 {
			break
		}
		line = c.Line
		if c.Is("attribute_item") {
			continue
		}
		lines = append(lines, dedent(text, c.Column-1))
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// dedent takes up to columns bytes of leading white space off every line but the first, which starts where its node does.
func dedent(text string, columns int) string {
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		cut := 0
		for cut < columns && cut < len(lines[i]) && (lines[i][cut] == ' ' || lines[i][cut] == '\t') {
			cut++
		}
		lines[i] = lines[i][cut:]
	}
	return strings.Join(lines, "\n")
}

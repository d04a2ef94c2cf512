package frd

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// section is what a part of the document is about.
type section int

const (
	preamble section = iota // before the first heading of a known kind
	functional
	nonFunctional
	entities
	endpoints
	commands
	other
)

// reader is a document half read.
type reader struct {
	source []byte
	lines  []int // offset of each line's first byte
	out    pipeline.Requirements

	section      section
	sectionLevel int    // level of the heading that began the section
	title        string // the innermost heading that is no requirement and no entity

	ids        map[string]string // normalised number → as written
	current    *pipeline.Requirement
	level      int  // level of current's heading
	accepting  bool // a list that comes next is current's acceptance criteria
	entity     *pipeline.Entity
	entityAt   map[string]int      // name in lower case → index
	entityText map[string][]string // entity → all that is said of it
	entityLine map[string]int

	endpointLines, commandLines []int // where out.Endpoints and out.Commands stand
}

func newReader(source []byte) *reader {
	r := &reader{source: source, lines: []int{0}, ids: map[string]string{}, entityAt: map[string]int{}, entityText: map[string][]string{}, entityLine: map[string]int{}}
	r.out.Requirements = []pipeline.Requirement{}
	for i, b := range source {
		if b == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	return r
}

// maxIssues is how many faults are told.
const maxIssues = 100

func (r *reader) issue(line int, rule, severity, format string, args ...any) {
	if len(r.out.Issues) >= maxIssues {
		return
	}
	r.out.Issues = append(r.out.Issues, pipeline.Issue{Line: line, Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...)})
}

// line is the line of a node's first byte, from 1; 0 for a node that holds no text.
func (r *reader) line(n ast.Node) int {
	offset := -1
	for d := n; d != nil && offset < 0; d = d.FirstChild() {
		switch {
		case d.Type() != ast.TypeInline && d.Lines() != nil && d.Lines().Len() > 0:
			offset = d.Lines().At(0).Start
		case d.Kind() == ast.KindText:
			offset = d.(*ast.Text).Segment.Start
		}
	}
	if offset < 0 {
		return 0
	}
	at, found := slices.BinarySearch(r.lines, offset)
	if found {
		return at + 1
	}
	return at
}

// text is what a block or inline node says: marks of emphasis gone, code in backquotes, one blank for each run of white space.
func (r *reader) text(n ast.Node) string {
	var b strings.Builder
	r.write(&b, n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (r *reader) write(b *strings.Builder, n ast.Node) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(unescape(c.Segment.Value(r.source)))
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.CodeSpan:
			b.WriteByte('`')
			for t := c.FirstChild(); t != nil; t = t.NextSibling() {
				if t, ok := t.(*ast.Text); ok {
					b.Write(t.Segment.Value(r.source))
				}
			}
			b.WriteByte('`')
		case *ast.AutoLink:
			b.Write(c.URL(r.source))
		case *ast.RawHTML:
			b.WriteByte(' ')
		default:
			r.write(b, c)
		}
	}
}

func unescape(s []byte) []byte {
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(s)))
}

// code is a code block's text.
func (r *reader) code(n ast.Node) string {
	var b bytes.Buffer
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(r.source))
	}
	return strings.TrimRight(b.String(), "\n")
}

var (
	headingNumber = regexp.MustCompile(`^(\d+(\.\d+)*[.)]?|[A-Z][.)])\s+`)
	documentTitle = regexp.MustCompile(`(?i)document|specification|\bfor\b|\bof\b|:|–|—| - `)
	sectionWords  = []struct {
		pattern *regexp.Regexp
		section section
	}{
		{regexp.MustCompile(`(?i)not covered|out of scope|non-goals|assumption|open question|glossary|overview|introduction|purpose|stakeholder|acceptance`), other},
		{regexp.MustCompile(`(?i)non-?\s?functional|quality (requirement|attribute)|technical requirement`), nonFunctional},
		{regexp.MustCompile(`(?i)\brequirements?\b|\bfeatures?\b|user stor(y|ies)|use cases?|business rules?`), functional},
		{regexp.MustCompile(`(?i)\bentit(y|ies)\b|data model|domain model|data structures?`), entities},
		{regexp.MustCompile(`(?i)\bcommands?\b|command[- ]line|\bcli\b`), commands},
		{regexp.MustCompile(`(?i)\bendpoints?\b|\bapi\b|\binterface\b|\broutes?\b`), endpoints},
	}
)

func classify(title string) (section, bool) {
	for _, w := range sectionWords {
		if w.pattern.MatchString(title) {
			return w.section, true
		}
	}
	return other, false
}

// heading ends what went before and begins a requirement, an entity or a section.
func (r *reader) heading(h *ast.Heading) {
	title := headingNumber.ReplaceAllString(r.text(h), "")
	if r.current != nil && h.Level > r.level {
		r.accepting = acceptance.MatchString(title)
		return
	}
	r.close()
	if id, rest, ok := cutID(title); ok && r.section != other {
		r.begin(r.line(h), id, rest, h.Level)
		return
	}
	kind, known := classify(title)
	switch {
	case r.section == preamble && h.Level == 1 && r.out.Title == "":
		r.out.Title = title
		if kind == functional && !documentTitle.MatchString(title) { // the document's only heading may be that of its requirements
			r.section, r.sectionLevel, r.title = functional, 1, title
		}
	case r.section == entities && h.Level > r.sectionLevel:
		r.openEntity(title, r.line(h))
	case known && !(h.Level > r.sectionLevel && (r.section == endpoints || r.section == commands)):
		r.section, r.sectionLevel, r.title = kind, h.Level, title
	case h.Level <= r.sectionLevel || r.section == preamble:
		r.section, r.sectionLevel, r.title = other, h.Level, title
	default:
		r.title = title // a group inside the section
	}
}

// close ends the requirement or entity that is being read.
func (r *reader) close() {
	if r.current != nil {
		r.keep(*r.current)
		r.current = nil
	}
	r.accepting = false
	r.entity = nil
}

// finish checks what can be checked only when all is read.
func (r *reader) finish() pipeline.Requirements {
	r.close()
	r.relate()
	if len(r.out.Requirements) == 0 {
		r.issue(0, NoRequirements, "error", "the document has no numbered requirement; write them as `- **FR-1** (must): …` under a heading `## Functional requirements`")
	}
	for i := range r.out.Endpoints {
		e := &r.out.Endpoints[i]
		e.Requirements = r.known(e.Requirements, r.endpointLines[i], "endpoint "+e.Method+" "+e.Path)
	}
	for i := range r.out.Commands {
		c := &r.out.Commands[i]
		c.Requirements = r.known(c.Requirements, r.commandLines[i], "command "+c.Name)
	}
	slices.SortStableFunc(r.out.Issues, func(a, b pipeline.Issue) int { return a.Line - b.Line })
	return r.out
}

// known gives the numbers the spelling of their requirements, and reports those that no requirement has.
func (r *reader) known(ids []string, line int, of string) []string {
	var known []string
	for _, id := range ids {
		written, ok := r.ids[normalise(id)]
		if !ok {
			r.issue(line, UnknownRequirement, "error", "%s names requirement %s, which does not exist", of, id)
			continue
		}
		if !slices.Contains(known, written) {
			known = append(known, written)
		}
	}
	return known
}

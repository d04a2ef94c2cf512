package frd

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

const number = `(?:N?FR|N?REQ|NF|RQ|US|UC|BR|F|R)[-_ ]?\d+(?:\.\d+)*[a-z]?`

var (
	leadingID  = regexp.MustCompile(`^(?i:[\[(]?(` + number + `)[\])]?)(?:$|[\s:.,;)(\]–—-])`)
	mentionID  = regexp.MustCompile(`\b((?:N?FR|N?REQ|RQ|US|UC|BR)[-_ ]?\d+(?:\.\d+)*[a-z]?)\b`)
	idRange    = regexp.MustCompile(`\b((?:N?FR|N?REQ|RQ|US|UC|BR)[-_ ]?)(\d+)\s*(?:-|–|—|to|through|\.\.\.?|…)\s*((?:N?FR|N?REQ|RQ|US|UC|BR)[-_ ]?)(\d+)\b`)
	separator  = regexp.MustCompile(`^[\s:.,;–—-]+`)
	priorities = regexp.MustCompile(`^[\[(](?i:priority:?\s*)?(?i:(must|shall|should|could|may|required|mandatory|recommended|optional|critical|high|medium|low|p[0-4])(?:[ -]have)?)[\])]`)
	priority   = regexp.MustCompile(`^(?i)priority\s*:\s*(\w+)\.?$`)
	modal      = regexp.MustCompile(`(?i)\b(must|shall|should|could|may)\b`)
	acceptance = regexp.MustCompile(`^(?i)(acceptance( criteria| criterion| tests?)?|done when|criteria)\s*:?\s*`)
)

// cutID takes a requirement's number off the front of a text.
func cutID(s string) (id, rest string, ok bool) {
	m := leadingID.FindStringSubmatchIndex(s)
	if m == nil {
		return "", s, false
	}
	end := m[3]
	if end < len(s) && (s[end] == ']' || s[end] == ')') {
		end++
	}
	return s[m[2]:m[3]], s[end:], true
}

// normalise gives one form to all spellings of a number.
func normalise(id string) string {
	id = strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(id))
	digits := strings.IndexAny(id, "0123456789")
	if digits < 0 {
		return id
	}
	return id[:digits] + strings.TrimLeft(id[digits:len(id)-1], "0") + id[len(id)-1:]
}

// mentioned gives the numbers that a text names, in its order; FR-1 to FR-3 are three.
func mentioned(s string) []string {
	s = idRange.ReplaceAllStringFunc(s, func(whole string) string {
		m := idRange.FindStringSubmatch(whole)
		from, errFrom := strconv.Atoi(m[2])
		to, errTo := strconv.Atoi(m[4])
		if errFrom != nil || errTo != nil || m[1] != m[3] || to-from > 100 {
			return whole
		}
		var ids []string
		for i := from; i <= to; i++ {
			ids = append(ids, m[1]+strconv.Itoa(i))
		}
		return strings.Join(ids, ", ")
	})
	return mentionID.FindAllString(s, -1)
}

func priorityOf(word string) string {
	switch strings.ToLower(word) {
	case "must", "shall", "required", "mandatory", "critical", "high", "p0", "p1":
		return "must"
	case "should", "recommended", "medium", "p2":
		return "should"
	case "could", "may", "optional", "low", "p3", "p4":
		return "could"
	}
	return ""
}

func (r *reader) kind(id string) string {
	if r.section == nonFunctional || strings.HasPrefix(strings.ToUpper(id), "N") {
		return "non-functional"
	}
	return "functional"
}

// newRequirement makes one out of its number and what follows that in the same heading, paragraph or cell.
func (r *reader) newRequirement(line int, id, rest string) (q *pipeline.Requirement, left string) {
	q = &pipeline.Requirement{ID: id, Kind: r.kind(id), Section: r.title, Line: line}
	rest = separator.ReplaceAllString(rest, "")
	if m := priorities.FindStringSubmatch(rest); m != nil {
		q.Priority = priorityOf(m[1])
		rest = separator.ReplaceAllString(rest[len(m[0]):], "")
	}
	return q, rest
}

// begin starts a requirement whose heading this is.
func (r *reader) begin(line int, id, rest string, level int) {
	q, title := r.newRequirement(line, id, rest)
	if q.Priority == "" {
		if open := strings.LastIndexAny(title, "[("); open > 0 {
			if m := priorities.FindStringSubmatch(title[open:]); m != nil && m[0] == title[open:] {
				q.Priority = priorityOf(m[1])
				title = strings.TrimSpace(title[:open])
			}
		}
	}
	q.Title = title
	r.current, r.level = q, level
}

// keep adds a finished requirement.
func (r *reader) keep(q pipeline.Requirement) {
	q.Text = strings.TrimSpace(q.Text)
	if q.Text == "" {
		q.Text = q.Title
	}
	if q.Text == "" {
		r.issue(q.Line, EmptyRequirement, "error", "requirement %s says nothing", q.ID)
		return
	}
	if q.Priority == "" {
		q.Priority = "must"
		if m := modal.FindString(q.Text); m != "" {
			q.Priority = priorityOf(m)
		}
	}
	if _, twice := r.ids[normalise(q.ID)]; twice {
		r.issue(q.Line, DuplicateID, "error", "requirement %s is there twice; each needs a number of its own", q.ID)
		return
	}
	r.ids[normalise(q.ID)] = q.ID
	r.out.Requirements = append(r.out.Requirements, q)
}

// detail adds a block to the requirement whose heading stands above it.
func (r *reader) detail(n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph:
		r.sentence(r.current, r.text(n))
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			r.point(r.current, item, r.accepting)
		}
		r.accepting = false
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		r.current.Text += "\n" + r.code(n)
	case *extast.Table:
		for _, row := range r.rows(n) {
			r.current.Text += "\n" + strings.Join(row.cells, " | ")
		}
	}
}

// sentence adds a paragraph: a priority, the word that acceptance criteria follow, one such criterion, or text.
func (r *reader) sentence(q *pipeline.Requirement, s string) {
	label := acceptance.FindString(s)
	switch {
	case priority.MatchString(s):
		q.Priority = priorityOf(priority.FindStringSubmatch(s)[1])
	case label != "" && strings.TrimSpace(s) == strings.TrimSpace(label):
		r.accepting = true
	case strings.Contains(label, ":"):
		q.Acceptance = append(q.Acceptance, s[len(label):])
	default:
		q.Text = strings.TrimSpace(q.Text + "\n" + s)
	}
}

// point adds a list item that stands under a requirement, with what is nested in it.
func (r *reader) point(q *pipeline.Requirement, item ast.Node, criterion bool) {
	accepting := r.accepting
	defer func() { r.accepting = accepting }()
	r.accepting = false
	for c := item.FirstChild(); c != nil; c = c.NextSibling() {
		if list, ok := c.(*ast.List); ok {
			for nested := list.FirstChild(); nested != nil; nested = nested.NextSibling() {
				r.point(q, nested, criterion || r.accepting)
			}
			continue
		}
		s := r.text(c)
		switch {
		case s == "":
		case criterion:
			q.Acceptance = append(q.Acceptance, acceptance.ReplaceAllString(s, ""))
		case acceptance.MatchString(s) || priority.MatchString(s):
			r.sentence(q, s)
		default:
			q.Text = strings.TrimSpace(q.Text + "\n- " + s)
		}
	}
}

// requirements reads a block of a requirements section: lists, tables, and paragraphs that begin with a number.
func (r *reader) requirements(n ast.Node) {
	switch n := n.(type) {
	case *ast.List:
		index := n.Start
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			r.item(item, n.IsOrdered(), index)
			index++
		}
	case *ast.Paragraph:
		if id, rest, ok := cutID(r.text(n)); ok {
			q, left := r.newRequirement(r.line(n), id, rest)
			q.Title, q.Text = r.boldTitle(n), left
			r.keep(trimTitle(*q))
		}
	case *extast.Table:
		r.requirementTable(n)
	}
}

// item reads a requirement that is a list item. The paragraph that begins it holds its number.
func (r *reader) item(item ast.Node, ordered bool, index int) {
	head := item.FirstChild()
	if head == nil {
		return
	}
	s := r.text(head)
	id, rest, ok := cutID(s)
	if !ok {
		if !ordered {
			if lower := strings.ToLower(strings.Trim(s, ". ")); lower != "none" && lower != "n/a" && lower != "" {
				r.issue(r.line(item), Unnumbered, "error", "the requirement %q has no number; begin it with **FR-n**", short(s))
			}
			return
		}
		prefix := "FR-"
		if r.section == nonFunctional {
			prefix = "NFR-"
		}
		id, rest = prefix+strconv.Itoa(index), s
	}
	q, left := r.newRequirement(r.line(item), id, rest)
	q.Title, q.Text = r.boldTitle(head), left
	*q = trimTitle(*q)
	accepting := r.accepting
	var below []ast.Node // requirements of their own
	for c := head.NextSibling(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.List:
			for nested := c.FirstChild(); nested != nil; nested = nested.NextSibling() {
				if r.isBelow(nested, id) {
					below = append(below, nested)
					continue
				}
				r.point(q, nested, r.accepting)
			}
			r.accepting = false
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			q.Text += "\n" + r.code(c)
		default:
			if s := r.text(c); s != "" {
				r.sentence(q, s)
			}
		}
	}
	r.accepting = accepting
	r.keep(*q)
	for _, b := range below {
		r.item(b, false, 0)
	}
}

// isBelow says whether a list item under requirement id is one too: its number is bold, or goes on from id's, as FR-1.2
// does from FR-1. Any other number there is only mentioned.
func (r *reader) isBelow(item ast.Node, id string) bool {
	if item.FirstChild() == nil {
		return false
	}
	own, _, ok := cutID(r.text(item.FirstChild()))
	_, bold := item.FirstChild().FirstChild().(*ast.Emphasis)
	return ok && (bold || strings.HasPrefix(own, id+"."))
}

// boldTitle is what stands in bold behind the number: the title of `**FR-1: Borrow a book** …` or `**FR-1** **Borrow a book**: …`.
func (r *reader) boldTitle(block ast.Node) string {
	first, ok := block.FirstChild().(*ast.Emphasis)
	if !ok {
		return ""
	}
	s := r.text(first)
	_, rest, _ := cutID(s)
	title := separator.ReplaceAllString(rest, "")
	if m := priorities.FindString(title); m != "" {
		title = separator.ReplaceAllString(title[len(m):], "")
	}
	if title == "" {
		for n := first.NextSibling(); n != nil; n = n.NextSibling() {
			if e, ok := n.(*ast.Emphasis); ok && e.Level == 2 {
				return strings.TrimRight(r.text(e), ": ")
			}
			if t, ok := n.(*ast.Text); !ok || separator.ReplaceAllString(string(t.Segment.Value(r.source)), "") != "" {
				return ""
			}
		}
		return ""
	}
	return strings.TrimRight(strings.TrimSpace(title), ":. ")
}

// trimTitle takes the title off the front of the text, and the priority that may stand behind it.
func trimTitle(q pipeline.Requirement) pipeline.Requirement {
	if q.Title == "" {
		return q
	}
	rest, cut := strings.CutPrefix(q.Text, q.Title)
	if !cut {
		return q
	}
	rest = separator.ReplaceAllString(rest, "")
	if m := priorities.FindStringSubmatch(rest); m != nil && q.Priority == "" {
		q.Priority = priorityOf(m[1])
		rest = separator.ReplaceAllString(rest[len(m[0]):], "")
	}
	q.Text = rest
	return q
}

func (r *reader) requirementTable(n *extast.Table) {
	for _, row := range r.rows(n) {
		cell := row.get("id", "no", "number", "#", "ref", "req")
		id, rest, ok := cutID(cell)
		if !ok {
			if s := strings.TrimSpace(strings.Join(row.cells, " ")); s != "" {
				r.issue(row.line, Unnumbered, "error", "the requirement %q has no number; its first column must hold one, such as FR-1", short(s))
			}
			continue
		}
		q, left := r.newRequirement(row.line, id, rest)
		q.Title = row.get("title", "name", "feature")
		q.Text = row.get("requirement", "description", "text", "statement", "detail", "rule")
		if _, _, numbered := cutID(q.Text); q.Text == "" || numbered {
			q.Text = left
		}
		if p := priorityOf(row.get("priority", "moscow", "level")); p != "" {
			q.Priority = p
		}
		if a := row.get("acceptance", "criteria", "done"); a != "" {
			q.Acceptance = append(q.Acceptance, a)
		}
		r.keep(*q)
	}
}

func short(s string) string {
	const limit = 60
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}

package frd

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

var (
	methods   = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"} // ANY: every other one, as proxies take
	operation = regexp.MustCompile("^`?(?i:(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ANY))`?\\s+`?(/[^\\s`]*)`?")
	looksLike = regexp.MustCompile("^`?[A-Z]+`?\\s+`?/")
	codeFirst = regexp.MustCompile("^`([^`]+)`")
)

// endpointBlock reads a table or list of HTTP operations. A section called "Interface" may hold commands instead.
func (r *reader) endpointBlock(n ast.Node) {
	switch n := n.(type) {
	case *extast.Table:
		for _, row := range r.rows(n) {
			if row.has("command") {
				r.commandRow(row)
				continue
			}
			r.endpointRow(row)
		}
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			if item.FirstChild() == nil {
				continue
			}
			s := r.text(item.FirstChild())
			if m := operation.FindStringSubmatch(s); m != nil {
				r.endpoint(r.line(item), m[1], m[2], s[len(m[0]):], r.all(item))
			} else if looksLike.MatchString(s) {
				r.issue(r.line(item), BadEndpoint, "error", "%q is no endpoint; write it as `GET /path`", short(s))
			}
		}
	}
}

func (r *reader) endpointRow(row row) {
	path := row.get("path", "route", "url", "uri", "endpoint", "operation", "resource")
	method := row.get("method", "verb", "http")
	if m := operation.FindStringSubmatch(path); m != nil { // both in one cell
		method, path = m[1], m[2]
	}
	if path == "" && method == "" {
		return
	}
	refs := row.get("requirement", "ref", "fr", "id", "covers")
	r.endpoint(row.line, method, path, row.get("purpose", "summary", "description", "action", "note", "what"), refs)
}

func (r *reader) endpoint(line int, method, path, summary, refs string) {
	method = strings.ToUpper(strings.Trim(method, "` "))
	path = strings.TrimRight(strings.Trim(path, "` "), ":,;")
	switch {
	case !slices.Contains(methods, method):
		r.issue(line, BadEndpoint, "error", "endpoint %q has method %q, which is none of %s", path, method, strings.Join(methods, ", "))
		return
	case !strings.HasPrefix(path, "/"):
		r.issue(line, BadEndpoint, "error", "endpoint %s %q has a path that does not begin with a slash", method, path)
		return
	}
	e := pipeline.Endpoint{Method: method, Path: path, Summary: clean(summary)}
	e.Requirements = mentioned(refs)
	if len(e.Requirements) == 0 {
		e.Requirements = mentioned(summary)
	}
	r.out.Endpoints = append(r.out.Endpoints, e)
	r.endpointLines = append(r.endpointLines, line)
}

var reference = regexp.MustCompile(`\s*[(\[](?:(?:N?FR|N?REQ|US|UC|BR)[-_ ]?[0-9.]+[a-z]?[,;\s]*(?:and\s+|to\s+|[–—-]\s*)?)+[)\]]`)

// clean is a summary without the numbers in brackets and the marks that stand before it.
func clean(s string) string {
	s = reference.ReplaceAllString(s, "")
	return strings.TrimSpace(separator.ReplaceAllString(s, ""))
}

// all is the whole text of a list item, what is nested included.
func (r *reader) all(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if c.Kind() == ast.KindList || c.Kind() == ast.KindListItem {
			b.WriteString(" " + r.all(c))
			continue
		}
		b.WriteString(" " + r.text(c))
	}
	return b.String()
}

// commandBlock reads a table or list of the commands of a command-line tool.
func (r *reader) commandBlock(n ast.Node) {
	switch n := n.(type) {
	case *extast.Table:
		for _, row := range r.rows(n) {
			r.commandRow(row)
		}
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			if item.FirstChild() == nil {
				continue
			}
			s := r.text(item.FirstChild())
			if m := codeFirst.FindStringSubmatch(s); m != nil {
				r.command(r.line(item), m[1], s[len(m[0]):], r.all(item))
			}
		}
	}
}

func (r *reader) commandRow(row row) {
	r.command(row.line, row.get("command", "usage", "name", "syntax"), row.get("purpose", "summary", "description", "action", "what"),
		row.get("requirement", "ref", "fr", "id", "covers"))
}

func (r *reader) command(line int, name, summary, refs string) {
	name = strings.TrimSpace(strings.ReplaceAll(name, "`", ""))
	if name == "" {
		return
	}
	c := pipeline.Command{Name: name, Summary: clean(summary), Requirements: mentioned(refs)}
	if len(c.Requirements) == 0 {
		c.Requirements = mentioned(summary)
	}
	r.out.Commands = append(r.out.Commands, c)
	r.commandLines = append(r.commandLines, line)
}

package frd

import (
	"strings"

	extast "github.com/yuin/goldmark/extension/ast"
)

// row is one row of a table, its cells by the words of the header.
type row struct {
	line   int
	header []string // lower case
	cells  []string
}

// rows reads a table.
func (r *reader) rows(table *extast.Table) []row {
	var rows []row
	var header []string
	for n := table.FirstChild(); n != nil; n = n.NextSibling() {
		var cells []string
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, r.text(c))
		}
		if n.Kind() == extast.KindTableHeader {
			for _, c := range cells {
				header = append(header, strings.ToLower(c))
			}
			continue
		}
		rows = append(rows, row{line: r.line(n), header: header, cells: cells})
	}
	return rows
}

// get is the cell of the first column whose header is, or else begins with or holds, one of the words; empty when there is none.
func (r row) get(words ...string) string {
	for _, match := range []func(string, string) bool{func(a, b string) bool { return a == b }, strings.HasPrefix, strings.Contains} {
		for i, h := range r.header {
			for _, w := range words {
				if i < len(r.cells) && match(h, w) {
					return strings.TrimSpace(r.cells[i])
				}
			}
		}
	}
	return ""
}

// has says whether a column has this word for its header.
func (r row) has(word string) bool {
	for _, h := range r.header {
		if strings.HasPrefix(h, word) {
			return true
		}
	}
	return false
}

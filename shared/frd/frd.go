// Package frd reads a functional requirements document, written in Markdown by a model or a person, into data.
//
// # The format
//
// A document that follows this form is read completely. The headings' levels do not matter beyond which stands under which.
//
//	# Title of the project
//
//	One paragraph that says what it is.
//
//	## Functional requirements
//
//	- **FR-1** (must): A testable sentence. Then rules, limits, error cases.
//	  - Acceptance: what shows that it is done
//	- **FR-2: Borrow a book** (should): With a title.
//
//	### FR-3: Return a book
//
//	Text, over as many paragraphs and lists as it takes.
//
//	Priority: could
//
//	Acceptance:
//
//	- The book is there again.
//
//	## Non-functional requirements
//
//	- **NFR-1** (must): …
//
//	## Entities
//
//	### Member
//
//	| Field | Type   | Rules            |
//	|-------|--------|------------------|
//	| id    | string | primary key      |
//	| name  | string | required, unique |
//
//	Has many Loan.
//
//	## Endpoints
//
//	| Method | Path     | Purpose          | Requirements |
//	|--------|----------|------------------|--------------|
//	| POST   | /members | Creates a member | FR-1, FR-2   |
//
//	## Commands
//
//	| Command         | Purpose     | Requirements |
//	|-----------------|-------------|--------------|
//	| `tool add TEXT` | Adds a note | FR-1         |
//
// # What else is read
//
// Numbers: FR-1, FR1, FR 1, NFR-2, REQ-001, US-3, F-1.2 and the like, bold or plain, with or without a colon; the numbers
// of a numbered list under a requirements heading, as FR-1 or NFR-1; a table with a column for the number. Sections:
// "Requirements", "Features", "User stories", "Quality requirements", "Data model", "Interface", "API", "CLI" and the like.
// Fields as a list: `- name (string, required): …` or `- name: string, required`; endpoints as a list: `- GET /members: …`.
// Priorities: also shall, may, high, medium, low; without one, the first of must, should and could in the text counts, and
// without any of them it is must. Every other section is passed over.
//
// A requirement's number stays exactly as it is written where the requirement stands. Where another place means it in
// another spelling (FR1 for FR-1), it gets the spelling of the requirement.
package frd

import (
	"fmt"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// MaxBytes is the longest document that is read.
const MaxBytes = 256 << 10

// ErrTooLarge says that a document is over MaxBytes.
var ErrTooLarge = fmt.Errorf("the document is over %d bytes", MaxBytes)

// The rules by which a document is faulted. All are errors but UnknownEntity, a warning.
const (
	NoRequirements     = "no-requirements"        // there is none
	DuplicateID        = "duplicate-id"           // two have one number; the first counts
	Unnumbered         = "unnumbered-requirement" // a list item under a requirements heading has no number; it is not kept
	EmptyRequirement   = "empty-requirement"      // a number with nothing behind it; it is not kept
	UnknownRequirement = "unknown-requirement"    // an endpoint, command or entity names a number that does not exist
	BadEndpoint        = "bad-endpoint"           // no HTTP method, or a path that does not begin with a slash; it is not kept
	UnknownEntity      = "unknown-entity"         // a relation to an entity that does not exist; it is not kept
)

// Parse reads a document. What is wrong with it stands in Issues, and the rest is read all the same. The only error is
// ErrTooLarge.
func Parse(document string) (pipeline.Requirements, error) {
	if len(document) > MaxBytes {
		return pipeline.Requirements{}, ErrTooLarge
	}
	r := newReader([]byte(document))
	root := markdown.Parser().Parse(text.NewReader(r.source))
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		r.block(n)
	}
	return r.finish(), nil
}

// block takes the next block of the document, in the order in which they stand there.
func (r *reader) block(n ast.Node) {
	if h, ok := n.(*ast.Heading); ok {
		r.heading(h)
		return
	}
	if r.current != nil {
		r.detail(n)
		return
	}
	switch r.section {
	case functional, nonFunctional:
		r.requirements(n)
	case entities:
		r.entityBlock(n)
	case endpoints:
		r.endpointBlock(n)
	case commands:
		r.commandBlock(n)
	case preamble:
		if p, ok := n.(*ast.Paragraph); ok && r.out.Summary == "" {
			r.out.Summary = r.text(p)
		}
	case other:
	}
}

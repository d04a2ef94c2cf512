package blueprint

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// readme is what the template of README.md sees.
type readme struct {
	P            *project
	Title        string
	Requirements []pipeline.Requirement
	Contract     pipeline.Contract
	Packages     []pipeline.Package
}

// Path of the things that an operation closes.
func (r readme) Path(f fact) string { return r.P.entity(f.e).Path() }

// ExampleID is the ID of such a thing in the examples.
func (r readme) ExampleID(f fact) int { return r.P.entity(f.e).ExampleID() }

func document(r *request) (string, error) {
	p, _, err := r.planned()
	if err != nil {
		return "", err
	}
	if r.Path != "README.md" {
		return "", fmt.Errorf("its design has no document %s", r.Path)
	}
	var requirements pipeline.Requirements
	view := readme{P: p}
	if err := r.decode("requirements", &requirements); err != nil {
		return "", err
	}
	if err := r.decode("contract", &view.Contract); err != nil {
		return "", err
	}
	if err := r.decode("packages", &view.Packages); err != nil {
		return "", err
	}
	view.Title, view.Requirements = cmp.Or(requirements.Title, p.Name), requirements.Requirements
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "readme", view); err != nil {
		return "", fmt.Errorf("writing README.md: %w", err)
	}
	return r.file(strings.TrimSpace(b.String()) + "\n")
}

// ParentsFirst gives the things in an order in which they can be created.
func (p *project) ParentsFirst() []*entity {
	var order []*entity
	var visit func(e *entity)
	visit = func(e *entity) {
		for _, parent := range e.Parents() {
			visit(parent)
		}
		if !slices.Contains(order, e) {
			order = append(order, e)
		}
	}
	for _, e := range p.Entities {
		visit(e)
	}
	return order
}

// ExampleID is the ID that the entity's example gets where the examples are run in order.
func (e *entity) ExampleID() int { return slices.Index(e.project.ParentsFirst(), e) + 1 }

func (p *project) Summary() string { return p.summary() }
func (e *entity) Title() string    { return capital(e.Word) }
func (f *field) RuleText() string  { return strings.Join(f.rules(), ", ") }

// RequiredInputs are what a client must give, references among it.
func (e *entity) RequiredInputs() []*field {
	var fields []*field
	for _, f := range e.Inputs() {
		if f.Required() != nil || f.Type == reference {
			fields = append(fields, f)
		}
	}
	return fields
}

// example is a sound value of the field for a reader.
func (f *field) example() any {
	switch {
	case f.OneOf() != nil:
		return f.OneOf().list[0]
	case f.Type == reference:
		return f.To().ExampleID()
	case f.Type == integer || f.Type == decimal:
		return f.least()
	case f.Type == boolean:
		return true
	case f.Type == email:
		return "ada@example.com"
	case f.Type == date:
		return "2026-01-31"
	case f.Type == timestamp && f.Order() != nil:
		return "2030-01-31T11:00:00Z"
	case f.Type == timestamp:
		return "2030-01-31T10:00:00Z"
	}
	label := f.Caption() + " 1"
	if m := f.MaxLen(); m != nil && float64(len(label)) > m.n {
		return "x"
	}
	return label
}

// Example is the value in Go, and good enough for a shell.
func (f *field) Example() string {
	switch {
	case f.Type == timestamp && f.entity.project.Library():
		return "time.Now().Add(time.Hour)"
	case f.Type == timestamp:
		return fmt.Sprint(f.example())
	}
	return fmt.Sprintf("%#v", f.example())
}

// ExampleJSON is a body with every input, in their order.
func (e *entity) ExampleJSON() string {
	var parts []string
	for _, f := range e.Inputs() {
		value, err := json.Marshal(f.example())
		if err != nil {
			panic(err) // texts, numbers and truths always encode
		}
		parts = append(parts, fmt.Sprintf("%q: %s", f.Name, value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

package blueprint

import (
	"fmt"
	"slices"
	"strings"
)

// What the templates ask of a project. Ref methods give the IDs of requirements, for comments.

var operations = []string{"created", "read", "listed", "changed", "deleted"}

var unitHours = map[string]string{"minute": "time.Minute", "hour": "time.Hour", "day": "24 * time.Hour", "week": "7 * 24 * time.Hour"}

func (p *project) API() bool      { return p.Kind == api }
func (p *project) CLI() bool      { return p.Kind == cli }
func (p *project) Library() bool  { return p.Kind == library }
func (p *project) Module() string { return "example.com/" + p.Name }

// Ref gives the requirement of a constant fact.
func (p *project) Ref(kind string) string {
	if f := p.first(kind, "", ""); f != nil {
		return f.id
	}
	return ""
}

// TextLimit is the most characters of a text without a limit of its own.
func (p *project) TextLimit() string {
	if f := p.first("textlimit", "", ""); f != nil {
		return formatNumber(f.n)
	}
	return "500"
}

// Clock says whether anything depends on the time.
func (p *project) Clock() bool { return slices.ContainsFunc(p.Entities, (*entity).Clock) }

// Has says whether any entity has a fact of the kind.
func (p *project) Has(kind string) bool { return p.first(kind, "", "") != nil }

// Root is the type that holds all things: the library's collection.
func (p *project) Root() string {
	name := goName(p.Name)
	for _, e := range p.Entities {
		if name == e.Type() || name == e.Types() || name == e.Type()+"Input" {
			return "Collection"
		}
	}
	return name
}

func (e *entity) Project() *project { return e.project }
func (e *entity) Type() string      { return goName(e.Word) }
func (e *entity) Types() string     { return goName(plural(e.Word)) }
func (e *entity) Var() string       { return varName(e.Word) }
func (e *entity) Words() string     { return plural(e.Word) }
func (e *entity) A() string         { return withArticle(e.Word) }
func (e *entity) Path() string      { return strings.ReplaceAll(plural(e.Word), " ", "-") }
func (e *entity) File() string      { return strings.ReplaceAll(e.Word, " ", "") }

// Stored is the name of the map that keeps the entity's records.
func (e *entity) Stored() string {
	if e.project.Library() {
		return varName(plural(e.Word))
	}
	return e.Types()
}

func (e *entity) first(kind, f string) *fact { return e.project.first(kind, e.Word, f) }
func (e *entity) find(kind string) []fact    { return e.project.find(kind, e.Word, "") }

func (e *entity) Has(kind string) bool { return e.first(kind, "") != nil }

// Ref gives the requirements of the kinds, separated by commas.
func (e *entity) Ref(kinds ...string) string {
	var ids []string
	for _, kind := range kinds {
		for _, f := range e.find(kind) {
			if f.id != "" && !slices.Contains(ids, f.id) {
				ids = append(ids, f.id)
			}
		}
	}
	return strings.Join(ids, ", ")
}

func (e *entity) Can(operation string) bool {
	f := e.first("crud", "")
	return f != nil && slices.Contains(f.list, operation)
}

func (e *entity) OneOf(name string) *fact { return e.first("oneof", name) }
func (e *entity) Act() *fact              { return e.first("act", "") }
func (e *entity) Overdue() *fact          { return e.first("overdue", "") }

// Clock says whether anything about the entity depends on the time.
func (e *entity) Clock() bool {
	return e.Has("stamp") || e.Has("act") || e.Has("overdue") || e.Has("notpast")
}

func (e *entity) Stamps() []*field { return e.ByKind("stamp") }

func (e *entity) ByKind(kind string) []*field {
	var fields []*field
	for _, f := range e.find(kind) {
		fields = append(fields, e.field(f.f))
	}
	return fields
}

// Inputs are the fields that a client sets.
func (e *entity) Inputs() []*field {
	var in []*field
	for _, f := range e.Fields {
		if !f.Server() {
			in = append(in, f)
		}
	}
	return in
}

func (e *entity) refTo(word string) *field { return e.field(snake(word) + "_id") }

// Parents are the things that the entity names.
func (e *entity) Parents() []*entity {
	var parents []*entity
	for _, f := range e.find("belongs") {
		if p := e.project.entity(f.to); p != nil {
			parents = append(parents, p)
		}
	}
	return parents
}

// Children are the things that name the entity.
func (e *entity) Children() []*entity {
	var children []*entity
	for _, c := range e.project.Entities {
		if slices.Contains(c.Parents(), e) {
			children = append(children, c)
		}
	}
	return children
}

// Filters are the fields that a list is narrowed by; Narrowed says whether a list takes anything.
func (e *entity) Filters() []*field {
	f := e.first("filter", "")
	if f == nil {
		return nil
	}
	var fields []*field
	for _, name := range f.list {
		fields = append(fields, e.field(name))
	}
	return fields
}

func (e *entity) SearchFields() []*field {
	f := e.first("search", "")
	if f == nil {
		return nil
	}
	var fields []*field
	for _, name := range f.list {
		fields = append(fields, e.field(name))
	}
	return fields
}

func (e *entity) Narrowed() bool {
	return e.Has("filter") || e.Has("search") || e.Has("overdue") || e.project.API()
}

// Sort is the field that lists are in the order of; nil: in the order of creation.
func (e *entity) Sort() *field {
	if f := e.first("sort", ""); f != nil {
		return e.field(f.f)
	}
	return nil
}

// Slot is how many minutes one record takes; 30 where nothing says so.
func (e *entity) Slot() float64 {
	minutes := map[string]float64{"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
	for _, f := range e.find("derive") {
		if f.f == "ends_at" {
			return f.n * minutes[f.unit]
		}
	}
	return 30
}

func (f *field) Go() string      { return goName(f.Name) }
func (f *field) Label() string   { return strings.ReplaceAll(f.Name, "_", " ") }
func (f *field) Entity() *entity { return f.entity }
func (f *field) Flag() string    { return strings.ReplaceAll(f.Name, "_", "-") }

func (f *field) fact(kind string) *fact { return f.entity.project.first(kind, f.entity.Word, f.Name) }

func (f *field) Min() *fact     { return f.fact("min") }
func (f *field) Max() *fact     { return f.fact("max") }
func (f *field) MaxLen() *fact  { return f.fact("maxlen") }
func (f *field) OneOf() *fact   { return f.fact("oneof") }
func (f *field) Default() *fact { return f.fact("default") }
func (f *field) Unique() *fact  { return f.fact("unique") }
func (f *field) Derive() *fact  { return f.fact("derive") }
func (f *field) Order() *fact   { return f.fact("order") }

// Required gives the requirement that the field must be given, or nil.
func (f *field) Required() *fact {
	if r := f.entity.first("required", ""); r != nil && slices.Contains(r.list, f.Name) {
		return r
	}
	return nil
}

// Server says whether the program sets the field.
func (f *field) Server() bool {
	return f.fact("stamp") != nil || f.fact("derive") != nil || f.fact("act") != nil
}

// Pointer says whether a missing value must be told from zero.
func (f *field) Pointer() bool {
	return f.Required() != nil && (f.Type == integer || f.Type == decimal)
}

func (f *field) GoType() string {
	switch f.Type {
	case integer, reference:
		return "int64"
	case decimal:
		return "float64"
	case boolean:
		return "bool"
	case timestamp:
		if f.fact("act") != nil {
			return "*time.Time"
		}
		return "time.Time"
	}
	return "string"
}

// OmitZero says whether a zero time stands for one that was not given, which JSON must not show as the year 1.
func (f *field) OmitZero() bool {
	return f.GoType() == "time.Time" && !f.Server() && f.Required() == nil
}

// InputType is the field's type in the input.
func (f *field) InputType() string {
	if f.Pointer() {
		return "*" + f.GoType()
	}
	return f.GoType()
}

// Values names the list of the field's values.
func (f *field) Values() string { return goName(f.entity.Word + " " + plural(f.Label())) }

func (f *field) Limit() string {
	if m := f.MaxLen(); m != nil {
		return formatNumber(m.n)
	}
	return f.entity.project.TextLimit()
}

// To is the thing that a reference names.
func (f *field) To() *entity {
	for _, p := range f.entity.Parents() {
		if f.entity.refTo(p.Word) == f {
			return p
		}
	}
	return nil
}

// LimitedText says whether the field holds a text with a limit of characters.
func (f *field) LimitedText() bool { return f.Type == text && f.OneOf() == nil || f.Type == email }

// Doc says in a comment what is special about a field of the record.
func (f *field) Doc() string {
	switch {
	case f.fact("act") != nil:
		return fmt.Sprintf("nil while the %s is open", f.entity.Word)
	case f.Derive() != nil:
		return fmt.Sprintf("%s %s after %s", f.Derive().N(), f.Derive().Units(), f.Derive().from)
	case f.OneOf() != nil:
		return "one of " + f.Values()
	case f.Type == date:
		return "YYYY-MM-DD or empty"
	case strings.HasSuffix(f.Name, "_cents"):
		return "in hundredths of the currency unit"
	case strings.HasSuffix(f.Name, "_seconds"):
		return "in seconds"
	}
	return ""
}

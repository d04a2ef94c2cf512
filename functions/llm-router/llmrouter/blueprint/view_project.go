package blueprint

import (
	"slices"
	"strings"
)

// What the templates ask of a project. Ref methods give the IDs of requirements, for comments.

var operations = []string{"created", "read", "listed", "changed", "deleted"}

var unitHours = map[string]string{"minute": "time.Minute", "hour": "time.Hour", "day": "24 * time.Hour", "week": "7 * 24 * time.Hour"}

func (p *project) API() bool { return p.Kind == api }

func (p *project) CLI() bool { return p.Kind == cli }

func (p *project) Library() bool { return p.Kind == library }

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

func (e *entity) Type() string { return goName(e.Word) }

func (e *entity) Types() string { return goName(plural(e.Word)) }

func (e *entity) Var() string { return varName(e.Word) }

func (e *entity) Words() string { return plural(e.Word) }

func (e *entity) A() string { return withArticle(e.Word) }

func (e *entity) Path() string { return strings.ReplaceAll(plural(e.Word), " ", "-") }

// File is the entity's name as a file's, without underscores, which could mean a platform or a test.
func (e *entity) File() string {
	name := strings.ReplaceAll(e.Word, " ", "")
	if slices.Contains([]string{"service", "errors", "period", "collection"}, name) {
		name += "record"
	}
	return name
}

// Stored is the name of the map that keeps the entity's records.
func (e *entity) Stored() string {
	if e.project.Library() {
		return varName(plural(e.Word))
	}
	return e.Types()
}

func (e *entity) first(kind, f string) *fact { return e.project.first(kind, e.Word, f) }

func (e *entity) find(kind string) []fact { return e.project.find(kind, e.Word, "") }

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

func (e *entity) Act() *fact { return e.first("act", "") }

func (e *entity) Overdue() *fact { return e.first("overdue", "") }

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

// Keeps names the things in prose.
func (p *project) Keeps() string {
	var words []string
	for _, e := range p.Entities {
		words = append(words, e.Words())
	}
	return enumerate(words, "and")
}

func (p *project) anyField(match func(f *field) bool) bool {
	return slices.ContainsFunc(p.Entities, func(e *entity) bool { return slices.ContainsFunc(e.Inputs(), match) })
}

func (p *project) HasType(typ string) bool {
	return p.anyField(func(f *field) bool { return f.Type == typ })
}

// HasTimes says whether any record has a time.
func (p *project) HasTimes() bool {
	return slices.ContainsFunc(p.Entities, func(e *entity) bool { return e.HasType(timestamp) })
}

func (p *project) HasText() bool { return p.anyField((*field).LimitedText) }

func (p *project) HasPointer() bool { return p.anyField((*field).Pointer) }

func (p *project) Several() bool { return len(p.Entities) > 1 }

func (p *project) Variable() string { return strings.ToUpper(p.Name) + "_FILE" }

func (p *project) HasPeriod(unit string) bool {
	return slices.ContainsFunc(p.find("limit period", "", ""), func(f fact) bool { return f.unit == unit })
}

// HasCount says whether any rule counts records.
func (p *project) HasCount() bool {
	return slices.ContainsFunc(p.facts, func(f fact) bool {
		return f.kind == "unique" || f.kind == "overlap" || f.kind == "restrict" || strings.HasPrefix(f.kind, "limit") || strings.HasPrefix(f.kind, "total")
	})
}

func (e *entity) HasType(typ string) bool {
	return slices.ContainsFunc(e.Fields, func(f *field) bool { return f.Type == typ })
}

func (e *entity) OneOfs() []*field { return e.ByKind("oneof") }

func (e *entity) Derives() []fact { return e.find("derive") }

// Recv is the name of the record as a method's receiver.
func (e *entity) Recv() string { return e.Var()[:1] }

func (e *entity) FieldType(name string) string { return e.field(name).Type }

func (e *entity) IsDerived(name string) bool { return e.first("derive", name) != nil }

func (e *entity) EndDerived() bool { return e.IsDerived("ends_at") }

func (e *entity) RefTo(parent *entity) *field { return e.refTo(parent.Word) }

func (e *entity) relation(kind string, parent *entity) *fact {
	for _, f := range e.find(kind) {
		if f.to == parent.Word {
			return &f
		}
	}
	return nil
}

func (e *entity) BelongsID(parent *entity) string { return idOf(e.relation("belongs", parent)) }

func (e *entity) Restricts(parent *entity) bool { return e.relation("restrict", parent) != nil }

func (e *entity) RestrictID(parent *entity) string {
	return idOf(e.relation("restrict", parent))
}

// RestrictIDs are the requirements that keep the entity while others name it.
func (e *entity) RestrictIDs() string {
	var ids []string
	for _, c := range e.Children() {
		if c.Restricts(e) {
			ids = append(ids, c.RestrictID(e))
		}
	}
	return strings.Join(ids, ", ")
}

func idOf(f *fact) string {
	if f == nil {
		return ""
	}
	return f.id
}

// Conflicts says whether adding a record can go against other records; Checked whether anything beyond its input counts.
func (e *entity) Conflicts() bool {
	return e.Has("unique") || e.Has("overlap") || len(e.Limits()) > 0
}

func (e *entity) Checked() bool { return e.Conflicts() || e.Has("belongs") || e.Has("notpast") }

func (e *entity) JSONName() string { return snake(plural(e.Word)) }

func (e *entity) SearchWords() string {
	return enumerate(e.first("search", "").list, "or")
}

// SearchExpr joins what is searched. The line break keeps a text from being found over two fields.
func (e *entity) SearchExpr() string {
	var parts []string
	for _, f := range e.SearchFields() {
		parts = append(parts, e.Var()+"."+f.Go())
	}
	return strings.Join(parts, `+"\n"+`)
}

// CommandName is how a verb is called on the command line, CommandArgs the same as Go arguments.
func (e *entity) CommandName(verb string) string {
	if !e.project.Several() {
		return verb
	}
	return strings.ReplaceAll(e.Word, " ", "-") + " " + verb
}

func (e *entity) CommandArgs(verb string) string {
	return `"` + strings.ReplaceAll(e.CommandName(verb), " ", `", "`) + `"`
}

func (c command) IDs() string { return strings.Join(c.ids, ", ") }

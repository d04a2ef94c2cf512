package blueprint

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The archetypes, named as pipeline.Request.Type names them.
const (
	api     = "api"
	cli     = "cli"
	library = "library"
)

// The types of fields, as the FRD's tables name them.
const (
	text      = "text"
	email     = "email"
	integer   = "integer"
	decimal   = "number"
	boolean   = "boolean"
	date      = "date"
	timestamp = "timestamp"
	reference = "reference"
)

// project is what the templates write: things with fields, and the facts about them.
type project struct {
	Name, Kind string
	Entities   []*entity
	facts      []fact
}

// entity is a thing that the project keeps.
type entity struct {
	project *project
	Word    string // in singular
	Fields  []*field
}

// field of an entity.
type field struct {
	entity *entity
	Name   string
	Type   string
}

func (p *project) entity(word string) *entity {
	for _, e := range p.Entities {
		if e.Word == word {
			return e
		}
	}
	return nil
}

func (p *project) words() []string {
	var words []string
	for _, e := range p.Entities {
		words = append(words, e.Word)
	}
	return words
}

func (e *entity) field(name string) *field {
	for _, f := range e.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// addField adds a field, or gives the one of that name.
func (e *entity) addField(name, typ string) *field {
	if f := e.field(name); f != nil {
		return f
	}
	f := &field{entity: e, Name: name, Type: typ}
	e.Fields = append(e.Fields, f)
	return f
}

// addBehind is addField with a place: right behind another field.
func (e *entity) addBehind(other, name, typ string) {
	if e.field(name) == nil {
		at := slices.IndexFunc(e.Fields, func(f *field) bool { return f.Name == other }) + 1
		e.Fields = slices.Insert(e.Fields, at, &field{entity: e, Name: name, Type: typ})
	}
}

// find gives the facts that match; empty arguments match all.
func (p *project) find(kind, e, f string) []fact {
	var found []fact
	for _, x := range p.facts {
		if x.kind == kind && (e == "" || x.e == e) && (f == "" || x.f == f) {
			found = append(found, x)
		}
	}
	return found
}

func (p *project) first(kind, e, f string) *fact {
	if found := p.find(kind, e, f); found != nil {
		return &found[0]
	}
	return nil
}

// add adds a fact unless the same is there: then a stated one overrules an assumed one.
func (p *project) add(f fact) {
	same := func(x fact) bool {
		switch f.kind {
		case "crud", "required", "search", "filter":
			return x.kind == f.kind && x.e == f.e
		case "limit", "limit open", "limit period":
			return x.kind == f.kind && x.e == f.e && x.to == f.to && x.unit == f.unit
		}
		return x.kind == f.kind && x.e == f.e && x.to == f.to && x.f == f.f
	}
	i := slices.IndexFunc(p.facts, same)
	switch {
	case i < 0:
		p.facts = append(p.facts, f)
	case f.kind == "required" || f.kind == "search" || f.kind == "filter" || f.kind == "crud" && !p.facts[i].assumed && !f.assumed:
		for _, item := range f.list {
			if !slices.Contains(p.facts[i].list, item) {
				p.facts[i].list = append(p.facts[i].list, item)
			}
		}
		p.facts[i].assumed = p.facts[i].assumed && f.assumed
	case p.facts[i].assumed || !f.assumed:
		p.facts[i] = f
	}
}

func (p *project) clone() *project {
	q := &project{Name: p.Name, Kind: p.Kind, facts: slices.Clone(p.facts)}
	for i := range q.facts {
		q.facts[i].list = slices.Clone(q.facts[i].list)
	}
	for _, e := range p.Entities {
		c := &entity{project: q, Word: e.Word}
		for _, f := range e.Fields {
			c.addField(f.Name, f.Type)
		}
		q.Entities = append(q.Entities, c)
	}
	return q
}

// drop takes away what was assumed about a field as long as a client gives it.
func (p *project) drop(e, f string) {
	p.facts = slices.DeleteFunc(p.facts, func(x fact) bool { return x.kind == "order" && x.assumed && x.e == e && x.f == f })
	for i := range p.facts {
		if x := &p.facts[i]; x.kind == "required" && x.e == e {
			x.list = slices.DeleteFunc(x.list, func(s string) bool { return s == f })
		}
	}
}

// reserved are names that the generated code needs for itself.
var reserved = strings.Fields("id limit offset q overdue apply clean is_open input file data")

// check says why no sound program can be made of the project; "" if one can.
func (p *project) check() string {
	if len(p.Entities) == 0 || len(p.Entities) > 12 {
		return fmt.Sprintf("there must be 1 to 12 things to keep, there are %d", len(p.Entities))
	}
	types := map[string]string{}
	for _, e := range p.Entities {
		for _, name := range []string{e.Type(), e.Types()} {
			if other, twice := types[name]; twice && other != e.Word {
				return fmt.Sprintf("%s and %s have the same name", other, e.Word)
			}
			types[name] = e.Word
		}
		if len(e.Fields) == 0 || len(e.Fields) > 24 {
			return fmt.Sprintf("%s must have 1 to 24 fields, it has %d", withArticle(e.Word), len(e.Fields))
		}
		names := map[string]bool{}
		for _, f := range e.Fields {
			if slices.Contains(reserved, f.Name) || names[f.Go()] {
				return fmt.Sprintf("%s cannot have a field %s", withArticle(e.Word), f.Name)
			}
			names[f.Go()] = true
		}
		if !e.Can("created") || !e.Can("listed") {
			return fmt.Sprintf("%s must at least be created and listed", e.Words())
		}
		if e.descends(e) {
			return fmt.Sprintf("%s names itself over other things, so none can come first", withArticle(e.Word))
		}
	}
	for _, f := range p.facts {
		why := p.checkFact(f)
		if e := p.entity(f.e); f.kind == "derive" && why == "" && e.field(f.from).Required() == nil && e.first("stamp", f.from) == nil {
			why = f.from + " may be missing"
		}
		if why != "" {
			return fmt.Sprintf("%q: %s", f.sentence(), why)
		}
	}
	return ""
}

// checkFact says what a fact asks for that its project cannot do.
func (p *project) checkFact(f fact) string {
	if constant(f.kind) {
		if f.kind == "textlimit" && (f.n < 50 || f.n > 100_000 || f.n != math.Trunc(f.n)) {
			return "the limit of texts must be 50 to 100000"
		}
		return ""
	}
	e := p.entity(f.e)
	if e == nil || f.to != "" && p.entity(f.to) == nil {
		return "the thing is not known"
	}
	want := func(name string, types ...string) string {
		if x := e.field(name); x == nil || len(types) > 0 && !slices.Contains(types, x.Type) {
			return fmt.Sprintf("%s has no field %s of type %s", withArticle(e.Word), name, enumerate(types, "or"))
		}
		return ""
	}
	whole := f.n == math.Trunc(f.n)
	switch f.kind {
	case "required", "filter", "search", "crud":
		for _, item := range f.list {
			why := ""
			switch f.kind {
			case "required":
				why = want(item, text, email, integer, decimal, date, timestamp)
			case "filter":
				why = want(item, text, reference)
			case "search":
				if why = want(item, text, email); why == "" && (e.OneOf(item) != nil || p.first("maxlen", f.e, item) != nil && p.first("maxlen", f.e, item).n < 8) {
					why = "only longer texts are searched"
				}
			default:
				if !slices.Contains(operations, item) {
					why = "unknown operation " + item
				}
			}
			if why != "" {
				return why
			}
		}
	case "unique":
		if e.OneOf(f.f) != nil {
			return "a list of values cannot be unique"
		}
		if m, l := p.first("max", f.e, f.f), p.first("maxlen", f.e, f.f); m != nil && m.n < 10_000 || l != nil && l.n < 4 {
			return "there are too few different values"
		}
		return want(f.f, text, email, integer, date, timestamp)
	case "email":
		return want(f.f, email)
	case "date":
		return want(f.f, date)
	case "min", "max":
		if min, max := p.first("min", f.e, f.f), p.first("max", f.e, f.f); min != nil && max != nil && min.n > max.n {
			return "the least value is over the greatest"
		}
		if x := e.field(f.f); x != nil && x.Type == integer && !whole {
			return "the field holds whole numbers"
		}
		if f.kind == "max" && f.n < 0 {
			return "a field that is not given is 0, over the greatest value"
		}
		return want(f.f, integer, decimal)
	case "maxlen":
		if f.n < 1 || f.n > 100_000 || !whole || e.OneOf(f.f) != nil {
			return "a text may have 1 to 100000 characters"
		}
		return want(f.f, text)
	case "oneof":
		if len(f.list) < 2 || len(f.list) > 20 {
			return "there must be 2 to 20 values"
		}
		return want(f.f, text)
	case "default":
		if oneof := e.OneOf(f.f); oneof == nil || len(f.list) != 1 || !slices.Contains(oneof.list, f.list[0]) {
			return "the default must be one of the values"
		}
	case "stamp", "act", "overdue", "notpast":
		if f.kind == "overdue" && e.Act() == nil {
			return "nothing closes " + withArticle(e.Word)
		}
		if f.kind == "act" && len(e.find("act")) > 1 {
			return "only one operation can close " + withArticle(e.Word)
		}
		if f.kind == "overdue" {
			return want(f.f, timestamp, date)
		}
		return want(f.f, timestamp)
	case "derive", "order":
		if f.kind == "derive" && (f.n < 1 || f.n > 100_000 || !whole || unitHours[f.unit] == "") {
			return "the time must be whole minutes, hours, days or weeks"
		}
		if why := want(f.from, timestamp); why != "" {
			return why
		}
		return want(f.f, timestamp)
	case "sort":
		if x := e.field(f.f); x != nil && x.Server() {
			return "the program sets the field"
		}
		return want(f.f, text, email, integer, decimal, date, timestamp)
	default:
		return p.checkRelation(f, e)
	}
	return ""
}

// limitMost is the highest limit that the generated tests can still fill up.
const limitMost = 2000

// checkRelation also refuses limits that get in each other's way: one that can never be reached cannot be tested.
func (p *project) checkRelation(f fact, e *entity) string {
	total := strings.HasPrefix(f.kind, "total")
	least := 1.0
	if total {
		least = 3
	}
	switch {
	case f.to != "" && e.refTo(f.to) == nil:
		return withArticle(e.Word) + " does not name " + withArticle(f.to)
	case !strings.HasPrefix(f.kind, "limit") && !total:
	case f.n != math.Trunc(f.n) || f.n < least || f.n > limitMost:
		return fmt.Sprintf("such a limit must be a whole number of %v to %d", least, limitMost)
	case strings.HasSuffix(f.kind, "open") && e.Act() == nil:
		return "nothing closes " + withArticle(e.Word)
	}
	for _, x := range p.facts {
		other := p.entity(x.e)
		if other == nil || x.kind == f.kind && x.e == f.e && x.to == f.to && x.unit == f.unit {
			continue
		}
		switch {
		case total && strings.HasPrefix(x.kind, "limit") && tooFew(f, x, e, other), strings.HasPrefix(f.kind, "limit") && strings.HasPrefix(x.kind, "total") && tooFew(x, f, other, e):
			return fmt.Sprintf("it does not fit together with: %s", x.sentence())
		case f.kind == "limit period" && x.kind == "limit" && x.e == f.e && x.to == f.to && x.n <= f.n, f.kind == "limit" && x.kind == "limit period" && x.e == f.e && x.to == f.to && f.n <= x.n:
			return fmt.Sprintf("it cannot be reached because of: %s", x.sentence())
		case f.kind == "limit period" && x.kind == f.kind && x.e == f.e:
			return fmt.Sprintf("it gets mixed up with: %s", x.sentence())
		}
	}
	switch f.kind {
	case "limit period":
		if x := e.field(f.f); x == nil || x.Type != timestamp || !slices.Contains([]string{"day", "week", "month"}, f.unit) {
			return "it has no time to count by"
		}
		if p.first("overlap", f.e, "") != nil && f.n*e.Slot() > 24*60 {
			return "so many do not fit into a day without an overlap"
		}
	case "overlap":
		if e.field("starts_at") == nil || e.field("ends_at") == nil {
			return "it has no start and end"
		}
	}
	return ""
}

// margin is how many records a test makes beside those that fill up a limit.
const margin = 10

// tooFew says whether a limit cannot be filled up because of one over all things of a kind. A test that runs out of new
// things goes on with the last one, which must then not be limited itself.
func tooFew(total, limit fact, of, limited *entity) bool {
	switch {
	case of == limited:
		return total.n < limit.n+margin
	case !limited.descends(of):
		return false
	case total.n < margin:
		return true
	}
	return total.n < limit.n+margin && slices.ContainsFunc(of.Children(), func(c *entity) bool {
		return slices.ContainsFunc(c.Limits(), func(l limitOf) bool { return l.Parent == of && (c != limited || limit.to != of.Word) })
	})
}

// descends says whether the entity names the other, over others too.
func (e *entity) descends(other *entity) bool { return e.reaches(other, map[*entity]bool{}) }

func (e *entity) reaches(other *entity, seen map[*entity]bool) bool {
	return slices.ContainsFunc(e.Parents(), func(p *entity) bool {
		if p == other || seen[p] {
			return p == other
		}
		seen[p] = true
		return p.reaches(other, seen)
	})
}

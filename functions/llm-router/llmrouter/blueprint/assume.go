package blueprint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// link brings in what the prompt takes for granted about its things: fields where it names none, and what a loan is.
func (x *reader) link() {
	if len(x.p.Entities) == 0 {
		if _, last := cutLast(x.subject); last == "todo" || strings.HasPrefix(x.subject, "todo") || strings.HasPrefix(x.subject, "to-do") {
			x.apply([]fact{{kind: "+thing", e: "task"}})
			x.assume("The things of a todo list are tasks.")
		} else if word, ok := x.newThing(x.subject); ok && wellKnown[word] != "" && x.subject != word {
			x.apply([]fact{{kind: "+thing", e: word}})
		}
	}
	if x.headThing != "" && len(x.p.Entities) > 0 {
		x.apply([]fact{{kind: "+thing", e: x.headThing}})
	}
	for _, e := range x.p.words() {
		if !x.described[e] {
			x.defaults(e)
		}
	}
	var others []string
	for _, e := range x.p.words() {
		if _, isLink := links[e]; !isLink && e != "comment" && e != "review" {
			others = append(others, e)
		}
	}
	for _, word := range x.p.words() {
		_, isLink := links[word]
		if !isLink && word != "comment" && word != "review" {
			continue
		}
		parents := others
		if x.p.first("belongs", word, "") != nil {
			parents = nil
			for _, p := range x.p.entity(word).Parents() {
				parents = append(parents, p.Word)
			}
		} else if len(others) > 2 {
			person := slices.IndexFunc(others, func(w string) bool { return slices.Contains(people, w) })
			thing := slices.IndexFunc(others, func(w string) bool { return !slices.Contains(people, w) })
			parents = others[:2]
			if person >= 0 && thing >= 0 {
				parents = []string{others[person], others[thing]}
			}
		}
		facts := x.newLink(word, parents...)
		if e := x.p.entity(word); slices.ContainsFunc(e.Fields, func(f *field) bool { return f.Type == timestamp || f.Type == date }) && links[word].start {
			facts = slices.DeleteFunc(facts, func(f fact) bool { return f.kind != "+thing" && f.kind != "belongs" }) // the prompt gave it times
		}
		x.apply(facts)
		if x.p.first("belongs", word, "") != nil {
			x.assume(fmt.Sprintf("%s names %s.", capital(withArticle(word)), enumerate(articles(parents), "and")))
		}
	}
}

func articles(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, withArticle(w))
	}
	return out
}

func (x *reader) assume(s string) { x.assumptions = append(x.assumptions, s) }

// defaults gives a thing the fields that it usually has.
func (x *reader) defaults(e string) {
	_, last := cutLast(e)
	fields, known := wellKnown[last]
	if _, isLink := links[e]; !known || fields == "" && !isLink {
		fields = "name!"
	}
	var facts []fact
	for _, spec := range strings.Fields(fields) {
		name, typ, _ := fieldName(strings.TrimRight(spec, "!*"))
		facts = append(facts, fact{kind: "+implied", e: e, f: name, unit: typ})
		if strings.Contains(spec, "!") {
			facts = append(facts, fact{kind: "required", e: e, list: []string{name}, assumed: true})
		}
		if strings.Contains(spec, "*") {
			facts = append(facts, fact{kind: "unique", e: e, f: name, assumed: true})
		}
	}
	x.apply(facts)
	if facts != nil {
		x.assume(fmt.Sprintf("The prompt does not name the fields of %s: these are the usual ones.", withArticle(e)))
	}
}

// complete adds what every project of the kind has, and what follows from its fields.
func (x *reader) complete() {
	p := x.p
	p.Name = x.projectName()
	for _, e := range p.Entities {
		x.completeEntity(e)
	}
	for _, e := range p.Entities {
		for _, f := range e.find("belongs") {
			if p.entity(f.to).Can("deleted") {
				p.add(fact{kind: "restrict", e: e.Word, to: f.to, assumed: true})
			}
		}
	}
	constants := map[string][]string{
		api:     {"paging", "persist", "textlimit", "strict", "problem", "shutdown"},
		cli:     {"persist", "textlimit", "exit"},
		library: {"textlimit", "concurrent"},
	}
	for _, kind := range constants[p.Kind] {
		f := fact{kind: kind, assumed: true}
		if kind == "textlimit" {
			if !slices.ContainsFunc(p.Entities, (*entity).limitsText) {
				continue
			}
			f.n = 500
		}
		p.add(f)
	}
	p.facts = slices.DeleteFunc(p.facts, func(f fact) bool { return f.kind == "required" && len(f.list) == 0 })
	order := func(f fact) int {
		if constant(f.kind) {
			return len(p.Entities)
		}
		return slices.IndexFunc(p.Entities, func(e *entity) bool { return e.Word == f.e })
	}
	rank := func(f fact) int { return slices.IndexFunc(forms, func(g *form) bool { return g.kind == f.kind }) }
	slices.SortStableFunc(p.facts, func(a, b fact) int { return cmp.Or(order(a)-order(b), rank(a)-rank(b)) })
}

// limitsText says whether a text of the entity has no limit of its own.
func (e *entity) limitsText() bool {
	return slices.ContainsFunc(e.Fields, func(f *field) bool { return f.LimitedText() && f.MaxLen() == nil })
}

func (x *reader) completeEntity(e *entity) {
	p := x.p
	add := func(f fact) {
		f.e, f.assumed = e.Word, true
		p.add(f)
	}
	if e.first("required", "") == nil {
		var list []string
		identity := e.identity()
		for _, f := range e.Inputs() {
			if (f.Name == identity || f.Unique() != nil || f.Name == "starts_at") && !x.optional[target{e.Word, f.Name}] {
				list = append(list, f.Name)
			}
		}
		if list != nil {
			add(fact{kind: "required", list: list})
		}
	}
	var filters []string
	for _, f := range e.Fields {
		switch {
		case f.Type == email:
			add(fact{kind: "email", f: f.Name})
		case f.Type == date:
			add(fact{kind: "date", f: f.Name})
		}
		if last := f.Name[strings.LastIndexByte(f.Name, '_')+1:]; f.Type == integer && f.Min() == nil && slices.Contains(amounts, last) {
			add(fact{kind: "min", f: f.Name})
		}
		if oneof := f.OneOf(); oneof != nil && f.Default() == nil && f.Required() == nil {
			value := oneof.list[0]
			for _, v := range []string{"medium", "normal"} {
				if slices.Contains(oneof.list, v) {
					value = v
				}
			}
			add(fact{kind: "default", f: f.Name, list: []string{value}})
		}
		if f.Type == reference || f.OneOf() != nil {
			filters = append(filters, f.Name)
		}
	}
	if filters != nil {
		add(fact{kind: "filter", list: filters})
	}
	x.completeOperations(e)
	if e.Has("derive") && e.field("ends_at") != nil && !e.Has("overlap") && len(e.Parents()) > 0 {
		x.assume(fmt.Sprintf("%s may overlap: the prompt does not forbid it.", capital(e.Words())))
	}
}

// identity is the field by which people tell things of the kind apart.
func (e *entity) identity() string {
	for _, name := range []string{"name", "title"} {
		if e.field(name) != nil {
			return name
		}
	}
	for _, f := range e.Inputs() {
		if f.LimitedText() {
			return f.Name
		}
	}
	return ""
}

func (x *reader) completeOperations(e *entity) {
	crud := e.first("crud", "")
	needs := operations
	if _, isLink := links[e.Word]; crud == nil && isLink && e.Act() != nil {
		needs = operations[:3]
	} else if crud != nil && x.p.API() {
		needs = operations[:3]
	} else if crud != nil {
		needs = []string{"created", "listed"}
		if x.p.CLI() && slices.Contains(crud.list, "changed") {
			needs = operations[:3] // the tool reads what it does not change
		}
	}
	all := fact{kind: "crud", e: e.Word, assumed: crud == nil}
	for _, o := range operations {
		if slices.Contains(needs, o) || crud != nil && slices.Contains(crud.list, o) {
			all.list = append(all.list, o)
		}
	}
	x.p.facts = slices.DeleteFunc(x.p.facts, func(f fact) bool { return f.kind == "crud" && f.e == e.Word })
	x.p.add(all)
}

// projectName is the name that the prompt gives, the last word of the subject that says something, else the first thing's plural.
func (x *reader) projectName() string {
	if x.called != "" {
		return safePackage(strings.NewReplacer("-", "", "_", "").Replace(x.called))
	}
	words := strings.FieldsFunc(x.subject, func(r rune) bool { return r == ' ' || r == '-' })
	for i := len(words) - 1; i >= 0; i-- {
		w := words[i]
		if !slices.Contains(strings.Fields("manager system app application tool tracker service store list program collection platform database management"), w) && len(w) <= 30 && nounRE.MatchString(w) {
			return safePackage(w)
		}
	}
	if len(x.p.Entities) == 0 {
		return "project"
	}
	return safePackage(strings.ReplaceAll(plural(x.p.Entities[0].Word), " ", ""))
}

// safePackage keeps a name from clashing with what the generated code imports.
func safePackage(name string) string {
	if varName(name) != name || slices.Contains(strings.Fields("bytes context slog net unicode utf8 atomic tabwriter flag domain cli httpapi api main internal cmd test testing"), name) {
		return name + "kit"
	}
	return name
}

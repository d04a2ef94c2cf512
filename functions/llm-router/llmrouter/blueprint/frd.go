package blueprint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

var kindNames = map[string]string{api: "REST API", cli: "command-line tool", library: "library"}

// summary names kind and project; named reads the name back.
func (p *project) summary() string {
	var words []string
	for _, e := range p.Entities {
		words = append(words, e.Words())
	}
	return fmt.Sprintf("%s named %s that keeps %s, written in Go.", capital(withArticle(kindNames[p.Kind])), p.Name, enumerate(words, "and"))
}

var named = regexp.MustCompile(`\bnamed ([a-z][a-z0-9]{0,40})\b`)

// number gives every fact the ID of its requirement.
func (p *project) number() {
	functional, quality := 0, 0
	for i := range p.facts {
		if constant(p.facts[i].kind) {
			quality++
			p.facts[i].id = fmt.Sprintf("NFR-%d", quality)
		} else {
			functional++
			p.facts[i].id = fmt.Sprintf("FR-%d", functional)
		}
	}
}

// frd writes the requirements document of what was read.
func (x *reader) frd() string {
	p := x.p
	p.number()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", capital(cmp.Or(x.subject, p.Name)), p.summary())
	for _, part := range []struct {
		title    string
		constant bool
	}{{"Functional requirements", false}, {"Non-functional requirements", true}} {
		fmt.Fprintf(&b, "\n## %s\n\n", part.title)
		for _, f := range p.facts {
			if constant(f.kind) != part.constant {
				continue
			}
			priority := "must"
			if f.assumed && !part.constant {
				priority = "should" // the prompt does not say so itself
			}
			fmt.Fprintf(&b, "- **%s** (%s): %s\n", f.id, priority, f.sentence())
		}
	}
	fmt.Fprintf(&b, "\n## Entities\n")
	for _, e := range p.Entities {
		fmt.Fprintf(&b, "\n### %s\n\n| Field | Type | Rules |\n|---|---|---|\n", camel(e.Word))
		for _, f := range e.Fields {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", f.Name, f.Type, strings.Join(f.rules(), ", "))
		}
	}
	if p.API() {
		fmt.Fprintf(&b, "\n## Endpoints\n\n| Method | Path | Purpose | Requirements |\n|---|---|---|---|\n")
		for _, e := range p.Endpoints() {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.Method, e.Path, e.Summary, strings.Join(e.Requirements, ", "))
		}
	}
	if p.CLI() {
		fmt.Fprintf(&b, "\n## Commands\n\n| Command | Purpose | Requirements |\n|---|---|---|\n")
		for _, c := range p.Commands() {
			fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", p.Name, c.Name, c.Summary, strings.Join(c.Requirements, ", "))
		}
	}
	fmt.Fprintf(&b, "\n## Not covered\n\n")
	for _, s := range x.unused {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	if len(x.unused) == 0 {
		b.WriteString("- none\n")
	}
	return b.String()
}

// rules say in words what holds for a field, for the table of its entity.
func (f *field) rules() []string {
	var words []string
	if f.Required() != nil {
		words = append(words, "required")
	}
	if f.Unique() != nil {
		words = append(words, "unique")
	}
	if f.Server() {
		words = append(words, "set by the program")
	}
	if m := f.Min(); m != nil {
		words = append(words, "at least "+m.N())
	}
	if m := f.Max(); m != nil {
		words = append(words, "at most "+m.N())
	}
	if f.LimitedText() {
		words = append(words, "at most "+f.Limit()+" characters")
	}
	if o := f.OneOf(); o != nil {
		words = append(words, "one of "+enumerate(o.list, "or"))
	}
	if to := f.To(); to != nil {
		words = append(words, "ID of "+to.A())
	}
	if doc := f.Doc(); doc != "" && f.OneOf() == nil {
		words = append(words, strings.Replace(doc, "nil while", "null while", 1))
	}
	return words
}

// Endpoints of a REST API.
func (p *project) Endpoints() []pipeline.Endpoint {
	var all []pipeline.Endpoint
	for _, e := range p.Entities {
		add := func(method, path, summary string, kinds ...string) {
			ids := strings.Split(e.Ref(kinds...), ", ")
			all = append(all, pipeline.Endpoint{Method: method, Path: "/" + e.Path() + path, Summary: summary, Requirements: ids})
		}
		rules := []string{"crud", "belongs", "required", "unique", "email", "date", "min", "max", "maxlen", "oneof", "default", "stamp", "derive", "order", "notpast", "limit open", "limit period", "limit", "total open", "total", "overlap"}
		if e.Can("created") {
			add("POST", "", "Creates "+e.A()+"; 201, 409 or 422", rules...)
		}
		if e.Can("listed") {
			add("GET", "", "Lists "+e.Words()+"; 200 or 400", "crud", "filter", "search", "sort", "overdue")
		}
		if e.Can("read") {
			add("GET", "/{id}", "Gives "+e.A()+"; 200 or 404", "crud")
		}
		if e.Can("changed") {
			add("PUT", "/{id}", "Replaces "+e.A()+"; 200, 404, 409 or 422", rules...)
		}
		if e.Can("deleted") {
			add("DELETE", "/{id}", "Deletes "+e.A()+"; 204, 404 or 409", "crud")
			if ids := e.RestrictIDs(); ids != "" {
				last := &all[len(all)-1]
				last.Requirements = append(last.Requirements, strings.Split(ids, ", ")...)
			}
		}
		if act := e.Act(); act != nil {
			add("POST", "/{id}/"+act.Verb(), "Marks "+e.A()+" as "+act.Participle()+"; 200, 404 or 409", "act")
		}
	}
	return all
}

// Commands of a command-line tool. With several entities each command is named after one.
func (p *project) Commands() []pipeline.Command {
	var all []pipeline.Command
	for _, e := range p.Entities {
		for _, c := range e.Commands() {
			all = append(all, pipeline.Command{Name: c.Name, Summary: c.Summary, Requirements: c.ids})
		}
	}
	return all
}

// command of a tool. Verb is the word behind the entity's name.
type command struct {
	Verb, Name, Summary, Func string
	ID                        bool // takes an ID
	ids                       []string
}

// Commands about the entity.
func (e *entity) Commands() []command {
	var all []command
	add := func(verb, summary string, id bool, kinds ...string) {
		name := verb
		if len(e.project.Entities) > 1 {
			name = strings.ReplaceAll(e.Word, " ", "-") + " " + verb
		}
		all = append(all, command{verb, name, summary, verb + e.Type(), id, strings.Split(e.Ref(kinds...), ", ")})
	}
	if e.Can("created") {
		add("add", "Adds "+e.A()+" and prints its ID", false, "crud")
	}
	if e.Can("listed") {
		add("list", "Lists "+e.Words(), false, "crud", "filter", "sort", "overdue")
		if e.Has("search") {
			add("search", "Lists the "+e.Words()+" that hold a text", false, "search")
		}
	}
	if e.Can("read") {
		add("show", "Shows "+e.A(), true, "crud")
	}
	if e.Can("changed") {
		add("edit", "Changes the given fields of "+e.A(), true, "crud")
	}
	if act := e.Act(); act != nil {
		add(act.Verb(), "Marks "+e.A()+" as "+act.Participle(), true, "act")
	}
	if e.Can("deleted") {
		add("delete", "Deletes "+e.A(), true, "crud")
	}
	return all
}

// fromRequirements reads the project back out of the parsed FRD. A sentence that it does not know is an error: leaving it out
// would be a requirement that nobody keeps.
func fromRequirements(r pipeline.Requirements) (*project, error) {
	p := &project{Kind: library}
	switch {
	case len(r.Endpoints) > 0:
		p.Kind = api
	case len(r.Commands) > 0:
		p.Kind = cli
	}
	for _, in := range r.Entities {
		e := &entity{project: p, Word: strings.TrimSpace(strings.ToLower(hump.ReplaceAllString(in.Name, " $0")))}
		if !nounRE.MatchString(e.Word) || p.entity(e.Word) != nil {
			return nil, fmt.Errorf("entity %q: its name must be one to four words, and its own", in.Name)
		}
		for _, f := range in.Fields {
			known := slices.Contains([]string{text, email, integer, decimal, boolean, date, timestamp, reference}, f.Type)
			if !known || !fieldNameRE.MatchString(f.Name) || e.field(f.Name) != nil {
				return nil, fmt.Errorf("field %q of %s: name or type %q is unknown", f.Name, in.Name, f.Type)
			}
			e.addField(f.Name, f.Type)
		}
		p.Entities = append(p.Entities, e)
	}
	var strange []string
	for _, q := range r.Requirements {
		f, ok := readFact(q.Text, p.words())
		if !ok {
			strange = append(strange, fmt.Sprintf("%s: %q", q.ID, q.Text))
			continue
		}
		f.id = q.ID
		p.facts = append(p.facts, f)
	}
	if strange != nil {
		return nil, fmt.Errorf("these requirements are none that provider blueprint writes: %s", strings.Join(strange, "; "))
	}
	p.Name = "project"
	if m := named.FindStringSubmatch(r.Summary + " " + r.Title); m != nil {
		p.Name = safePackage(m[1])
	} else if len(p.Entities) > 0 {
		p.Name = safePackage(p.Entities[0].File())
	}
	if why := p.check(); why != "" {
		return nil, fmt.Errorf("the requirements do not fit together: %s", why)
	}
	for _, e := range p.Entities {
		for _, f := range e.Fields {
			if f.Type == reference && f.To() == nil {
				return nil, fmt.Errorf("field %s of %s names no entity", f.Name, e.Word)
			}
		}
	}
	return p, p.sameSurface(r)
}

// camel is a name of several words as one, since an entity of an FRD has no spaces in its name; hump finds the words again.
func camel(words string) string {
	var b strings.Builder
	for _, w := range strings.Fields(words) {
		b.WriteString(capital(w))
	}
	return b.String()
}

var hump = regexp.MustCompile(`[A-Z]`)

var fieldNameRE = regexp.MustCompile(`^[a-z][a-z0-9]*(?:_[a-z0-9]+){0,5}$`)

// sameSurface holds the endpoints and commands of the FRD against those that the requirements give.
func (p *project) sameSurface(r pipeline.Requirements) error {
	var want, have []string
	for _, e := range r.Endpoints {
		want = append(want, e.Method+" "+e.Path)
	}
	for _, c := range r.Commands {
		want = append(want, strings.TrimSpace(strings.TrimPrefix(strings.Trim(c.Name, "`"), p.Name+" ")))
	}
	if p.API() {
		for _, e := range p.Endpoints() {
			have = append(have, e.Method+" "+e.Path)
		}
	}
	if p.CLI() {
		for _, c := range p.Commands() {
			have = append(have, c.Name)
		}
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			return fmt.Errorf("%s stands in the FRD, but no requirement asks for it", w)
		}
	}
	for _, h := range have {
		if !slices.Contains(want, h) {
			return fmt.Errorf("%s follows from the requirements, but does not stand in the FRD", h)
		}
	}
	return nil
}

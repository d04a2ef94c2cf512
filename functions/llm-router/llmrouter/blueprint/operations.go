package blueprint

import (
	"regexp"
	"slices"
	"strings"
)

var (
	operationItem = re(`(\w+)(?: (.+?))?`)
	markItem      = re(`mark (.+?) as (?:done|complete|completed)`)
)

// operations reads what can be done with things: "add, list and delete tasks", or, with the thing before it, "closed and
// deleted". Without a thing it is the only one there is, or all.
func (x *reader) operations(list, words string) ([]fact, bool) {
	e := ""
	if words != "" {
		if e = x.thing(words); e == "" {
			return nil, false
		}
	}
	var verbs []string
	for _, item := range comma.Split(list, -1) {
		m := operationItem.FindStringSubmatch(strings.TrimSpace(item))
		if mark := markItem.FindStringSubmatch(item); mark != nil {
			m = []string{"", "complete", mark[1]}
		}
		if m == nil {
			return nil, false
		}
		if m[2] != "" {
			named := x.thing(m[2])
			if named == "" || e != "" && e != named {
				return nil, false
			}
			e = named
		}
		verbs = append(verbs, m[1])
	}
	if e == "" && len(x.p.Entities) == 1 {
		e = x.p.Entities[0].Word
	}
	var facts []fact
	for _, verb := range verbs {
		more, ok := x.operation(verb, e, words != "")
		if !ok {
			return nil, false
		}
		facts = append(facts, more...)
	}
	return facts, true
}

// operation reads one verb, or one participle.
func (x *reader) operation(verb, e string, passive bool) ([]fact, bool) {
	operation := operationOf[verb]
	if passive {
		operation = participleOf[verb]
	}
	targets := []string{e}
	if e == "" {
		targets = x.p.words()
	}
	var facts []fact
	if operation != "" {
		for _, t := range targets {
			facts = append(facts, fact{kind: "crud", e: t, list: []string{operation}})
		}
		return facts, true
	}
	i := slices.IndexFunc(closings, func(c string) bool { return c == verb || passive && participle(c) == verb })
	switch {
	case (verb == "search" || verb == "find" || passive && verb == "searched") && e != "":
		var texts []string
		for _, f := range x.p.entity(e).Fields {
			if f.Type == text && f.OneOf() == nil {
				texts = append(texts, f.Name)
			}
		}
		return []fact{{kind: "search", e: e, list: texts}}, len(texts) > 0
	case i < 0 || e == "":
		return x.handOverOne(verb, e, passive)
	}
	return x.closing(closings[i], e)
}

// closing makes the fact that an operation ends a thing.
func (x *reader) closing(verb, e string) ([]fact, bool) {
	ent := x.p.entity(e)
	if act := ent.Act(); act != nil {
		return nil, act.list[0] == verb
	}
	if link := x.linkThing(e); link != e { // books are returned: the loans are
		act := x.p.entity(link).Act()
		return nil, act != nil && act.list[0] == verb
	}
	done := participle(verb)
	for _, f := range ent.Fields {
		if oneof := f.OneOf(); f.Name == done || f.Name == "done" || oneof != nil && (slices.Contains(oneof.list, done) || slices.Contains(oneof.list, "done")) {
			return nil, false // the prompt keeps the state in a field of its own
		}
	}
	return []fact{{kind: "+implied", e: e, f: done + "_at", unit: timestamp}, {kind: "act", e: e, f: done + "_at", list: []string{verb}}}, true
}

// handOverOne reads "borrow" where a loan of the thing is known.
func (x *reader) handOverOne(verb, e string, passive bool) ([]fact, bool) {
	for v, word := range linkOf {
		if v == verb || passive && participle(v) == verb {
			link := x.p.entity(word)
			return nil, link != nil && (e == "" || x.names(word, e))
		}
	}
	return nil, false
}

// handOver reads "members can borrow and return books".
func (x *reader) handOver(who, list, what string) ([]fact, bool) {
	person, thing := x.thing(who), x.thing(what)
	if person == "" || thing == "" {
		return nil, false
	}
	var facts []fact
	for _, verb := range comma.Split(list, -1) {
		word := linkOf[verb]
		switch link := x.linkBetween(thing, person); {
		case word != "" && x.p.entity(word) == nil && link == "" && len(facts) == 0:
			facts = x.newLink(word, person, thing)
		case word != "" && link == word:
		case link != "" && x.p.entity(link).Act() != nil && x.p.entity(link).Act().list[0] == verb:
		case facts != nil && links[facts[0].e].closing == verb:
		default:
			return nil, false
		}
	}
	return facts, true
}

// newLink gives the facts of a link between things. All of it is assumed: the prompt names the link, or its verb, at most.
func (x *reader) newLink(word string, parents ...string) []fact {
	facts := []fact{{kind: "+thing", e: word}}
	add := func(f fact) {
		f.e, f.assumed = word, true
		facts = append(facts, f)
	}
	for _, p := range parents {
		add(fact{kind: "belongs", to: p})
	}
	l := links[word]
	if l.stamp != "" {
		add(fact{kind: "+implied", f: l.stamp, unit: timestamp})
		add(fact{kind: "stamp", f: l.stamp})
	}
	if l.start {
		add(fact{kind: "+implied", f: "starts_at", unit: timestamp})
		add(fact{kind: "required", list: []string{"starts_at"}})
	}
	if l.end {
		add(fact{kind: "+implied", f: "ends_at", unit: timestamp})
		add(fact{kind: "required", list: []string{"ends_at"}})
		add(fact{kind: "order", f: "ends_at", from: "starts_at"})
	}
	if l.closing != "" {
		add(fact{kind: "+implied", f: participle(l.closing) + "_at", unit: timestamp})
		add(fact{kind: "act", f: participle(l.closing) + "_at", list: []string{l.closing}})
	}
	if l.exclusive && len(parents) > 0 {
		var things []*entity
		for _, p := range parents {
			things = append(things, &entity{Word: p})
		}
		add(fact{kind: "limit open", to: handedOver(things), n: 1})
	}
	return facts
}

// Words for the program as a whole, and for what must be.
const (
	programRE = `(?:(?:it|this|everything|(?:the |this |all )?(?:rest )?(?:api|service|server|backend|app|application|tool|cli|program|code|project|software|system|library|package|implementation)) )`
	shallRE   = `(?:(?:must|should|shall|has to|needs to|can|will) )?`
	provideRE = `(?:` + programRE + `?` + shallRE + `(?:provides?|includes?|writes?|adds?|has|have|with|comes? with|supports?|offers?|supply|supplies|ships? with) )?`
	madeRE    = `(?:written|implemented|built|developed|coded|programmed|made)`
)

// qualities are clauses about what every project of a kind has anyway.
var qualities = []struct {
	kinds string
	re    *regexp.Regexp
}{
	{"api cli", re(`(?:(?:all |the |its )?(?:\w+ )?(?:is|are|must be|should be|gets?) )?(?:saved|stored|kept|persisted) (?:in|to|on|as) (?:an? |one )?(?:local )?(?:json )?(?:file|disk)`)},
	{"api cli", re(programRE + `?` + shallRE + `(?:stores?|keeps?|saves?|persists?|writes?) (?:all |its |the )*(?:data|records?|state|everything) (?:in|to|on|as) (?:an? |one )?(?:local )?(?:json )?(?:file|disk)`)},
	{"api cli", re(`(?:it |they |data |(?:all |the )?\w+ )?(?:must |should )?survives? (?:an? )?restarts?`)},
	{"api cli library", re(`(?:` + programRE + `?` + shallRE + `(?:be |is |are )?` + madeRE + ` )?(?:in|with|using) (?:pure |plain )?(?:go|golang)`)},
	{"api cli library", re(`(?:write|implement|build|develop|code|program|make)(?: (?:it|this|everything|all of it|(?:the|all)(?: whole| entire)? \w+))? (?:in|with|using) (?:pure |plain )?(?:go|golang)|(?:use |uses |using )?(?:only )?(?:go|golang)`)},
	{"api cli library", re(programRE + `?` + shallRE + `(?:(?:use|uses|using|needs?|rely on|relies on|(?:is |be )?built (?:on|with)|depends? on) )?(?:only |just |nothing but |on )*(?:the )?(?:(?:go|golang)(?:'s)? )?standard library(?: only)?`)},
	{"api cli library", re(`(?:` + programRE + `?` + shallRE + `(?:has|have|use|uses|needs?) )?(?:no|without|without any|zero) (?:external |third-party )?dependencies`)},
	{"api cli library", re(provideRE + `(?:an? |some |automated |unit )*tests?(?: suite)?`)},
	{"api cli library", re(provideRE + `(?:an? |the )?readme(?:\.md)?(?: file)?`)},
	{"api cli library", re(`(?:all |any |the )*(?:user )?inputs? (?:is|are|must be|should be) validated|` + programRE + `?` + shallRE + `validates? (?:all |its |the |every |any |user )*inputs?|` + provideRE + `(?:input validation|validated input)`)},
	{"api", re(`(?:(?:all )?(?:lists?|results?|endpoints?) (?:are|is|must be|should be) )?(?:paginated|paged)(?: lists?)?|` + provideRE + `(?:pagination|paging)`)},
	{"api", re(programRE + `?` + shallRE + `(?:speaks?|uses?|returns?|accepts?|responds? (?:with|in)|answers? (?:with|in)) json`)},
	{"api", re(`(?:all |the |its )*(?:requests?(?: and responses?)?|responses?|bodies|answers?|output) (?:is|are|must be|should be)(?: (?:sent|returned|given))? ?(?:in |as )?json(?: format)?|json (?:requests?(?: and responses?)?|responses?)`)},
	{"api", re(`(?:all |the )*(?:errors?|error responses?|error messages?) (?:is|are|must be|should be)(?: (?:returned|reported|sent|answered|given))? ?(?:in |as )?json|` + programRE + `?` + shallRE + `(?:returns?|reports?|sends?) (?:all |its )?errors (?:as|in) json|json errors`)},
	{"api", re(programRE + `?` + shallRE + `(?:shuts? down gracefully)|` + provideRE + `graceful shutdown`)},
	{"library", re(`(?:it )?(?:is |must be |should be )?(?:safe for concurrent use|thread[- ]safe|goroutine[- ]safe)`)},
	{"library", re(`(?:it |everything |data )?(?:is |are )?(?:kept |held |stored )?(?:in memory|in-memory)`)},
}

var crudRE = re(provideRE + `(?:all |full |basic |the |usual )*crud(?: operations| endpoints| commands| functions)?(?: for (?:all|each|every|them|everything)(?: \w+)?)?`)

// quality reads what every project of the kind has anyway: one such thing, or several joined.
func (x *reader) quality(m []string) ([]fact, bool) {
	if facts, ok := x.oneQuality(m[1]); ok {
		return facts, true
	}
	var facts []fact
	parts := fieldComma.Split(m[1], -1)
	for _, part := range parts {
		more, ok := x.oneQuality(part)
		if !ok || len(parts) == 1 {
			return nil, false
		}
		facts = append(facts, more...)
	}
	return facts, true
}

func (x *reader) oneQuality(s string) ([]fact, bool) {
	for _, q := range qualities {
		if slices.Contains(strings.Fields(q.kinds), x.p.Kind) && q.re.MatchString(s) {
			return nil, true
		}
	}
	if !crudRE.MatchString(s) {
		return nil, false
	}
	var facts []fact
	for _, e := range x.p.words() { // a loan has not all of them by itself
		facts = append(facts, fact{kind: "crud", e: e, list: operations})
	}
	return facts, true
}

package blueprint

import (
	"regexp"
	"slices"
	"strings"
)

// rules are read when all things, fields and relations are known.
var rules = []pattern{
	{re: re(nouns + `(?: (?:can|may|must|should|can only|may only|is allowed to|are allowed to|is limited to|are limited to))?(?: (\w+))? ` + atMost + ` ` + numberRE + ` (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.limit(m[1], m[2], m[3], m[4])
	}},
	{re: re(nouns + ` ` + mustNot + ` (\w+) more than ` + numberRE + ` (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.limit(m[1], m[2], m[3], m[4]) }},
	{re: re(atMost + ` ` + numberRE + ` (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.limit("it", "", m[1], m[2]) }},
	{re: re(nouns + ` (?:is|are|falls|becomes) due (?:back )?(?:after|in|within) ` + duration), read: func(x *reader, m []string) ([]fact, bool) { return x.after(m[1], "due_at", m[2], m[3]) }},
	{re: re(nouns + ` (?:must|has to|have to|should) be returned (?:after|in|within) ` + duration), read: func(x *reader, m []string) ([]fact, bool) { return x.after(x.linkThing(m[1]), "due_at", m[2], m[3]) }},
	{re: re(nouns + ` expires? (?:after|in) ` + duration), read: func(x *reader, m []string) ([]fact, bool) { return x.after(m[1], "expires_at", m[2], m[3]) }},
	{re: re(nouns + ` (?:always |exactly )?(?:lasts?|takes?|is|are)(?: always| exactly)? ` + duration + `(?: long)?`), read: func(x *reader, m []string) ([]fact, bool) { return x.after(m[1], "ends_at", m[2], m[3]) }},

	{re: re(nouns + ` (?:is|are) (?:required|mandatory)`), read: func(x *reader, m []string) ([]fact, bool) { return x.required(m[1]) }},
	{re: re(nouns + ` ` + mustNot + ` be (?:empty|blank|missing)`), read: func(x *reader, m []string) ([]fact, bool) { return x.required(m[1]) }},
	{re: re(nouns + ` (?:must be|is|are|has to be|have to be|should be) unique(?: (?:across|among) (?:all )?(.+))?`), read: func(x *reader, m []string) ([]fact, bool) {
		words := m[1]
		if m[2] != "" {
			words += " of " + m[2]
		}
		return x.each(words, fact{kind: "unique"})
	}},
	{re: re(`no two (.+?) (?:may |can |should |must )?(?:share|have|with) (?:the same |an? )?(.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.each(m[2]+" of "+m[1], fact{kind: "unique"})
	}},
	{re: re(`(?:no|without) (?:duplicate|duplicated|repeated) (.+?)(?: (?:are |is )?allowed)?`), read: func(x *reader, m []string) ([]fact, bool) { return x.each(m[1], fact{kind: "unique"}) }},
	{re: re(`(?:(.+?) (?:has|have) )?(?:an? )?unique (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		if x.thing(m[1]) != "" {
			return x.each(m[2]+" of "+m[1], fact{kind: "unique"})
		}
		return x.each(m[2], fact{kind: "unique"})
	}},

	{re: re(nouns + ` ` + mustNot + ` (?:be|go|fall|drop|become|get) (?:negative|(?:below|less than|under) (?:0|zero))`), read: func(x *reader, m []string) ([]fact, bool) { return x.each(m[1], fact{kind: "min", n: 0}) }},
	{re: re(nouns + ` ` + mustBe + ` (?:positive|(?:greater|more|higher) than (?:0|zero))`), read: func(x *reader, m []string) ([]fact, bool) {
		facts, ok := x.each(m[1], fact{kind: "min", n: 1})
		return facts, ok && !slices.ContainsFunc(facts, func(f fact) bool { return x.p.entity(f.e).field(f.f).Type != integer })
	}},
	{re: re(nouns + ` (?:` + mustBe + ` |ranges? )?(?:between|from) ` + numberRE + ` (?:and|to) ` + numberRE), read: func(x *reader, m []string) ([]fact, bool) {
		low, ok1 := number(m[2])
		high, ok2 := number(m[3])
		facts, ok := x.each(m[1], fact{kind: "min", n: low}, fact{kind: "max", n: high})
		return facts, ok && ok1 && ok2
	}},
	{re: re(nouns + ` (?:must be|has to be|is|are|should be) (?:at least|not less than|no less than) ` + numberRE), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "min") }},
	{re: re(nouns + ` ` + mustNot + ` (?:be less than|be below|fall below|be under|be lower than) ` + numberRE), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "min") }},
	{re: re(nouns + ` ` + mustBe + ` ` + atMost + ` ` + numberRE), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "max") }},
	{re: re(nouns + ` ` + mustNot + ` (?:exceed|be (?:more|greater|higher|larger) than|be over|be above) ` + numberRE), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "max") }},
	{re: re(nouns + `(?: (?:has|have|must have|is|are|must be|can have|may have|can be|may be))? (?:at most|no longer than|not longer than|up to|no more than|a maximum of) ` + numberRE + ` (?:characters|letters|chars)(?: long)?`), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "maxlen") }},
	{re: re(nouns + ` ` + mustNot + ` (?:exceed|be longer than|have more than) ` + numberRE + ` (?:characters|letters|chars)`), read: func(x *reader, m []string) ([]fact, bool) { return x.bound(m, "maxlen") }},
	{re: re(nouns + ` defaults to (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.each(m[1], fact{kind: "default", list: []string{snake(m[2])}})
	}},
	{re: re(`(?:(?:the|its|their) )?default (.+?) is (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.each(m[1], fact{kind: "default", list: []string{snake(m[2])}})
	}},
	{re: re(nouns + ` is (.+?) by default`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.each(m[1], fact{kind: "default", list: []string{snake(m[2])}})
	}},

	{re: re(nouns + ` ` + mustNot + ` overlap(?: in time)?`), read: func(x *reader, m []string) ([]fact, bool) { return x.overlap(m[1], "") }},
	{re: re(`no overlapping (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.overlap(m[1], "") }},
	{re: re(nouns + ` ` + mustNot + ` be (?:double[- ]?booked|(?:booked|reserved) twice)(?: at the same time| for the same time)?`), read: func(x *reader, m []string) ([]fact, bool) { return x.overlap("", m[1]) }},
	{re: re(nouns + ` ` + mustNot + ` have (?:two|2|overlapping|more than one) (.+?)(?: at (?:the same time|a time|once))?`), read: func(x *reader, m []string) ([]fact, bool) { return x.overlap(m[2], m[1]) }},
	{re: re(nouns + ` (?:can|may) (?:only )?be (\w+) (?:only )?(?:once|to (?:only )?one \w+|by (?:only )?one \w+)(?: at (?:a|the same) time| at once)`), read: (*reader).exclusive},
	{re: re(nouns + ` (?:must not|cannot|can't|may not) (?:be|start|begin|take place|lie) in the past`), read: func(x *reader, m []string) ([]fact, bool) {
		if e := x.p.entity(x.thing(m[1])); e != nil && e.field("starts_at") != nil {
			return []fact{{kind: "notpast", e: e.Word, f: "starts_at"}}, true
		}
		return x.each(m[1], fact{kind: "notpast"})
	}},

	{re: re(`(?:(?:an? )?(?:endpoint|command|list|report|way)(?: that| to| of| for)? )?(?:(?:list|show|find|get|report)s? )?(?:all )?(?:the )?overdue (.+?)(?: can be (?:listed|found|queried|shown))?`), read: func(x *reader, m []string) ([]fact, bool) {
		e := x.p.entity(x.thing(m[1]))
		if e == nil {
			return nil, false
		}
		for _, f := range []string{"due_at", "due_date", "deadline"} {
			if e.field(f) != nil {
				return []fact{{kind: "overdue", e: e.Word, f: f}}, true
			}
		}
		return nil, false
	}},
	{re: re(`(?:search|find|filter|searching|filtering)(?: for)?(?: (.+?))? by (.+)`), read: (*reader).search},
	{re: re(nouns + ` can be (?:searched|found|looked up|filtered)(?: for)? by (.+)`), read: (*reader).search},
	{re: re(`(?:list )?(.+?)(?: (?:is|are)(?: listed| shown| returned)?)? (?:sorted|ordered) by (.+)`), read: (*reader).sorted},
	{re: re(nouns + ` can be (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.operations(m[2], m[1]) }},
	{re: re(`(?:(?:the )?(?:user|one|you|people|tool|app|api|service|library|it|anyone)s? )?(?:(?:can|may|should be able to|lets (?:users|you)|allows (?:users|you) to|allows|to) )?(.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.operations(m[1], "")
	}},
	{re: re(nouns + ` (?:can|may) (\w+(?:,? (?:and |or )?\w+){0,2}) (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.handOver(m[1], m[2], m[3]) }},
	{re: re(`(.+)`), read: (*reader).quality},
}

// each gives the facts for every field that words name.
func (x *reader) each(words string, facts ...fact) ([]fact, bool) {
	var all []fact
	for _, part := range comma.Split(words, -1) {
		found, _, _ := x.fields(part)
		if len(found) == 0 {
			return nil, false
		}
		for _, t := range found {
			for _, f := range facts {
				f.e, f.f = t.e, t.f
				all = append(all, f)
			}
		}
	}
	return all, true
}

func (x *reader) required(words string) ([]fact, bool) {
	facts, ok := x.each(words, fact{kind: "required"})
	for i := range facts {
		facts[i].list, facts[i].f = []string{facts[i].f}, ""
	}
	return facts, ok
}

func (x *reader) bound(m []string, kind string) ([]fact, bool) {
	n, ok := number(m[2])
	if !ok {
		return nil, false
	}
	return x.each(m[1], fact{kind: kind, n: n})
}

var (
	perTime = regexp.MustCompile(`^(.+?)` + period + `$`)
	perOne  = regexp.MustCompile(`^(.+?) (?:per|for each|for every|for one|of one|in an?|in one) (.+)$`)
	atATime = regexp.MustCompile(` (?:at (?:a|the same|any) time|at any one time|at once|simultaneously|concurrently)$`)
)

// limit reads how many of a thing another may have: a member borrows at most five books; at most 100 tracks.
func (x *reader) limit(parent, verb, amount, what string) ([]fact, bool) {
	n, ok := number(amount)
	if !ok {
		return nil, false
	}
	f := fact{kind: "limit", n: n}
	if m := perTime.FindStringSubmatch(what); m != nil {
		what, f.kind, f.unit = m[1], "limit period", m[2]
	}
	open := atATime.MatchString(what)
	what = atATime.ReplaceAllString(what, "")
	if rest, cut := strings.CutPrefix(what, "open "); cut {
		what, open = rest, true
	}
	if m := perOne.FindStringSubmatch(what); m != nil {
		if !x.isSubject(parent) {
			return nil, false
		}
		what, parent = m[1], m[2]
	}
	child, to := x.thing(what), x.thing(parent)
	if child == "" || child == to {
		return nil, false
	}
	var facts []fact
	switch {
	case to == "" && x.isSubject(parent) && f.kind == "limit":
		f.kind = "total"
	case to == "":
		return nil, false
	case x.names(child, to):
	case x.linkBetween(child, to) != "": // a member borrows books: the loans count
		child = x.linkBetween(child, to)
	case linkOf[verb] != "" && x.p.entity(linkOf[verb]) == nil:
		facts = append(facts, x.newLink(linkOf[verb], to, child)...)
		child = linkOf[verb]
	case x.names(to, child) || linkOf[verb] != "":
		return nil, false
	default:
		facts = append(facts, fact{kind: "belongs", e: child, to: to})
	}
	f.e = child
	if f.kind != "total" {
		f.to = to
	}
	if f.kind == "limit period" {
		if f.f = x.timeOf(child); f.f == "" {
			return nil, false
		}
	} else if e := x.p.entity(child); open || links[child].closing != "" {
		if e != nil && e.Act() == nil {
			return nil, false
		}
		f.kind += " open"
	}
	return append(facts, f), true
}

func (x *reader) names(e, to string) bool {
	ent := x.p.entity(e)
	return ent != nil && ent.refTo(to) != nil
}

// linkBetween gives the thing that names both others, or "".
func (x *reader) linkBetween(a, b string) string {
	for _, e := range x.p.Entities {
		if x.names(e.Word, a) && x.names(e.Word, b) {
			return e.Word
		}
	}
	return ""
}

// linkThing gives the words of the link by which a thing is handed over, or the words as they are.
func (x *reader) linkThing(words string) string {
	for _, e := range x.p.Entities {
		if links[e.Word].exclusive && x.thing(words) != "" && x.names(e.Word, x.thing(words)) {
			return e.Word
		}
	}
	return words
}

// timeOf gives the field that says when a record is.
func (x *reader) timeOf(e string) string {
	ent := x.p.entity(e)
	if ent == nil {
		return ""
	}
	for _, f := range ent.Fields {
		if f.Type == timestamp && (f.Name == "starts_at" || f.fact("stamp") != nil) {
			return f.Name
		}
	}
	return ""
}

// after reads that something comes a while after a record's start.
func (x *reader) after(words, name, amount, unit string) ([]fact, bool) {
	n, ok := number(amount)
	e := x.p.entity(x.thing(words))
	if !ok || e == nil {
		return nil, false
	}
	from := x.timeOf(e.Word)
	var facts []fact
	if from == "" {
		from = "created_at"
		facts = append(facts, fact{kind: "+implied", e: e.Word, f: from, unit: timestamp}, fact{kind: "stamp", e: e.Word, f: from, assumed: true})
	}
	return append(facts, fact{kind: "derive", e: e.Word, f: name, from: from, n: n, unit: unit}), true
}

var samePlace = regexp.MustCompile(`^(.+?) (?:of|for|in) (?:the same |an? |one )?(.+)$`)

func (x *reader) overlap(child, parent string) ([]fact, bool) {
	if m := samePlace.FindStringSubmatch(child); m != nil {
		child, parent = m[1], m[2]
	}
	e, to := x.p.entity(x.thing(child)), x.thing(parent)
	if parent != "" && to == "" {
		return nil, false
	}
	for _, c := range x.p.Entities {
		if child == "" && c.field("starts_at") != nil && x.names(c.Word, to) {
			e = c
		}
	}
	if e == nil {
		return nil, false
	}
	if parents := e.Parents(); to == "" && len(parents) > 0 {
		to = handedOver(parents)
	}
	return []fact{{kind: "overlap", e: e.Word, to: to}}, to != ""
}

// handedOver is the one among a link's things that is no person; the last where all or none are.
func handedOver(parents []*entity) string {
	for i := len(parents) - 1; i >= 0; i-- {
		if _, last := cutLast(parents[i].Word); !slices.Contains(people, last) {
			return parents[i].Word
		}
	}
	return parents[len(parents)-1].Word
}

func (x *reader) exclusive(m []string) ([]fact, bool) {
	to := x.thing(m[1])
	for _, e := range x.p.Entities {
		if to != "" && x.names(e.Word, to) && e.Act() != nil {
			return []fact{{kind: "limit open", e: e.Word, to: to, n: 1}}, true
		}
	}
	return nil, false
}

// search reads by which fields a list is searched (texts) or narrowed (references, choices).
func (x *reader) search(m []string) ([]fact, bool) {
	found := []target{}
	for _, part := range comma.Split(m[2], -1) {
		if m[1] != "" {
			part += " of " + m[1]
		}
		if to := x.thing(m[2]); to != "" && x.names(x.thing(m[1]), to) {
			return []fact{{kind: "filter", e: x.thing(m[1]), list: []string{snake(to) + "_id"}}}, true
		}
		fields, _, _ := x.fields(part)
		if len(fields) == 0 {
			return nil, false
		}
		found = append(found, fields...)
	}
	var facts []fact
	for _, t := range found {
		f := fact{kind: "search", e: t.e, list: []string{t.f}}
		if x.p.entity(t.e).OneOf(t.f) != nil {
			f.kind = "filter"
		}
		facts = append(facts, f)
	}
	return facts, true
}

func (x *reader) sorted(m []string) ([]fact, bool) {
	found, _, _ := x.fields(m[2] + " of " + m[1])
	if len(found) != 1 || x.thing(m[1]) == "" {
		return nil, false
	}
	return []fact{{kind: "sort", e: found[0].e, f: found[0].f}}, true
}

package blueprint

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// pattern reads one kind of clause. It must match the whole clause, and read must understand every part of it.
type pattern struct {
	headOnly bool
	re       *regexp.Regexp
	read     func(x *reader, m []string) ([]fact, bool)
}

func re(expr string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + expr + `)$`) }

const (
	mustNot  = `(?:must not|cannot|can not|can't|may not|should not|must never|can never|never|do not|does not)`
	mustBe   = `(?:must be|has to be|have to be|should be|is|are|can be|may be)`
	atMost   = `(?:at most|no more than|not more than|up to|a maximum of|max(?:imum)?)`
	nouns    = `(.+?)`
	period   = ` (?:a|per|each|every) (day|week|month)`
	keep     = `(?:stores?|keeps?|saves?|records?|tracks?|holds?)`
	duration = numberRE + ` (minute|hour|day|week)s?`
)

// structure says what things there are, with which fields and relations. It is read first, so that rules know them.
var structure = []pattern{
	{headOnly: true, re: re(`(.+)`), read: (*reader).thingList},
	{headOnly: true, re: re(`(.+)`), read: (*reader).bareFields},
	{re: re(`(?:(?:the|its|their) )?(?:(.+?) )?` + fieldsRE + `(?: (?:of|for|on) (.+?))?(?: are:?| include:?|:) (.+)`), read: (*reader).fieldsOf},
	{re: re(`(?:(?:it|we|the \w+) )?(?:(?:should|must|can) )?` + keep + ` (.+) (?:for|of|about|on) ((?:each|every|all|any|an?) .+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.describe(m[2], m[1], false)
	}},
	{re: re(`for ((?:each|every|all|any|an?) .+?),? (?:(?:it|we|you|the \w+) )?(?:(?:should|must|can) )?` + keep + ` (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.describe(m[1], m[2], false)
	}},
	{re: re(nouns + `(?: with:?|:) (.+)`), read: func(x *reader, m []string) ([]fact, bool) { return x.describe(m[1], m[2], true) }},
	{re: re(nouns + ` \(((?:[^()]|\([^()]*\))+)\)`), read: func(x *reader, m []string) ([]fact, bool) { return x.describe(m[1], m[2], true) }},
	{re: re(nouns + ` (?:(?:that|which|who) )?(?:has|have|having|contains?|includes?|consists? of|is described by|stores?|keeps?):? (.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		return x.describe(m[1], m[2], false)
	}},
	{re: re(nouns + ` (?:must have|must include|needs?|requires?|has to have|have to have) (.+)`), read: (*reader).mustHave},
	{re: re(nouns + ` (?:belongs? to|is part of|is in|refers? to|references?|links?|connects?|is (?:written|made|created|owned|taught|led|placed|published) by|is (?:assigned|linked|attached|related) to|is for|is between) (.+)`), read: (*reader).belongsTo},
	{re: re(nouns + ` (?:has|have|contains?|owns?|holds?|can have|may have|consists? of|teaches|writes|keeps) (?:(?:many|several|multiple|any number of|one or more|zero or more|a list of|its) )?(.+)`), read: func(x *reader, m []string) ([]fact, bool) {
		facts, ok := x.belongsTo([]string{"", m[2], m[1]})
		if !ok && x.isSubject(m[1]) && x.allThings(m[2]) {
			return nil, true // the library has books: the things are known
		}
		return facts, ok
	}},
	{re: re(nouns + `(?: ` + mustBe + `:?|:) (.+)`), read: (*reader).values},
}

// thingList reads a list of things: members, books and loans.
func (x *reader) thingList(m []string) ([]fact, bool) {
	if x.torn && (x.of != "" || m[1] == "tests") {
		return nil, false // the list is none of things
	}
	var facts []fact
	plurals := 0
	for _, item := range comma.Split(m[1], -1) {
		word, ok := x.newThing(item)
		if !ok {
			return nil, false
		}
		if _, isPlural := singular(item); isPlural {
			plurals++
		}
		facts = append(facts, fact{kind: "+thing", e: word})
	}
	return facts, x.of == "" || plurals > 0 // orders: customer, product
}

// bareFields reads the list behind the name of the only things that the head of a prompt names. A single word must be a field's
// for sure.
func (x *reader) bareFields(m []string) ([]fact, bool) {
	if x.of == "" {
		return nil, false
	}
	facts, ok := fieldList(x.of, m[1])
	return append([]fact{{kind: "+thing", e: x.of}}, facts...), ok && sure(facts)
}

// sure says whether a list can be nothing but one of fields: a single word may say something else, as in "a note: PostgreSQL".
func sure(list []fact) bool {
	return len(list) != 1 || slices.Contains(usualFields, list[0].f) || list[0].unit != text && operationOf[list[0].f] == "" && !slices.Contains([]string{"start", "end"}, list[0].f)
}

// fieldsOf reads "the fields of a contact are …", "contact fields: …", and "fields: …" where there is one thing only.
func (x *reader) fieldsOf(m []string) ([]fact, bool) {
	words := m[1] + m[2]
	if words == "" && len(x.p.Entities) == 1 {
		words = x.p.Entities[0].Word
	}
	if words == "" {
		words = x.of
	}
	return x.describe(words, m[3], false)
}

func (x *reader) allThings(list string) bool {
	return !slices.ContainsFunc(comma.Split(list, -1), func(s string) bool { return x.thing(s) == "" })
}

// thing gives the known thing that words name, in singular, or "".
func (x *reader) thing(words string) string {
	words = trimArticle(words)
	for _, e := range x.p.Entities {
		if words == e.Word || words == plural(e.Word) {
			return e.Word
		}
	}
	return ""
}

// lastOf gives the one known thing whose last word words name: a post where there are blog posts.
func (x *reader) lastOf(words string) string {
	found := ""
	for _, e := range x.p.Entities {
		if head, last := cutLast(e.Word); head != "" && slices.Contains([]string{last, plural(last)}, trimArticle(words)) {
			if found != "" {
				return ""
			}
			found = e.Word
		}
	}
	return found
}

// newThing gives the singular of words that can name a thing: a plural, or a word that is well known.
func (x *reader) newThing(words string) (string, bool) {
	words = trimArticle(words)
	if word := x.thing(words); word != "" {
		return word, true
	}
	word, isPlural := singular(words)
	_, known := wellKnown[word]
	if !nounPhrase(words) || strings.Contains(words, "-") || slices.Contains(demands, lastWord(words)) || !isPlural && !known || !known && slices.Contains(generic, words) {
		return "", false
	}
	return word, known || !slices.Contains(notThings, lastWord(word)) && !demanding(word)
}

// demanding says whether a word in front of the last one asks for something.
func demanding(word string) bool {
	head, _ := cutLast(word)
	return slices.ContainsFunc(strings.Fields(head), isDemand)
}

// isSubject says whether words name the project as a whole.
func (x *reader) isSubject(words string) bool {
	words = trimArticle(words)
	_, last := cutLast(x.subject)
	return words != "" && (words == x.subject || words == last || slices.Contains(generic, words))
}

// generic words for the project as a whole.
var generic = strings.Fields("system app application tool store service api library collection list it there")

// describe reads the fields of a thing. listing says that the prompt lists things there, so new ones may come up.
func (x *reader) describe(words, list string, listing bool) ([]fact, bool) {
	word, ok := x.describable(words, list, listing)
	if !ok {
		return nil, false
	}
	facts, ok := fieldList(word, list)
	if _, known := wellKnown[word]; x.p.entity(word) == nil && (!listing && !known || trimArticle(words) == word) && !sure(facts) {
		return nil, false
	}
	return append([]fact{{kind: "+thing", e: word}}, x.references(facts)...), ok
}

// references makes a field that is named after a thing the one by which it is named: the book of a loan.
func (x *reader) references(facts []fact) []fact {
	for i, f := range facts {
		if to := x.p.entity(f.f); f.kind == "+field" && f.unit == text && to != nil && f.e != f.f {
			facts[i] = fact{kind: "belongs", e: f.e, to: f.f}
		}
	}
	return facts
}

// describable gives the thing whose fields a list may name: a known one, a new one where things are listed or that is well known, or
// one with an article, as in "a jig has a maker and a year".
func (x *reader) describable(words, list string, listing bool) (string, bool) {
	if word := cmp.Or(x.thing(words), x.lastOf(words)); word != "" {
		return word, true
	}
	if word, ok := x.newThing(words); ok {
		_, known := wellKnown[word]
		values := listing && slices.Contains(choiceWords, lastWord(word)) && !usual.MatchString(list) // priorities: low, high
		return word, !values && (known || listing || !x.isSubject(words) && lastWord(words) == words)
	}
	one := trimArticle(words)
	if many := plural(one); listing && (one == x.subject || many == x.subject) && nounPhrase(one) && !slices.Contains(generic, one) {
		return one, x.behaves() == "" // a bookmark API. Bookmark: url, title
	}
	_, isPlural := singular(one)
	return one, !listing && oneOf.MatchString(words) && !isPlural && nounPhrase(one) && !slices.Contains(generic, one) && !slices.Contains(notThings, lastWord(one)) && !demanding(one) && x.behaves() == ""
}

var (
	oneOf       = regexp.MustCompile(`^(?:an?|each|every) `)
	usualFields = strings.Fields("name surname nickname title description body text content email phone address city country url slug sku isbn author artist")
	usual       = regexp.MustCompile(`\b(?:` + strings.Join(usualFields, "|") + `)\b`)
)

func lastWord(phrase string) string {
	_, last := cutLast(phrase)
	return last
}

// mustHave reads required fields of a known thing, which has its usual other fields too.
func (x *reader) mustHave(m []string) ([]fact, bool) {
	e := x.thing(m[1])
	facts, ok := fieldList(e, m[2])
	for i, f := range slices.Clone(facts) {
		if f.kind == "+field" {
			facts[i].kind = "+implied"
			facts = append(facts, fact{kind: "required", e: e, list: []string{f.f}})
		}
	}
	return facts, ok && e != ""
}

// belongsTo reads which things a thing names. The ones that it names must be known, or well known.
func (x *reader) belongsTo(m []string) ([]fact, bool) {
	var facts []fact
	for _, child := range comma.Split(m[1], -1) {
		e, ok := x.related(child)
		for _, parent := range comma.Split(strings.TrimPrefix(m[2], "exactly "), -1) {
			to, known := x.related(parent)
			if !ok || !known || e == to {
				return nil, false
			}
			facts = append(facts, fact{kind: "+thing", e: e}, fact{kind: "+thing", e: to}, fact{kind: "belongs", e: e, to: to})
		}
	}
	return facts, true
}

func (x *reader) related(words string) (string, bool) {
	if word := x.thing(words); word != "" {
		return word, true
	}
	word, ok := x.newThing(words)
	_, known := wellKnown[word]
	return word, ok && known
}

// target is a field of a thing.
type target struct{ e, f string }

var (
	ofThing = re(`(.+?) (?:of|for) (?:an? |the |each |every |all )?(.+)`)
	thingS  = re(`(.+?)(?:'s|s') (.+)`)
)

// fields finds the fields that words name: the title of a book, a book's title, book titles, titles. Without a thing they are
// the fields of that name of all things. word is the field's name in words and e its thing, where one is named.
func (x *reader) fields(words string) (found []target, e, word string) {
	words = trimArticle(words)
	if m := ofThing.FindStringSubmatch(words); m != nil && x.thing(m[2]) != "" {
		e, word = x.thing(m[2]), m[1]
	} else if m := thingS.FindStringSubmatch(words); m != nil && x.thing(m[1]) != "" {
		e, word = x.thing(m[1]), m[2]
	} else {
		word = words
		parts := strings.Fields(words)
		for n := 1; n < len(parts); n++ {
			if thing := x.thing(strings.Join(parts[:n], " ")); thing != "" {
				e, word = thing, strings.Join(parts[n:], " ")
				word = strings.TrimPrefix(word, "'s ")
			}
		}
	}
	one, _ := singular(word)
	for _, ent := range x.p.Entities {
		if e != "" && ent.Word != e {
			continue
		}
		for _, f := range ent.Fields {
			bare := strings.TrimSuffix(strings.TrimSuffix(f.Name, "_cents"), "_seconds")
			if slices.Contains([]string{snake(word), snake(one)}, bare) || f.Name == snake(word) {
				found = append(found, target{ent.Word, f.Name})
			}
		}
	}
	return found, e, word
}

// choiceWords are last words of fields that hold one of a few values.
var choiceWords = strings.Fields("status state priority category type kind genre severity level colour color size role language format plan stage phase gender mode difficulty currency unit condition tier visibility shape suit season weekday")

var (
	hasA     = regexp.MustCompile(`^(.+?) (?:(?:must|should|can|may|will) )?(?:has|have)(?: an?| one| the)? (.+)$`)
	choiceOf = regexp.MustCompile(`^(?:either|one of):? `)
)

// values reads which values a field may have: the status of a ticket is open, in progress or closed.
func (x *reader) values(m []string) ([]fact, bool) {
	if !strings.Contains(m[2], ",") && !strings.Contains(m[2], " or ") {
		return nil, false
	}
	if has := hasA.FindStringSubmatch(m[1]); has != nil && x.thing(has[1]) != "" {
		m[1] = has[2] + " of " + withArticle(x.thing(has[1])) // a ticket has a status: open, closed
	}
	found, e, word := x.fields(m[1])
	if slices.ContainsFunc(strings.Fields(word), func(w string) bool { return slices.Contains(stopWords, w) }) {
		return nil, false
	}
	list := m[2]
	if len(found) > 0 && strings.Contains(list, " or ") && !choiceOf.MatchString(list) {
		list = "one of " + list // the maker is Bosch or Makita
	}
	if len(found) == 0 {
		if e == "" && len(x.p.Entities) == 1 {
			e = x.p.Entities[0].Word
		}
		if _, last := cutLast(word); e == "" || !slices.Contains(choiceWords, last) {
			return nil, false
		}
		found = []target{{e, snake(word)}}
	}
	var facts []fact
	for _, t := range found {
		typ := text
		more := qualify(t.e, t.f, &typ, list)
		ok := len(more) > 0 && !slices.ContainsFunc(more, func(f fact) bool { return f.kind != "oneof" && f.kind != "default" })
		if !ok {
			return nil, false
		}
		facts = append(append(facts, fact{kind: "+implied", e: t.e, f: t.f, unit: text}), more...)
	}
	return facts, true
}

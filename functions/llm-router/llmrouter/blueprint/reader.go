package blueprint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reader turns a prompt into a project. It reads clause by clause, and a clause counts as used only if a pattern matches the
// whole of it; what is left over is named, never guessed.
type reader struct {
	p           *project
	prompt      string          // in lower case
	subject     string          // what the project is called in the prompt: lending library
	core        string          // expression of the words for the kind of project in the head, or ""
	nameWords   []clause        // words of the head that name the project, or ask for something
	called      string          // the name that the prompt gives it, or ""
	headThing   string          // well-known thing that the head names in front of a list: tasks: reminders, tags; or ""
	described   map[string]bool // things whose fields the prompt names
	optional    map[target]bool // fields that the prompt says need not be given
	of          string          // thing whose fields the clause that is read may list without a word more, or ""
	torn        bool            // as in clause
	assumptions []string
	unused      []string
	asides      int // parts of unused that qualify a field
	used        int
	longest     int // items in the longest list
}

// refusal says why a prompt is not for us, and which parts of it are not understood; knows says what would be.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// knows says what helps when a prompt is refused.
const knows = "Provider blueprint writes a REST API, a command-line tool or a library in Go that keeps things with fields, relations and rules, " +
	"e.g. \"" + example + "\" For anything else the platform needs a model: `ql generate --llm-url URL --llm-model NAME`, or Secret llm-credentials on a cluster"

// example is a prompt that works.
const example = "A REST API for recipes. A recipe has a title, servings and minutes."

const anyKind = "The prompt does not say which kind of program it wants; this is a REST API."

// readPrompt reads a prompt; kind is the type that was asked for, or auto.
func readPrompt(promptText, kind string) (*reader, error) {
	x := &reader{p: &project{}, prompt: strings.ToLower(promptText), described: map[string]bool{}, optional: map[target]bool{}}
	rest := sentences(promptText)
	var all []string
	for _, c := range rest {
		all = append(all, c.text)
	}
	at := slices.IndexFunc(rest, func(c clause) bool { return x.head(c.low, kind) })
	if at < 0 && kind != "auto" && kind != "" && len(rest) > 0 {
		x.p.Kind, at = kind, 0 // the kind was asked for; the first sentence says what of
	}
	listed := at >= 0 && strings.Contains(rest[at].low, ":")
	if at >= 0 {
		rest = slices.Concat(rest[:at], x.headClauses(rest[at]), rest[at+1:])
	} else {
		x.p.Kind = api
		x.assumptions = append(x.assumptions, anyKind)
	}
	rest = x.readAll(rest, structure)
	x.link()
	if len(x.p.Entities) > 0 { // else the prompt is refused as a whole
		rest = append(x.nameUnused(), rest...)
	}
	rest = x.readAll(rest, rules)
	for _, c := range rest {
		x.unused = append(x.unused, c.text)
		if c.aside {
			x.asides++
		}
	}
	x.complete()
	if why := x.why(at >= 0, listed); why != "" {
		if x.longest > maxFields {
			x.unused = nil // the reason tells of what was not understood
		} else if x.unused == nil && len(x.p.Entities) == 0 {
			x.unused = all
		}
		return nil, &refusal{why + x.notUnderstood()}
	}
	return x, nil
}

// why says why nothing can be made of what was read; "" if something can. A prompt without a head must be understood as a whole.
func (x *reader) why(head, listed bool) string {
	known := slices.ContainsFunc(x.p.Entities, func(e *entity) bool { _, ok := wellKnown[e.Word]; return ok || x.described[e.Word] })
	behaves := x.behaves()
	switch {
	case !head && (len(x.described) == 0 || len(x.unused) > 0):
		return "the prompt does not say which kind of program it wants."
	case x.longest > maxFields:
		return fmt.Sprintf("a thing has at most %d fields, the prompt names %d in one list.", maxFields, x.longest)
	case behaves != "" && !listed:
		return withArticle(behaves) + " does more than keep things."
	case len(x.p.Entities) == 0:
		return "the prompt names no things to keep."
	case !known:
		var things []string
		for _, e := range x.p.Entities {
			things = append(things, e.Words())
		}
		return "the prompt does not say which fields " + enumerate(things, "and") + " have."
	case len(x.unused)-x.asides > x.used:
		return "most of the prompt is beyond provider blueprint."
	}
	if why := x.p.check(); why != "" {
		return why + "."
	}
	return ""
}

// notUnderstood gives a sentence with the parts of the prompt that are not used, each cut to a readable length.
func (x *reader) notUnderstood() string {
	const most, longest = 10, 120 // parts, and runes of one
	var parts []string
	for _, s := range x.unused[:min(most, len(x.unused))] {
		if r := []rune(s); len(r) > longest {
			s = string(r[:longest-1]) + "…"
		}
		parts = append(parts, fmt.Sprintf("%q", s))
	}
	if parts == nil {
		return ""
	}
	if more := len(x.unused) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return " Not understood: " + strings.Join(parts, ", ") + "."
}

// behaves gives the word of the project's name that stands for programs whose point is not what they keep, or "".
func (x *reader) behaves() string {
	for _, w := range strings.FieldsFunc(x.subject, func(r rune) bool { return r == ' ' || r == '-' }) {
		if slices.Contains(behaviours, w) {
			return w
		}
	}
	return ""
}

// readAll reads clauses with one set of patterns and gives those that it did not understand, in parts where parts were.
func (x *reader) readAll(clauses []clause, set []pattern) []clause {
	var rest []clause
	for _, c := range clauses {
		if c.aside {
			rest = append(rest, c)
			continue
		}
		for _, part := range splitDepth0(c.text, semicolon) {
			p := newClause(part, c.head)
			p.subject, p.of = c.subject, c.of
			rest = append(rest, x.cover(p, set)...)
		}
	}
	return rest
}

var (
	leadIn = regexp.MustCompile(`^(?:(?:and|also|but|then|where|moreover|additionally|furthermore|note that|please|so|plus|it should|it must|it can|` +
		`there should be|there must be|there may be|there can be|there are|support|supports|with)\b,? )+`)
	conjunction = regexp.MustCompile(`,? (?:and|but|while|where) |, `)
	condition   = regexp.MustCompile(`\b(?:unless|if|except|when|once|provided|otherwise|until|instead|only)\b`)
	pronoun     = regexp.MustCompile(`^(?:it|they|he|she|which|that|who|each(?: one)?) `)
)

// cover reads a clause, or else its parts at conjunctions, the longest part first, so that a list is not torn while it makes
// sense as a whole. It gives the parts that nothing matched. A clause with a condition is read as a whole or not at all:
// half of it would say something else.
func (x *reader) cover(c clause, set []pattern) []clause {
	if c.text == "" {
		return nil
	}
	if s := x.leadingThing(c.low); s != "" {
		c.subject = s
	} else if c.subject == "" && len(x.p.Entities) == 1 && pronoun.MatchString(c.low) && (!strings.HasPrefix(c.low, "it ") || usual.MatchString(c.low)) {
		c.subject = x.p.Entities[0].Word // it may be the program too
	}
	if rest, ok := x.read(c, set); ok {
		return rest
	}
	var cuts [][]int
	for _, at := range conjunction.FindAllStringIndex(c.low, 12) {
		if len(c.low) <= tearLimit && strings.Count(c.low[:at[0]], "(") == strings.Count(c.low[:at[0]], ")") && !condition.MatchString(c.low) {
			cuts = append(cuts, at)
		}
	}
	for i := len(cuts) - 1; i >= 0; i-- {
		begin := c.part(0, cuts[i][0])
		begin.of = c.of
		if rest, ok := x.read(begin, set); ok {
			return append(rest, x.cover(c.part(cuts[i][1], len(c.text)), set)...)
		}
	}
	for _, at := range cuts { // nothing at the beginning: perhaps at the end
		if rest, ok := x.read(c.part(at[1], len(c.text)), set); ok {
			return append(x.cover(c.part(0, at[0]), set), rest...)
		}
	}
	return []clause{c}
}

// clauseLimit is the longest clause in bytes that is read, and tearLimit the longest of which parts are; people write shorter ones.
const (
	clauseLimit = 2000
	tearLimit   = 600
)

// read tries the patterns on a whole clause, as it stands and behind the subject of the clause before, and applies what the
// first one that matches says. It gives the items of a list that are left over.
func (x *reader) read(c clause, set []pattern) ([]clause, bool) {
	if items := splitDepth0(c.low, comma); len(items) > maxFields {
		n := 0
		for _, item := range items {
			if fieldItem.MatchString(item) {
				n++
			}
		}
		if n >= maxFields {
			x.longest = max(x.longest, len(items))
		}
		return nil, false
	}
	if len(c.low) > clauseLimit {
		return nil, false
	}
	x.of, x.torn = c.of, c.torn
	low := strings.TrimSpace(leadIn.ReplaceAllString(c.low, ""))
	type reading struct {
		low        string
		head, kept bool // kept: it names what the program keeps
	}
	var readings []reading
	if m := programKeeps.FindStringSubmatch(low); m != nil {
		readings = append(readings, reading{m[1], true, true})
	}
	readings = append(readings, reading{low: low, head: c.head})
	if c.subject != "" {
		readings = append(readings, reading{low: withArticle(c.subject) + " " + pronoun.ReplaceAllString(low, ""), head: c.head})
	}
	for _, r := range readings {
		for _, p := range set {
			if p.headOnly && !r.head {
				continue
			}
			if m := p.re.FindStringSubmatch(r.low); m != nil {
				facts, ok := p.read(x, m)
				if ok = ok && (!r.kept || x.keepable(facts)); ok && x.apply(facts) {
					x.used++
					return c.leftOver(facts), true
				}
			}
		}
	}
	return nil, false
}

var programKeeps = regexp.MustCompile(`^(?:(?:it|this|the (?:api|service|server|app|application|tool|program|cli|library|package|system)) )?(?:(?:should|must|can|will) )?(?:keeps?(?: track of)?|stores?|manages?|tracks?|holds?|handles?) (.+)$`)

// keepable says whether facts may say what the program keeps. A bare list of words names things only where there are none yet, or
// where the words are well known: "it handles errors" is none.
func (x *reader) keepable(facts []fact) bool {
	first := len(x.p.Entities) == 0
	return len(facts) > 0 && !slices.ContainsFunc(facts, func(f fact) bool {
		_, known := wellKnown[f.e]
		described := slices.ContainsFunc(facts, func(g fact) bool { return g.kind == "+field" && g.e == f.e })
		return f.kind == "+thing" && !known && !described && !first
	})
}

// leftOver gives the items of a list, and what stands in brackets behind one, that facts say nothing came of.
func (c clause) leftOver(facts []fact) []clause {
	var rest []clause
	for _, f := range facts {
		if f.kind != "+left" && f.kind != "+aside" {
			continue
		}
		for _, item := range f.list {
			at := max(0, strings.Index(c.low, item))
			to := at + len(item)
			if !strings.HasPrefix(c.low[at:], item) {
				to = len(c.low) // it is not in these words there: better too much than nothing
			}
			part := c.part(at, to)
			part.aside = f.kind == "+aside"
			rest = append(rest, part)
		}
	}
	return rest
}

// leadingThing is the thing that a clause begins with, or "".
func (x *reader) leadingThing(low string) string {
	words := strings.Fields(trimArticle(low))
	for n := min(3, len(words)); n > 0; n-- {
		if e := x.thing(strings.Join(words[:n], " ")); e != "" {
			return e
		}
	}
	return ""
}

// apply takes facts over, all or none: false if one of them does not fit the project.
func (x *reader) apply(facts []fact) bool {
	saved := x.p.clone()
	for _, f := range facts {
		if f.kind == "derive" {
			x.p.drop(f.e, f.f)
			x.p.entity(f.e).addBehind(f.from, f.f, timestamp)
		}
		switch f.kind {
		case "+thing":
			if x.p.entity(f.e) == nil {
				x.p.Entities = append(x.p.Entities, &entity{project: x.p, Word: f.e})
			}
		case "+left", "+aside", "+optional":
		case "+field", "+implied":
			x.p.entity(f.e).addField(f.f, f.unit)
		case "belongs":
			if f.e == f.to || x.p.entity(f.to).descends(x.p.entity(f.e)) {
				x.p = saved
				return false
			}
			x.p.entity(f.e).addField(snake(f.to)+"_id", reference)
			x.p.add(f)
		default:
			x.p.add(f)
		}
	}
	for _, f := range facts {
		if f.kind[0] != '+' && x.p.checkFact(f) != "" {
			x.p = saved
			return false
		}
	}
	for _, f := range facts {
		switch f.kind {
		case "+field":
			x.described[f.e] = true
		case "+optional":
			x.optional[target{f.e, f.f}] = true
		}
	}
	return true
}

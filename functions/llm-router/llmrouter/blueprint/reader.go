package blueprint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reader turns a prompt into a project. It reads clause by clause, and a clause counts as used only if a pattern matches the
// whole of it; what is left over is named, never guessed.
type reader struct {
	p           *project
	subject     string          // what the project is called in the prompt: lending library
	headThing   string          // well-known thing that the head names in front of a list: tasks: reminders, tags; or ""
	described   map[string]bool // things whose fields the prompt names
	of          string          // thing whose fields the clause that is read may list without a word more, or ""
	torn        bool            // as in clause
	assumptions []string
	unused      []string
	used        int
	longest     int // items in the longest list
}

// refusal says why a prompt is not for us, and which parts of it are not understood; knows says what would be.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// knows says what helps when a prompt is refused.
const knows = "Provider blueprint writes a REST API, a command-line tool or a library in Go that keeps things with fields, relations and rules, " +
	"e.g. \"" + example + "\" For anything else use a model: --llm-url URL --llm-model NAME"

// example is a prompt that works.
const example = "A REST API for recipes. A recipe has a title, servings and minutes."

const anyKind = "The prompt does not say which kind of program it wants; this is a REST API."

// readPrompt reads a prompt; kind is the type that was asked for, or auto.
func readPrompt(promptText, kind string) (*reader, error) {
	x := &reader{p: &project{}, described: map[string]bool{}}
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
	rest = x.readAll(rest, rules)
	for _, c := range rest {
		x.unused = append(x.unused, c.text)
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
	case len(x.unused) > x.used:
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

// clause is a piece of the prompt: as written, and in lower case for the patterns. Both have the same length.
type clause struct {
	text, low string
	head      bool   // stands in the sentence that says what to build
	of        string // thing whose fields it may list without a word more
	torn      bool   // it is part of a longer clause
	subject   string // thing that it is about if it does not say
}

func newClause(text string, head bool) clause {
	text = strings.Trim(text, " ,;:.!?")
	low := []byte(text) // ASCII only, so that the places of both stay the same
	for i, c := range low {
		if 'A' <= c && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
	}
	return clause{text: text, low: string(low), head: head}
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?]+(?:\s+|$)`)
	bulletStart = regexp.MustCompile(`^\s*(?:[-*•#]+|\d+[.)])\s+`)
	labelled    = regexp.MustCompile(`^[A-Z][A-Za-z]*(?: [A-Za-z]+)?(?: \([^)]*\))?: `)
	headings    = regexp.MustCompile(`(?i)^(?:the )?(?:(entities|resources|models?|things|data model)|rules|business rules|(fields)|requirements|features|endpoints|operations|commands|constraints|notes)$`)
	dash        = regexp.MustCompile(` - `)
	camelCase   = regexp.MustCompile(`\b[a-z]{2,}(?:[A-Z][a-z]+)+\b`)
	closeComma  = regexp.MustCompile(`,([A-Za-z])`)
	semicolon   = regexp.MustCompile(`;\s*`)
	quotes      = strings.NewReplacer("’", "'", "‘", "'", "“", "", "”", "", `"`, "", "`", "", "**", "", "–", "-", "—", "-", "…", "")
	onTerminal  = regexp.MustCompile(`(?i)^((?:an? )?)((?:[a-z-]+ ){1,4})(?:on|for|in) the (?:command[- ]line|terminal|console)\b`)
)

// sentences cuts a prompt into sentences, the points of a list and the lines of a table of contents among them. What stands
// under a heading such as "Entities" names things as the head of a prompt does.
func sentences(promptText string) []clause {
	var clauses []clause
	listing := false
	for _, block := range blocks(promptText) {
		for _, s := range sentenceEnd.Split(block, -1) {
			if at := dash.FindStringIndex(s); at != nil && !strings.Contains(s, ":") {
				s = s[:at[0]] + ": " + s[at[1]:]
			}
			s = camelCase.ReplaceAllStringFunc(s, func(w string) string { return strings.ToLower(hump.ReplaceAllString(w, "_$0")) })
			s = closeComma.ReplaceAllString(s, ", $1")
			c := newClause(onTerminal.ReplaceAllString(strings.Join(strings.Fields(s), " "), "${1}command-line ${2}"), listing)
			if m := headings.FindStringSubmatch(c.text); m != nil {
				listing = m[1] != ""
				continue
			}
			if c.text != "" {
				clauses = append(clauses, c)
			}
		}
	}
	return clauses
}

// blocks cuts a prompt at its empty lines, labels and the points of its lists. A list of names becomes part of the line that it stands
// under, unless that is a heading of something else than fields: "Contact:", "- name", "- email" is "Contact: name, email".
func blocks(promptText string) []string {
	var all []string
	under := false // names may follow that belong to the last block
	names := 0     // that have followed
	fresh := true
	for line := range strings.Lines(quotes.Replace(promptText)) {
		line = strings.TrimSpace(line)
		text := bulletStart.ReplaceAllString(line, "")
		bullet := text != line
		name := strings.TrimRight(text, " .,;")
		switch last := len(all) - 1; {
		case under && bullet && fieldItem.MatchString(strings.ToLower(name)):
			if names > 0 {
				all[last] += ","
			} else if !strings.HasSuffix(all[last], ":") {
				all[last] += ":"
			}
			all[last] += " " + name
			names++
			continue
		case line == "" && names == 0:
			fresh = true // the list may stand under an empty line
			continue
		case bullet || labelled.MatchString(line) || fresh || names > 0 || last < 0:
			all = append(all, "")
		}
		last := len(all) - 1
		all[last] += " " + text
		heading := headings.FindStringSubmatch(strings.Trim(all[last], " :"))
		under, names = !bullet && !sentenceEnd.MatchString(text) && (heading == nil || heading[2] != ""), 0
		fresh = line == "" || strings.HasSuffix(line, ":") || strings.HasSuffix(line, ";")
	}
	return all
}

var (
	askRE  = `^(?:(?:please )?(?:can you |could you )?(?:i need|i want|i would like|i'd like|we'd like|we need|we want|give me|build|create|write|make|implement|develop|generate|design)(?: me| us)? )?(?:an? |the |some )?`
	headRE = []struct {
		kind string
		re   *regexp.Regexp
	}{
		{api, regexp.MustCompile(askRE + apiRE + `\b`)},
		{cli, regexp.MustCompile(askRE + cliRE + `\b`)},
		{library, regexp.MustCompile(askRE + libraryRE + ` (?:that|which|for|to|with|in go)\b`)},
		{api, regexp.MustCompile(askRE + `(?:[a-z-]+ ){1,3}?` + apiRE + `(?:$|:| (?:with|in go|for|that|which|where)\b)`)},
		{cli, regexp.MustCompile(askRE + `(?:[a-z-]+ ){1,3}?` + cliRE + `(?:$|:| (?:with|in go|for|that|which|where)\b)`)},
		{"", regexp.MustCompile(askRE + `(?:[a-z-]+ ){0,3}?` + appRE + `(?:$|:| (?:with|for|that|which|to)\b)`)},
	}
	connector = regexp.MustCompile(`^(?:(?:for|of|over)(?: (?:managing|keeping|tracking|storing))?|to (?:keep track of|manage|track|keep|store)|(?:that|which) (?:keeps track of|manages|keeps|stores|tracks|holds|records|handles)) (.+)$`)
	inGo      = regexp.MustCompile(`,? ?(?:\b(?:written )?in (?:go|golang)\b)`)
)

// head says whether a sentence is the one that names the kind of project, and takes the kind.
func (x *reader) head(low, kind string) bool {
	for _, h := range headRE {
		if !h.re.MatchString(low) {
			continue
		}
		x.p.Kind = h.kind
		if kind != "auto" && kind != "" {
			x.p.Kind = kind
		} else if h.kind == "" {
			x.p.Kind = api
			x.assumptions = append(x.assumptions, anyKind)
		}
		return true
	}
	return false
}

// headClauses takes the project's name and things out of the head and gives what else it says as clauses.
func (x *reader) headClauses(c clause) []clause {
	text, low := c.text, c.low
	if at := inGo.FindStringIndex(low); at != nil {
		text, low = text[:at[0]]+text[at[1]:], low[:at[0]]+low[at[1]:]
	}
	end := strings.IndexAny(low, ":;")
	var rest []clause
	if end < 0 {
		end = len(low)
	} else {
		for _, part := range splitDepth0(text[end+1:], semicolon) {
			rest = append(rest, newClause(part, true))
		}
	}
	listed := end < len(low) && low[end] == ':'
	start := x.archetype(low[:end])
	before := newClause(text[:start], true)
	what := newClause(text[start:end], true)
	if m := connector.FindStringSubmatchIndex(what.low); m != nil {
		what = what.part(m[2], m[3])
	}
	if at := withTail.FindStringIndex(what.low); listed && at != nil {
		what = what.part(0, at[0])
	}
	if listed {
		if of := x.listOf(what.low); len(rest) > 0 {
			rest[0].of = of
		}
	}
	rest = append(x.strange(before), rest...)
	if what.text == "" {
		x.used++
		return rest
	}
	return append(x.nameFrom(what, listed), rest...)
}

var withTail = regexp.MustCompile(` ?(?:with|having|(?:that|which) have)(?: (?:the|these|its|following))*(?: ` + fieldsRE + `)?$`)

// listOf gives the thing whose fields a list behind the head may hold: contacts, a contact, or what an inventory keeps. "" if the
// head names none.
func (x *reader) listOf(what string) string {
	named := cmp.Or(trimArticle(what), x.subject)
	words := fillers.ReplaceAllString(named, "")
	for _, s := range []string{named, words} {
		if thing := subjects[s]; thing != "" {
			return thing
		}
	}
	_, isPlural := singular(words)
	word, ok := x.newThing(words)
	if !ok && words != named && nounPhrase(words) {
		return words // a password manager keeps passwords
	}
	if !ok || !isPlural && slices.Contains(containers, lastWord(word)) {
		return ""
	}
	if _, known := wellKnown[word]; known {
		x.headThing = word
	}
	return word
}

func newPlural(words string) bool {
	_, isPlural := singular(words)
	return isPlural
}

var fillers = regexp.MustCompile(`(?: (?:management|manager|tracking|tracker|list|database|catalog|collection|directory))+$`)

// strange takes the words out of the project's name that ask for another kind of program, and gives them as clauses.
func (x *reader) strange(head clause) []clause {
	var rest []clause
	for _, at := range word.FindAllStringIndex(head.low, -1) {
		if w := head.low[at[0]:at[1]]; slices.Contains(demands, w) {
			rest = append(rest, head.part(at[0], at[1]))
			x.subject = strings.Join(slices.DeleteFunc(strings.Fields(x.subject), func(s string) bool { return s == w }), " ")
		}
	}
	return rest
}

var word = regexp.MustCompile(`[a-z0-9-]+`)

var archetypes = func() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, expr := range []string{apiRE, cliRE, libraryRE, appRE} {
		all = append(all, regexp.MustCompile(askRE+`((?:[a-z-]+ ){0,3}?)(?:`+expr+`)(?:$|[ ,])`))
	}
	return all
}()

// archetype gives where the words end that name the kind of project. Words before them name the subject: a todo API.
func (x *reader) archetype(head string) (end int) {
	subject := ""
	for _, re := range archetypes {
		m := re.FindStringSubmatchIndex(head)
		if m == nil {
			continue
		}
		if before := strings.TrimSpace(head[m[2]:m[3]]); end == 0 || before == "" {
			subject, end = before, m[1]
			if before == "" {
				break
			}
		}
	}
	x.subject = subject
	if end == 0 {
		end = len(asking.FindString(head))
	}
	return end
}

var asking = regexp.MustCompile(askRE)

var withFields = regexp.MustCompile(`^(.+?),? (?:with|where|that|which|and|,) (.+)$`)

// nameFrom reads the part behind "for": a subject (a lending library), or the things themselves (books and authors).
func (x *reader) nameFrom(c clause, hasList bool) []clause {
	subject := trimArticle(c.low)
	_, isPlural := singular(subject)
	if one := !isPlural && nounPhrase(subject); !hasList && !one {
		if rest, ok := x.read(c, structure); ok {
			return rest
		}
	}
	if nounPhrase(subject) {
		if x.subject == "" || hasList {
			x.subject = subject
		}
		x.used++
		return nil
	}
	if m := withFields.FindStringSubmatchIndex(c.low); m != nil && nounPhrase(trimArticle(c.low[m[2]:m[3]])) {
		x.subject = trimArticle(c.low[m[2]:m[3]])
		x.used++
		fields := newClause(c.text[m[4]:m[5]], true)
		if x.thing(x.subject) != "" || newPlural(x.subject) {
			fields.of = x.listOf(x.subject)
		}
		return []clause{fields}
	}
	return []clause{c}
}

var nounRE = regexp.MustCompile(`^[a-z][a-z0-9]*(?:[ -][a-z][a-z0-9]*){0,3}$`)

// nounPhrase says whether words can name a thing.
func nounPhrase(s string) bool {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '-' })
	return nounRE.MatchString(s) && !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(stopWords, w) }) &&
		operationOf[words[0]] == "" && !slices.Contains(closings, words[0])
}

var articleRE = regexp.MustCompile(`^(?:(?:an?|the|each|every|any|all|one|its|their|my|our|of|new|open) )+`)

func trimArticle(s string) string { return articleRE.ReplaceAllString(strings.TrimSpace(s), "") }

// readAll reads clauses with one set of patterns and gives those that it did not understand, in parts where parts were.
func (x *reader) readAll(clauses []clause, set []pattern) []clause {
	var rest []clause
	for _, c := range clauses {
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
	} else if c.subject == "" && len(x.p.Entities) == 1 && pronoun.MatchString(c.low) {
		c.subject = x.p.Entities[0].Word
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

func (c clause) part(from, to int) clause {
	p := newClause(c.text[from:to], c.head && (c.of == "" || from == 0)) // behind a torn list of a thing's fields comes something else
	p.subject, p.torn = c.subject, true
	return p
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
	readings := []string{low}
	if c.subject != "" {
		readings = append(readings, withArticle(c.subject)+" "+pronoun.ReplaceAllString(low, ""))
	}
	for _, low := range readings {
		for _, p := range set {
			if p.headOnly && !c.head {
				continue
			}
			if m := p.re.FindStringSubmatch(low); m != nil {
				if facts, ok := p.read(x, m); ok && x.apply(facts) {
					x.used++
					return c.leftOver(facts), true
				}
			}
		}
	}
	return nil, false
}

// leftOver gives the items of a list that facts say are no fields.
func (c clause) leftOver(facts []fact) []clause {
	var rest []clause
	for _, f := range facts {
		if f.kind != "+left" {
			continue
		}
		for _, item := range f.list {
			if at := strings.Index(c.low, item); at >= 0 {
				rest = append(rest, c.part(at, at+len(item)))
			}
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
		case "+left":
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
		if f.kind == "+field" {
			x.described[f.e] = true
		}
	}
	return true
}

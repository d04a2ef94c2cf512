package blueprint

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

var (
	askRE  = `^(?:(?:please )?(?:can you |could you )?(?:i need|i want|i would like|i'd like|we'd like|we need|we want|give me|build|create|write|make|implement|develop|generate|design)(?: me| us)? )?(?:an? |the |some )?`
	before = `(?:[a-z0-9][a-z0-9+./'-]*,? ){0,6}?`
	behind = `(?:$|:|,| -| (?:with|using|in go|written|named|called|for|of|that|which|where|to|backed|powered|based)\b)`
	goals  = ` (?:that|which|for|to|with|in go)\b`
	headRE = []struct {
		kind, core string
		re         *regexp.Regexp
	}{
		{api, apiRE, regexp.MustCompile(askRE + `()` + adjectives + apiRE + `\b`)},
		{cli, cliRE, regexp.MustCompile(askRE + `()` + adjectives + cliRE + `\b`)},
		{library, libraryRE, regexp.MustCompile(askRE + `()` + adjectives + libraryRE + goals)},
		{library, libraryRE, regexp.MustCompile(askRE + `(` + before + `)(?:go|golang|generic|reusable|thread-safe|in-memory) ` + libraryRE + goals)},
		{api, apiRE, regexp.MustCompile(askRE + `(` + before + `)` + apiRE + behind)},
		{cli, cliRE, regexp.MustCompile(askRE + `(` + before + `)` + cliRE + behind)},
		{"", appRE, regexp.MustCompile(askRE + `(` + before + `)` + appRE + behind)},
	}
	connector = regexp.MustCompile(`^(?:(?:for|of|over)(?: (?:managing|keeping|tracking|storing|organi[sz]ing|catalogu?ing|recording|maintaining|handling))?|to (?:keep track of|manage|track|keep|store)|(?:where|(?:that|which) (?:lets?|allows?)) (?:me|us|you|users|people)(?: can| to)? (?:keep track of|manage|track|keep|store|save)|(?:that|which) (?:keeps track of|manages|keeps|stores|tracks|holds|records|handles)) (.+)$`)
	calledRE  = regexp.MustCompile(`,? (?:named|called) ([a-z][a-z0-9_-]*)\b`)
	inGo      = regexp.MustCompile(`,? ?(?:\b(?:written )?in (?:go|golang)\b)`)
)

// head says whether a sentence is the one that names the kind of project, and takes the kind.
func (x *reader) head(low, kind string) bool {
	for _, h := range headRE {
		m := h.re.FindStringSubmatch(low)
		if m == nil || slices.ContainsFunc(strings.Fields(m[1]), func(w string) bool { return slices.Contains(stopWords, w) && !joins(w) }) {
			continue
		}
		x.p.Kind, x.core = h.kind, h.core
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
	if m := calledRE.FindStringSubmatchIndex(low); m != nil {
		x.called = low[m[2]:m[3]]
		text, low = text[:m[0]]+text[m[1]:], low[:m[0]]+low[m[1]:]
	}
	end := strings.IndexAny(low, ":;")
	if dash := strings.Index(low, " - "); end < 0 && dash >= 0 {
		end = dash + 1
	}
	var rest []clause
	if end < 0 {
		end = len(low)
	} else {
		for _, part := range splitDepth0(text[end+1:], semicolon) {
			rest = append(rest, newClause(part, true))
		}
	}
	listed := end < len(low) && low[end] != ';'
	from, to, start := x.archetype(low[:end])
	x.nameWords = append(x.nameWords, newClause(text[from:to], false))
	what := newClause(text[start:end], true)
	var aside []clause
	if m := connector.FindStringSubmatchIndex(what.low); m != nil {
		what = what.part(m[2], m[3])
	} else if at := x.leadEnd(what.low); at > 0 { // a REST API with JWT for books
		lead := newClause(what.text[:at], !listed)
		m := connector.FindStringSubmatchIndex(what.low[at+1:])
		what = what.part(at+1+m[2], at+1+m[3])
		if nounPhrase(lead.low) && slices.Contains(generalNouns, lastWord(lead.low)) {
			x.nameWords = append(x.nameWords, lead)
		} else {
			aside = append(aside, lead)
		}
	} else if nounPhrase(trimArticle(what.low)) {
		x.nameWords = append(x.nameWords, what) // a CLI password manager
	}
	if at := withTail.FindStringIndex(what.low); listed && at != nil {
		what = what.part(0, at[0])
	}
	what, means := x.splitMeans(what, listed)
	what, strange := splitDemands(what)
	if listed {
		if of := x.listOf(what.low); len(rest) > 0 {
			rest[0].of = of
		}
	}
	if _, isPlural := singular(x.subject); isPlural && !listed && strings.HasPrefix(what.low, "with ") {
		what.of = x.listOf(x.subject) // a tasks API with title and tags
	}
	rest = slices.Concat(aside, strange, means, rest)
	if what.text == "" {
		x.used++
		if _, isPlural := singular(x.subject); isPlural && !listed {
			x.read(newClause(x.subject, true), structure) // a bookmarks API; a subject that is no thing stays one
		}
		return rest
	}
	return append(x.nameFrom(what, listed), rest...)
}

var connectors = regexp.MustCompile(` (?:for|that|which|to) `)

// leadEnd is where the words end that stand between the kind and what the project is for, or 0. A language is none of them.
func (x *reader) leadEnd(what string) int {
	if strings.HasPrefix(what, "in ") {
		return 0
	}
	for _, at := range connectors.FindAllStringIndex(what, -1) {
		if connector.MatchString(what[at[0]+1:]) {
			return at[0]
		}
	}
	return 0
}

var withTail = regexp.MustCompile(` ?(?:with|having|(?:that|which) have)(?: (?:the|these|its|following))*(?: ` + fieldsRE + `)?$`)

// listOf gives the thing whose fields a list behind the head may hold: contacts, a contact, or what an inventory keeps. "" if the
// head names none. A well-known thing is kept as headThing, whatever the list is.
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

var fillers = regexp.MustCompile(`(?: (?:management|manager|tracking|tracker|list|database|catalog|collection|directory))+$`)

var archetypes = func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for _, core := range []string{apiRE, cliRE, libraryRE, appRE} {
		all[core] = regexp.MustCompile(askRE + `(` + before + `)` + core + `(?:$|[ ,])`)
	}
	return all
}()

// archetype gives where the words end that name the kind of project, and which ones stand before them. Those name the subject: a
// todo API.
func (x *reader) archetype(head string) (from, to, end int) {
	cores := []string{apiRE, cliRE, libraryRE, appRE}
	if x.core != "" {
		cores = []string{x.core}
	}
	for _, core := range cores {
		m := archetypes[core].FindStringSubmatchIndex(head)
		if m != nil && (end == 0 || m[3] < to) {
			from, to, end = m[2], m[3], m[1]
		}
	}
	if end == 0 {
		end = len(asking.FindString(head))
		return end, end, end
	}
	var subject []string
	words := strings.Fields(head[from:to])
	for i, w := range words {
		certain := x.inDomain(w) || i == len(words)-1 || strings.Count(x.prompt, w) > 1 // a word that nothing else says is no part of a thing's name
		if certain && !joins(w) && !x.filler(w) && !isDemand(w) && w != "crud" && w != "in-memory" {
			subject = append(subject, w)
		}
	}
	x.subject = strings.Join(subject, " ")
	return from, to, end
}

var asking = regexp.MustCompile(askRE)

var withFields = regexp.MustCompile(`^(.+?),? (?:with|where|(?:that|which) have|that|which|and|,) (.+)$`)

// nameFrom reads the part behind "for": a subject (a lending library), or the things themselves (books and authors).
func (x *reader) nameFrom(c clause, hasList bool) []clause {
	subject := trimArticle(c.low)
	_, isPlural := singular(subject)
	if one := !isPlural && nounPhrase(subject); !hasList && !one {
		if rest, ok := x.read(c, structure); ok {
			return rest
		}
	}
	if nounPhrase(subject) && !hasList && x.subject != "" && isDemand(lastWord(subject)) {
		x.used++
		return []clause{c} // a contacts API for iOS: the contacts are used
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
		if _, isPlural := singular(x.subject); isPlural {
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

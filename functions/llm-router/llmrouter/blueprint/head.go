package blueprint

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

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
	connector = regexp.MustCompile(`^(?:(?:for|of|over)(?: (?:managing|keeping|tracking|storing))?|to (?:keep track of|manage|track|keep|store)|(?:where|(?:that|which) (?:lets?|allows?)) (?:me|us|you|users|people)(?: can| to)? (?:keep track of|manage|track|keep|store|save)|(?:that|which) (?:keeps track of|manages|keeps|stores|tracks|holds|records|handles)) (.+)$`)
	calledRE  = regexp.MustCompile(`,? (?:named|called) ([a-z][a-z0-9_-]*)\b`)
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
		if _, isPlural := singular(x.subject); isPlural && !listed {
			x.read(newClause(x.subject, true), structure) // a bookmarks API; a subject that is no thing stays one
		}
		return rest
	}
	return append(x.nameFrom(what, listed), rest...)
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

// strange takes the words out of the project's name that ask for another kind of program, and gives them as clauses.
func (x *reader) strange(head clause) []clause {
	var rest []clause
	for _, at := range headWord.FindAllStringIndex(head.low, -1) {
		if w := head.low[at[0]:at[1]]; slices.Contains(demands, w) {
			rest = append(rest, head.part(at[0], at[1]))
			x.subject = strings.Join(slices.DeleteFunc(strings.Fields(x.subject), func(s string) bool { return s == w }), " ")
		}
	}
	return rest
}

var headWord = regexp.MustCompile(`[a-z0-9-]+`)

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
	x.subject = strings.TrimSpace(leadingAdjectives.ReplaceAllString(subject+" ", ""))
	if end == 0 {
		end = len(asking.FindString(head))
	}
	return end
}

var leadingAdjectives = regexp.MustCompile(`^` + adjectives)

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

package blueprint

import (
	"regexp"
	"slices"
	"strings"
)

var nameWord = regexp.MustCompile(`[a-z0-9][a-z0-9+./'-]*`)

// joins says whether a word only joins others.
func joins(w string) bool { return slices.Contains([]string{"and", "or", "but", "yet"}, w) }

// filler says whether a word in front of the kind of project says nothing, or what every project of the kind is.
func (x *reader) filler(w string) bool {
	if w == "web" && x.core == appRE {
		return false // a web app has pages
	}
	return slices.Contains(nameFillers, w) || slices.Contains(strings.Fields(nameFillersOf[x.p.Kind]), w)
}

// inDomain says whether a word of the project's name says what it is about: a thing that it keeps or a well-known one, or a domain.
func (x *reader) inDomain(w string) bool {
	one, _ := singular(w)
	if slices.ContainsFunc(x.p.Entities, func(e *entity) bool { return slices.Contains(strings.Fields(e.Word), one) || e.field(w) != nil }) {
		return true
	}
	_, known := wellKnown[one]
	if known || subjects[w] != "" || slices.Contains(domains, one) || slices.Contains(domains, w) || slices.Contains(gerunds, w) || slices.Contains(generalNouns, w) {
		return true
	}
	parts := strings.Split(w, "-")
	return len(parts) > 1 && !slices.ContainsFunc(parts, func(part string) bool { return !x.inDomain(part) })
}

// nameUnused gives the words of the project's name that nothing comes of, neighbours together: they are neither fillers, nor do they
// name a thing or a domain, nor a quality that the project has. It reads with the things known, and takes such words out of the name.
func (x *reader) nameUnused() []clause {
	var rest []clause
	for _, name := range x.nameWords {
		from, to := -1, 0
		flush := func() {
			if from >= 0 {
				rest = append(rest, name.part(from, to))
			}
			from = -1
		}
		for _, at := range nameWord.FindAllStringIndex(name.low, -1) {
			w := name.low[at[0]:at[1]]
			if joins(w) {
				continue
			}
			if x.filler(w) || slices.Contains([]string{"a", "an", "the", "my", "our"}, w) || x.inDomain(w) || x.says(w) {
				flush()
				continue
			}
			if from < 0 {
				from = at[0]
			}
			to = at[1]
			x.subject = strings.Join(slices.DeleteFunc(strings.Fields(x.subject), func(s string) bool { return s == w && !slices.Contains(behaviours, w) }), " ")
		}
		flush()
	}
	return rest
}

// says reads a word in front of the kind as a rule: a CRUD API, a thread-safe library.
func (x *reader) says(w string) bool {
	_, ok := x.read(newClause(w, false), rules)
	return ok
}

var (
	demandForm = regexp.MustCompile(`^(?:\w{3,}ed|\w{2,}ing|\w{4,}[ai]ble|\w{4,}tive|\w{2,}ly)$`)
	demandPair = regexp.MustCompile(`^\w{3,}ed-|-(?:only|first|native|performance|time|tenant|ready|safe|free|friendly|aware|compatible|compliant|like|\w+ed|\w+ing|\w+able)$`)
)

// isDemand says whether a word in front of a thing asks for what no project here does with it: encrypted notes, exporting contacts.
func isDemand(w string) bool {
	_, known := wellKnown[w]
	ordinary := known || slices.Contains(harmless, w) || slices.Contains(gerunds, w) || slices.Contains(nounsInIng, w) || slices.Contains(nameFillers, w)
	return slices.Contains(demands, w) || demandPair.MatchString(w) || !ordinary && demandForm.MatchString(w)
}

// splitDemands takes the demands out of what a head names, up to where it says more about it, and gives them as clauses.
func splitDemands(c clause) (clause, []clause) {
	var strange []clause
	text := c.text
	words := nameWord.FindAllStringIndex(c.low, -1)
	last := len(words)
	for i, at := range words {
		if w := c.low[at[0]:at[1]]; slices.Contains(stopWords, w) && !joins(w) && trimArticle(w+" x") != "x" || at[0] > 0 && c.low[at[0]-1] == '(' || w == "having" || w == "where" {
			last = i
			break
		}
	}
	for i := last - 1; i >= 0; i-- {
		at := words[i]
		if i+1 == last || !isDemand(c.low[at[0]:at[1]]) {
			continue
		}
		next := c.low[words[i+1][0]:words[i+1][1]]
		if between := c.low[at[1]:words[i+1][0]]; between != " " && (between != ", " || !isDemand(next)) || joins(next) || slices.Contains(features, next) {
			continue // JWT auth is no thing as a whole
		}
		strange = append([]clause{c.part(at[0], at[1])}, strange...)
		text = text[:at[0]] + text[words[i+1][0]:]
	}
	if strange == nil {
		return c, nil
	}
	return newClause(text, c.head), strange
}

var (
	meansRE = regexp.MustCompile(`^(.+?),? ((?:using|via|backed by|powered by|based on|on top of|built (?:on|with)|stored in|without|\w{3,}ed (?:with|by|via|using|in|on|at|through|against)|(?:that|which) (?:is|are)) .+|\(.+\))$`)
	withRE  = regexp.MustCompile(`^(.+?),? with (.+)$`)
)

// splitMeans takes off what a head says behind its things about how they are kept: books, backed by PostgreSQL. What stands behind "with"
// in front of a list is no field, since the list has those: books with JWT: title, author.
func (x *reader) splitMeans(c clause, listed bool) (clause, []clause) {
	if with, ok := strings.CutPrefix(c.low, "with "); ok && listed && x.subject != "" {
		if word, ok := x.newThing(with); !ok || wellKnown[word] == "" {
			return newClause("", true), []clause{newClause(c.text[len("with "):], false)} // a books API with paging: title
		}
	}
	m := meansRE.FindStringSubmatchIndex(c.low)
	if m == nil && listed {
		if m = withRE.FindStringSubmatchIndex(c.low); m != nil {
			word, ok := x.newThing(c.low[m[4]:m[5]])
			if _, known := wellKnown[word]; ok && known {
				return c, nil // orders with customers
			}
		}
	}
	if m != nil && !listed && c.low[m[4]] == '(' {
		return c, nil // contacts (name, fax)
	}
	if m == nil || !nounPhrase(trimArticle(c.low[m[2]:m[3]])) {
		return c, nil
	}
	return newClause(c.text[m[2]:m[3]], c.head), []clause{newClause(strings.Trim(c.text[m[4]:m[5]], "()"), false)}
}

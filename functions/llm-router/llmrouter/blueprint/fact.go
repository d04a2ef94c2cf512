package blueprint

import (
	"regexp"
	"slices"
	"strings"
)

// fact is one thing that the project does. A fact is what one requirement of the FRD says: sentence writes it down, and
// readFact reads it back, so that the stages after the FRD know exactly what the prompt's reader knew.
type fact struct {
	kind    string
	id      string // of the requirement; empty until the FRD is read back
	assumed bool   // the prompt does not say so
	e, to   string // things: the one it is about, and the one it points to; singular words
	f, from string // fields of e, in snake_case
	list    []string
	n       float64
	unit    string // of n: minute, hour, day, week, or the period of a limit
}

// form is the sentence of a kind of fact. {E} and {T} are the things e and to (a: with article, s: plural, N: singular or plural as n asks),
// {F} and {G} the fields f and from, {L} the list, {O} a list of operations, {n} and {U} number and unit.
type form struct {
	kind, text string
	re         *regexp.Regexp
}

var forms = []*form{
	{kind: "crud", text: "{Es} can be {O}."},
	{kind: "belongs", text: "{aE} names {aT} that exists."},
	{kind: "restrict", text: "{aT} that {Es} name cannot be deleted."},
	{kind: "required", text: "{aE} must have: {L}."},
	{kind: "unique", text: "No two {Es} have the same {F}."},
	{kind: "email", text: "The {F} of {aE} is an email address."},
	{kind: "date", text: "The {F} of {aE} is a date, written YYYY-MM-DD."},
	{kind: "min", text: "The {F} of {aE} is at least {n}."},
	{kind: "max", text: "The {F} of {aE} is at most {n}."},
	{kind: "maxlen", text: "The {F} of {aE} has at most {n} characters."},
	{kind: "oneof", text: "The {F} of {aE} is one of: {L}."},
	{kind: "default", text: "The {F} of {aE} is {L} when not given."},
	{kind: "stamp", text: "The {F} of {aE} is the time at which it is created."},
	{kind: "derive", text: "The {F} of {aE} is {n} {U} after its {G}."},
	{kind: "order", text: "The {F} of {aE} is later than its {G}."},
	{kind: "notpast", text: "The {F} of {aE} is not in the past when it is set."},
	{kind: "limit open", text: "{aT} has at most {n} open {EN}."},
	{kind: "limit period", text: "{aT} has at most {n} {EN} a {U}, counted by {F} in UTC."},
	{kind: "limit", text: "{aT} has at most {n} {EN}."},
	{kind: "total open", text: "There are at most {n} open {EN}."},
	{kind: "total", text: "There are at most {n} {EN}."},
	{kind: "overlap", text: "Two {Es} of one {T} do not overlap in time."},
	{kind: "act", text: "{aE} is open until the operation {L}, which sets {F} and works once."},
	{kind: "overdue", text: "Open {Es} past their {F} can be listed."},
	{kind: "filter", text: "The list of {Es} can be narrowed by {L}."},
	{kind: "search", text: "{Es} can be searched by a text in {L}."},
	{kind: "sort", text: "{Es} are listed in the order of {F}."},
	{kind: "paging", text: "Lists come in pages: limit is 1 to 200 and 50 when not given, offset is 0 when not given."},
	{kind: "persist", text: "All data survives a restart: a change replaces the data file as a whole or not at all."},
	{kind: "textlimit", text: "A text has at most {n} characters unless another limit is stated."},
	{kind: "strict", text: "A request body is one JSON object of known fields with at most 1 MiB."},
	{kind: "problem", text: "Every error is answered as application/problem+json with a fitting status and the wrong fields."},
	{kind: "shutdown", text: "On SIGINT or SIGTERM the server finishes the requests it has and stops."},
	{kind: "exit", text: "The tool exits with 0 on success, 1 when a command fails and 2 when it is used wrongly, and says why on standard error."},
	{kind: "concurrent", text: "The collection can be used by several goroutines at once."},
}

// constant says whether every project of a type has it: a quality rather than a function.
func constant(kind string) bool {
	return slices.Contains([]string{"paging", "persist", "textlimit", "strict", "problem", "shutdown", "exit", "concurrent"}, kind)
}

var placeholder = regexp.MustCompile(`\\\{(\w+)\\\}`) // as QuoteMeta leaves it

const wordsRE = `[a-z][a-z0-9]*(?: [a-z0-9]+){0,3}`

func init() {
	patterns := map[string]string{
		"E": wordsRE, "aE": `an? ` + wordsRE, "Es": wordsRE, "EN": wordsRE, "T": wordsRE, "aT": `an? ` + wordsRE, "Ts": wordsRE,
		"F": `[a-z][a-z0-9_]*`, "G": `[a-z][a-z0-9_]*`, "L": `[a-z0-9][a-z0-9_ -]*(?:(?:, | and )[a-z0-9][a-z0-9_ -]*)*`, "O": `(?:created|read|listed|changed|deleted)(?:(?:, | and )(?:created|read|listed|changed|deleted))*`, "n": `-?[0-9.]+`, "U": `[a-z]+`,
	}
	for _, f := range forms {
		expr := placeholder.ReplaceAllStringFunc(regexp.QuoteMeta(f.text), func(s string) string {
			name := s[2 : len(s)-2]
			return `(?P<` + name + `>` + patterns[name] + `)`
		})
		f.re = regexp.MustCompile(`(?i)^` + expr + `$`)
	}
}

func formOf(kind string) *form {
	for _, f := range forms {
		if f.kind == kind {
			return f
		}
	}
	panic("blueprint: no form for " + kind) // kinds are written in this package only
}

// sentence is the fact in words.
func (f fact) sentence() string {
	unit := f.unit
	if f.kind == "derive" && f.n != 1 {
		unit += "s"
	}
	number := plural(f.e)
	if f.n == 1 {
		number = f.e
	}
	return capital(strings.NewReplacer("{E}", f.e, "{aE}", withArticle(f.e), "{Es}", plural(f.e), "{EN}", number, "{T}", f.to, "{aT}", withArticle(f.to),
		"{Ts}", plural(f.to), "{F}", f.f, "{G}", f.from, "{L}", strings.Join(f.list, ", "), "{O}", enumerate(f.list, "and"), "{n}", formatNumber(f.n), "{U}", unit).Replace(formOf(f.kind).text))
}

// readFact reads a sentence back. known are the things of the project, in singular; a sentence about another thing is none.
func readFact(text string, known []string) (fact, bool) {
	text = strings.Join(strings.Fields(text), " ")
	for _, form := range forms {
		m := form.re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		f, ok := fact{kind: form.kind}, true
		thing := func(s string) string {
			s = strings.ToLower(s)
			for _, k := range known {
				if s == k || s == plural(k) || s == withArticle(k) {
					return k
				}
			}
			ok = false
			return ""
		}
		for i, name := range form.re.SubexpNames() {
			switch v := strings.ToLower(m[i]); name {
			case "E", "aE", "Es", "EN":
				f.e = thing(v)
			case "T", "aT", "Ts":
				f.to = thing(v)
			case "F":
				f.f = v
			case "G":
				f.from = v
			case "L", "O":
				f.list = strings.FieldsFunc(strings.ReplaceAll(v, " and ", ", "), func(r rune) bool { return r == ',' })
				for i := range f.list {
					f.list[i] = strings.TrimSpace(f.list[i])
				}
			case "n":
				f.n, ok = number(v)
			case "U":
				f.unit = strings.TrimSuffix(v, "s")
			}
			if !ok {
				break
			}
		}
		if ok && strings.EqualFold(f.sentence(), text) {
			return f, true
		}
	}
	return fact{}, false
}

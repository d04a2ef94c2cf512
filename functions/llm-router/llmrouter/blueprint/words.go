package blueprint

import (
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var irregular = map[string]string{
	"person": "people", "child": "children", "man": "men", "woman": "women", "foot": "feet", "shelf": "shelves",
	"movie": "movies", "calorie": "calories", "cache": "caches", "niche": "niches", "cookie": "cookies", "shoe": "shoes", "bus": "buses", "menu": "menus", "status": "statuses", "staff": "staff",
	"equipment": "equipment", "series": "series", "matrix": "matrices", "vertex": "vertices", "index": "indexes",
}

var singularOf = func() map[string]string {
	m := map[string]string{}
	for s, p := range irregular {
		m[p] = s
	}
	return m
}()

// plural gives the plural of an English noun phrase: its last word changes.
func plural(phrase string) string {
	head, w := cutLast(phrase)
	switch p, ok := irregular[w]; {
	case ok:
		return head + p
	case len(w) > 1 && strings.HasSuffix(w, "y") && !strings.ContainsRune("aeiou", rune(w[len(w)-2])):
		return head + w[:len(w)-1] + "ies"
	case hasSuffix(w, "s", "x", "z", "ch", "sh"):
		return head + w + "es"
	}
	return phrase + "s"
}

// singular undoes plural. ok says whether the phrase is a plural at all.
func singular(phrase string) (one string, ok bool) {
	head, w := cutLast(phrase)
	if s, known := singularOf[w]; known {
		return head + s, true
	}
	one = strings.TrimSuffix(w, "s")
	switch {
	case hasSuffix(w, "ss", "us", "is") || len(w) < 3:
		return phrase, false
	case strings.HasSuffix(w, "ies"):
		one = strings.TrimSuffix(w, "ies") + "y"
	case hasSuffix(w, "sses", "shes", "ches", "xes"):
		one = strings.TrimSuffix(w, "es")
	}
	if one != w && plural(one) == w {
		return head + one, true
	}
	return phrase, false
}

func cutLast(phrase string) (head, last string) {
	i := strings.LastIndexByte(phrase, ' ') + 1
	return phrase[:i], phrase[i:]
}

func hasSuffix(s string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(s, suffix) })
}

// withArticle puts "a" or "an" in front.
func withArticle(phrase string) string {
	if phrase != "" && strings.ContainsRune("aeiou", rune(phrase[0])) && !strings.HasPrefix(phrase, "user") && !strings.HasPrefix(phrase, "uni") {
		return "an " + phrase
	}
	return "a " + phrase
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

var initialisms = []string{"id", "isbn", "sku", "url", "uri", "ip", "vat", "iban", "uuid", "gps", "api"}

// goName is a phrase or a snake_case name as an exported Go identifier.
func goName(phrase string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(phrase, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if slices.Contains(initialisms, w) {
			b.WriteString(strings.ToUpper(w))
		} else {
			b.WriteString(capital(w))
		}
	}
	return b.String()
}

// taken are identifiers that the templates use where there are local variables or methods named after entities.
var taken = strings.Fields("any api append app bool bytes cap cli clear close cmp commands context copy count data decode domain err error errors f false fail file filter fixture flag fmt found " +
	"handle handler help http httpapi id in input int int64 io iota json len list log mail make maps math max min net new nil notFound now object ok os page parse path pathID print problem " +
	"query quiet read recover refusal respond result run send serve service slices slog slot sort store strconv string strings svc sync t tabwriter test testing text time tool true " +
	"unicode update url usage utf8 view violations when write wrong")

// varName is a phrase as a local Go variable.
func varName(phrase string) string {
	name := goName(phrase)
	i := 0
	for i < len(name) && unicode.IsUpper(rune(name[i])) {
		i++
	}
	if i > 1 && i < len(name) {
		i--
	}
	name = strings.ToLower(name[:i]) + name[i:]
	if token.IsKeyword(name) || slices.Contains(taken, name) || len(name) < 2 {
		name += "Record"
	}
	return name
}

// snake is a phrase as it stands in JSON, and in sentences about fields.
func snake(phrase string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(phrase), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "_")
}

var numberWords = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")

var tens = map[string]int{"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "hundred": 100, "a hundred": 100, "one hundred": 100, "a thousand": 1000}

// number matches what number reads.
const numberRE = `(-?\d+(?:[.,]\d+)*|[a-z]+(?: hundred| thousand)?)`

// number reads a number in digits or words.
func number(s string) (float64, bool) {
	if i := slices.Index(numberWords, s); i >= 0 {
		return float64(i), true
	}
	if n, ok := tens[s]; ok {
		return float64(n), true
	}
	if m := thousands.FindString(s); m == s && s != "" {
		s = strings.ReplaceAll(s, ",", "")
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n > 1e12 || n < -1e12 || n != n || !plainNumber.MatchString(s) {
		return 0, false
	}
	return n, true
}

var (
	thousands   = regexp.MustCompile(`^\d{1,3}(?:,\d{3})+`)
	plainNumber = regexp.MustCompile(`^-?\d+(?:\.\d{1,4})?$`)
)

func formatNumber(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// enumerate is a list as prose: a, b and c.
func enumerate(words []string, conjunction string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + conjunction + " " + words[len(words)-1]
}

// participles that no rule gives; the verb's own form is the key.
var irregularParticiple = map[string]string{"pay": "paid", "send": "sent", "lend": "lent", "submit": "submitted", "ship": "shipped", "cancel": "cancelled", "do": "done", "done": "done", "sell": "sold"}

// participle of a verb: close, closed.
func participle(verb string) string {
	if p, ok := irregularParticiple[verb]; ok {
		return p
	}
	switch {
	case strings.HasSuffix(verb, "e"):
		return verb + "d"
	case len(verb) > 1 && strings.HasSuffix(verb, "y") && !strings.ContainsRune("aeiou", rune(verb[len(verb)-2])):
		return verb[:len(verb)-1] + "ied"
	}
	return verb + "ed"
}

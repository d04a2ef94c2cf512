package blueprint

import (
	"regexp"
	"slices"
	"strings"
)

// splitDepth0 cuts at separators that stand outside of parentheses.
func splitDepth0(s string, sep *regexp.Regexp) []string {
	var parts []string
	from := 0
	for _, at := range sep.FindAllStringIndex(s, -1) {
		if strings.Count(s[:at[0]], "(") != strings.Count(s[:at[0]], ")") || at[0] < from {
			continue
		}
		parts = append(parts, s[from:at[0]])
		from = at[1]
	}
	return append(parts, s[from:])
}

var (
	comma = regexp.MustCompile(`,? and |,? or |, `)
	// fieldComma is what stands between fields: those of a thing are never joined by or.
	fieldComma = regexp.MustCompile(`,? and |, `)
	fieldItem  = regexp.MustCompile(`^(?:(?:an?|the|its|their|and) )?((?:unique |required |mandatory |optional )*)([a-z][a-z0-9_]*(?:[ -][a-z0-9_]+){0,3})(?:: ?([a-z]+))?(?: \(([^()]*)\))?$`)
	// fieldsLead are the words that say that fields follow.
	fieldsLead = regexp.MustCompile(`^(?:(?:the|these|its|following) )*` + fieldsRE + `(?: like| such as| named| called| including)?:? `)
)

const fieldsRE = `(?:fields|attributes|properties|columns)`

// maxFields is how many fields a thing may have.
const maxFields = 24

// fieldList reads "a name (required), a unique email and a priority (low, medium, high)" as fields of e and the facts about
// them. An item that is no field is left over, in a fact of the kind +left, where most are and the list begins with one;
// else nothing is read.
func fieldList(e, list string) ([]fact, bool) {
	list = fieldsLead.ReplaceAllString(list, "")
	written := map[string]string{} // limits as they stand in the prompt
	bracket := func(limit *regexp.Regexp, as string) {
		list = limit.ReplaceAllStringFunc(list, func(s string) string {
			b := limit.ReplaceAllString(s, as)
			written[b] = strings.TrimSpace(s)
			return " " + b
		})
	}
	bracket(trailingRange, "($1-$2)")
	bracket(trailingLength, "(at most $1 characters)")
	var facts []fact
	left := fact{kind: "+left", e: e}
	known := 0
	for i, item := range splitDepth0(list, fieldComma) {
		item = strings.TrimSpace(item)
		more, ok := readField(e, item)
		switch {
		case ok:
			known++
			for _, f := range more {
				if s := written[strings.Join(f.list, "")]; f.kind == "+aside" && s != "" {
					f.list = []string{s}
				}
				facts = append(facts, f)
			}
		case i > 0 && isName(item):
			left.list = append(left.list, item)
		default:
			return nil, false
		}
	}
	if left.list != nil {
		facts = append(facts, left)
	}
	return facts, known > len(left.list)
}

// isName says whether an item of a list could be meant as a name: up to four words, whatever their letters, and none of grammar.
func isName(item string) bool {
	words := strings.FieldsFunc(item, func(r rune) bool { return r == ' ' || r == '-' })
	return len(words) > 0 && !strings.ContainsAny(item, "():") && len(words) <= 4 && operationOf[words[0]] == "" && !slices.Contains(closings, words[0]) &&
		!slices.ContainsFunc(words, func(w string) bool { return slices.Contains(stopWords, w) })
}

// readField reads one item of a list of fields. An ID gives no facts, since every record has one: a number that counts up. What the
// item says beyond what can be had is left over, and the field kept.
func readField(e, item string) ([]fact, bool) {
	m := fieldItem.FindStringSubmatch(item)
	if m == nil {
		return nil, false
	}
	words, written, adjectives := m[2], m[3], m[1]
	if at := trailingAdjective.FindStringIndex(words); at != nil {
		words, adjectives = words[:at[0]], adjectives+words[at[0]:] // email unique
	}
	if i := strings.LastIndexByte(words, ' '); written == "" && i > 0 && slices.Contains(codeTypes, words[i+1:]) {
		words, written = words[:i], words[i+1:] // nickname string
	}
	name, typ, ok := fieldName(words)
	kind, _, _ := strings.Cut(m[4], ",")
	switch {
	case slices.Contains(codeTypes, name) || isPlural(words) && written == "" && typeWords[kind] == "":
		return nil, false
	case !ok || slices.Contains(notFields, name) || slices.Contains(features, name[strings.LastIndexByte(name, '_')+1:]) || strings.HasSuffix(name, "ing") && !slices.Contains(nounsInIng, name[strings.LastIndexByte(name, '_')+1:]):
		return nil, false
	case name == "id" && (written == "" || typeWords[written] == integer):
		return idIs(e, m[4]), true
	case name == "id" || idTypes.MatchString(name):
		return []fact{{kind: "+aside", e: e, list: []string{item}}}, true
	case slices.Contains(reserved, name):
		return nil, false
	case written != "" && typeWords[written] == "":
		return nil, false
	case written != "":
		typ = typeWords[written]
	}
	if written != "" || typeWords[kind] != "" {
		name = statedName(words) // a price that is to be a number is none in cents
	}
	more := qualify(e, name, &typ, m[4])
	for _, adjective := range strings.Fields(adjectives) {
		if f, ok := flag(e, name, typ, adjective); ok {
			more = append(more, f)
		} else {
			more = append(more, fact{kind: "+aside", e: e, list: []string{adjective}})
		}
	}
	if name == "created_at" && typ == timestamp {
		more = append(more, fact{kind: "stamp", e: e, f: name})
	}
	return append([]fact{{kind: "+field", e: e, f: name, unit: typ}}, more...), true
}

// statedName is the name of a field as it is written: without the unit that fieldName adds where the prompt states no type.
func statedName(words string) string { return snake(eMail.ReplaceAllString(words, "email")) }

// fieldName gives the JSON name and the type of a field from its words.
func fieldName(words string) (name, typ string, ok bool) {
	parts := strings.FieldsFunc(eMail.ReplaceAllString(words, "email"), func(r rune) bool { return r == ' ' || r == '-' || r == '_' })
	for i, w := range parts {
		if !strings.Contains(words, "_") && slices.Contains(stopWords, w) && (w != "of" || i == 0 || i == len(parts)-1) && (w != "at" || i == 0) && (w != "is" || i > 0 || len(parts) == 1) {
			return "", "", false
		}
	}
	last := parts[len(parts)-1]
	of := len(parts) > 2 && parts[1] == "of" // date of birth, number of rooms
	name, typ = statedName(words), fieldTypes[last]
	if typ == "" && of {
		typ = fieldTypes[parts[0]]
	}
	if typ == boolean && len(parts) > 1 {
		typ = "" // the price paid is no yes or no
	}
	switch {
	case slices.Contains(moneyWords, last) || last == "paid" && len(parts) > 1 && slices.Contains(moneyWords, parts[len(parts)-2]):
		typ = integer
		name += "_cents"
	case slices.Contains(durationWords, last):
		name += "_seconds"
	case last == "time" && len(parts) > 1 && slices.Contains(activities, parts[len(parts)-2]):
		name, typ = name+"_minutes", integer
	case last == "at" && len(parts) > 1:
		typ = timestamp
	case slices.Contains(counts, last):
		typ = integer
	case last == "number" && len(parts) > 1 && !slices.Contains(ordinals, parts[len(parts)-2]):
		typ = text // a phone number is none to reckon with
	case last == "address" && len(parts) > 1 && parts[len(parts)-2] == "email":
		typ = email
	case len(parts) > 1 && slices.Contains([]string{"is", "has", "in", "can"}, parts[0]):
		typ = boolean
	case typ == "":
		typ = text
	}
	return name, typ, true
}

// isPlural says whether words name several values, which a field cannot hold, rather than a number of things or a text.
func isPlural(words string) bool {
	parts := strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '-' || r == '_' })
	last := parts[len(parts)-1]
	_, plural := singular(last)
	if first, many := singular(parts[0]); many && len(parts) > 1 && slices.Contains(choiceWords, first) {
		return true // roles admin and user
	}
	return plural && !(len(parts) > 2 && parts[1] == "of") && !slices.Contains(pluralFields, last) && !slices.Contains(counts, last)
}

var eMail = regexp.MustCompile(`\be[ -]?mail\b`)

var trailingAdjective = regexp.MustCompile(` (?:unique|required|mandatory|optional)$`)

// Limits that stand behind a field without parentheses.
var (
	trailingRange  = regexp.MustCompile(` (?:between|from) (\d+) (?:and|to) (\d+)\b`)
	trailingLength = regexp.MustCompile(` of (?:at most|up to) (\d+) characters\b`)
)

var (
	rangeRE = regexp.MustCompile(`^(?:from |between )?(-?[\d.]+) ?(?:-|to|and|\.\.) ?(-?[\d.]+)$`)
	charsRE = regexp.MustCompile(`^(?:at most|up to|max(?:imum)?|no more than) ([\d,]+) (?:characters|chars|letters)$`)
	valueRE = regexp.MustCompile(`^[a-z0-9]+(?:[ _-][a-z0-9]+){0,2}$`)
)

var typeWords = map[string]string{
	"text": text, "string": text, "str": text, "integer": integer, "int": integer, "whole number": integer, "number": decimal, "decimal": decimal, "float": decimal, "double": decimal,
	"boolean": boolean, "bool": boolean, "yes or no": boolean, "date": date, "timestamp": timestamp, "time": timestamp, "date and time": timestamp, "datetime": timestamp, "email": email,
	"seconds": integer, "minutes": integer, "hours": integer, "days": integer, "years": integer, "kg": decimal, "cm": decimal, "km": decimal,
}

// codeTypes are types as programmers write them behind a name.
var codeTypes = strings.Fields("string str int integer bool boolean float double datetime")

// idTypes match an ID with the type of one that does not count up.
var idTypes = re(`id_(?:uuid|guid|ulid|slug)`)

// idQualities hold for the ID of every record.
var idQualities = re(`unique|required|mandatory|integer|int|number|primary key|pk|auto|generated|auto[- ]?(?:generated|increment(?:ed|ing)?)|assigned by the server|read[- ]only`)

// idIs gives what stands in brackets behind an ID as left over unless all of it holds.
func idIs(e, bracket string) []fact {
	if bracket == "" || !slices.ContainsFunc(comma.Split(bracket, -1), func(q string) bool { return !idQualities.MatchString(q) }) {
		return nil
	}
	return []fact{{kind: "+aside", e: e, list: []string{"(" + bracket + ")"}}}
}

var (
	oneWord   = strings.NewReplacer("yes or no", "boolean", "yes/no", "boolean", "true or false", "boolean", "true/false", "boolean", "date and time", "datetime")
	defaultRE = regexp.MustCompile(`^(?:defaults? (?:is |to )?|by default )(.+)$|^(.+?) (?:by|as) default$`)
	// grammar are words that a value of a field does not hold.
	grammar = regexp.MustCompile(`\b(?:an?|the|is|are|be|by|which|that|with|from|for|only|must|as)\b`)
	// noValues are what a program does with a field.
	noValues = strings.Fields("searchable sortable filterable nullable editable immutable indexed hashed salted encrypted readonly read-only hidden validated translated localized localised secret sensitive")
	// scales are fields that a range makes numbers.
	scales = strings.Fields("grade level priority difficulty severity rank importance urgency stars")
)

// flag reads a word that says how a field must be given. ok is false where the field's type has no such rule.
func flag(e, name, typ, word string) (f fact, ok bool) {
	switch word {
	case "unique":
		return fact{kind: "unique", e: e, f: name}, typ != boolean && typ != decimal
	case "optional":
		return fact{kind: "+optional", e: e, f: name}, true
	}
	return fact{kind: "required", e: e, list: []string{name}}, typ != boolean
}

// bracket is what stands in parentheses behind a field, by what its parts may say.
type bracket struct {
	flags, ranges, values, others []string
	preset                        string // default, or ""
}

// readBracket sorts the parts of a bracket. values are those that may be the field's, if it has a few.
func readBracket(words string) (b bracket) {
	for _, q := range comma.Split(choiceOf.ReplaceAllString(oneWord.Replace(strings.ReplaceAll(words, ";", ",")), ""), -1) {
		q = strings.TrimSpace(q)
		switch {
		case slices.Contains([]string{"unique", "required", "mandatory", "optional"}, strings.TrimPrefix(q, "must be ")):
			b.flags = append(b.flags, q)
		case rangeRE.MatchString(q) || charsRE.MatchString(q):
			b.ranges = append(b.ranges, q)
		case defaultRE.MatchString(q) && b.preset == "":
			b.preset = q
		case valueRE.MatchString(q) && !grammar.MatchString(q) && !slices.Contains(noValues, q) && !slices.Contains(b.values, q):
			b.values = append(b.values, q)
		default:
			b.others = append(b.others, q)
		}
	}
	return b
}

// qualify reads what stands in parentheses behind a field: types, required, unique, ranges, defaults, or the field's values, if it is one
// that has a few or the list begins with "one of". What it does not understand, or what the field's type cannot have, is in a fact
// of the kind +aside: the whole bracket, or else each part.
func qualify(e, name string, typ *string, words string) []fact {
	if words == "" {
		return nil
	}
	b := readBracket(words)
	left := b.others
	var facts []fact
	var oneof []string
	typed := false
	if choice := slices.Contains(choiceWords, name[strings.LastIndexByte(name, '_')+1:]) || choiceOf.MatchString(words); choice && len(b.values) > 1 {
		*typ = text
		for _, q := range b.values {
			oneof = append(oneof, strings.ReplaceAll(q, " ", "_"))
		}
		facts = append(facts, fact{kind: "oneof", e: e, f: name, list: oneof})
	} else {
		for _, q := range b.values {
			if typeWords[q] == "" {
				left = append(left, q)
			} else {
				*typ, typed = typeWords[q], true
			}
		}
	}
	for _, q := range b.flags {
		word := strings.TrimPrefix(q, "must be ")
		if f, ok := flag(e, name, *typ, word); ok && (word != "unique" || oneof == nil) {
			facts = append(facts, f)
		} else {
			left = append(left, q)
		}
	}
	for _, q := range b.ranges {
		more, ok := limits(e, name, typ, q)
		if !ok || oneof != nil {
			left = append(left, q)
			continue
		}
		facts = append(facts, more...)
	}
	if m := defaultRE.FindStringSubmatch(b.preset); m != nil {
		if v := strings.ReplaceAll(m[1]+m[2], " ", "_"); slices.Contains(oneof, v) {
			facts = append(facts, fact{kind: "default", e: e, f: name, list: []string{v}})
		} else {
			left = append(left, b.preset)
		}
	}
	if len(left) == 0 {
		return facts
	}
	if len(facts) == 0 && !typed || slices.ContainsFunc(left, func(q string) bool { return !strings.Contains(words, q) }) {
		left = []string{"(" + words + ")"}
	}
	return append(facts, fact{kind: "+aside", e: e, list: left})
}

// limits reads a range of numbers, or a greatest length of a text. ok is false where the field's type has none.
func limits(e, name string, typ *string, q string) (facts []fact, ok bool) {
	if c := charsRE.FindStringSubmatch(q); c != nil {
		n, ok := number(c[1])
		if !ok || *typ != text {
			return nil, false
		}
		return []fact{{kind: "maxlen", e: e, f: name, n: n}}, true
	}
	m := rangeRE.FindStringSubmatch(q)
	low, ok1 := number(m[1])
	high, ok2 := number(m[2])
	if *typ == text && slices.Contains(scales, name[strings.LastIndexByte(name, '_')+1:]) {
		*typ = integer
	}
	if !ok1 || !ok2 || low > high || *typ != integer && *typ != decimal {
		return nil, false
	}
	return []fact{{kind: "min", e: e, f: name, n: low}, {kind: "max", e: e, f: name, n: high}}, true
}

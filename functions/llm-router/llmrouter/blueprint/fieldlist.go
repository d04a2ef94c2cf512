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
	comma     = regexp.MustCompile(`,? and |,? or |, `)
	fieldItem = regexp.MustCompile(`^(?:an? |the |its |their )?((?:unique |required |mandatory |optional )*)([a-z][a-z0-9_]*(?:[ -][a-z0-9_]+){0,3})(?: \(([^()]*)\))?$`)
)

// fieldList reads "a name (required), a unique email and a priority (low, medium, high)" as fields of e and the facts about
// them. Either every item is understood or none.
func fieldList(e, list string) ([]fact, bool) {
	list = trailingRange.ReplaceAllString(list, " ($1-$2)")
	list = trailingLength.ReplaceAllString(list, " (at most $1 characters)")
	var facts []fact
	for _, item := range splitDepth0(list, comma) {
		m := fieldItem.FindStringSubmatch(strings.TrimSpace(item))
		if m == nil {
			return nil, false
		}
		name, typ, ok := fieldName(m[2])
		if !ok {
			return nil, false
		}
		more, ok := qualify(e, name, &typ, m[3])
		if !ok {
			return nil, false
		}
		if name == "id" {
			continue // every record has one
		}
		for _, adjective := range strings.Fields(m[1]) {
			switch adjective {
			case "unique":
				more = append(more, fact{kind: "unique", e: e, f: name})
			case "required", "mandatory":
				more = append(more, fact{kind: "required", e: e, list: []string{name}})
			}
		}
		facts = append(facts, fact{kind: "+field", e: e, f: name, unit: typ})
		facts = append(facts, more...)
	}
	return facts, len(facts) > 0
}

// fieldName gives the JSON name and the type of a field from its words.
func fieldName(words string) (name, typ string, ok bool) {
	parts := strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '-' || r == '_' })
	for i, w := range parts {
		if slices.Contains(stopWords, w) && (w != "of" || i == 0 || i == len(parts)-1) && (w != "at" || i == 0) && (w != "is" || i > 0 || len(parts) == 1) {
			return "", "", false
		}
	}
	last := parts[len(parts)-1]
	if _, isPlural := singular(last); isPlural && !(len(parts) > 2 && parts[1] == "of") && !slices.Contains(pluralFields, last) && !hasSuffix(last, "cents", "seconds", "minutes") {
		return "", "", false
	}
	name, typ = strings.Join(parts, "_"), fieldTypes[last]
	if typ == "" && len(parts) > 2 && parts[1] == "of" {
		typ = fieldTypes[parts[0]] // date of birth, number of rooms
	}
	switch {
	case slices.Contains(moneyWords, last):
		name += "_cents"
	case slices.Contains(durationWords, last):
		name += "_seconds"
	case last == "at" && len(parts) > 1:
		typ = timestamp
	case hasSuffix(last, "cents", "seconds", "minutes"):
		typ = integer
	case parts[0] == "is" && len(parts) > 1:
		typ = boolean
	case typ == "":
		typ = text
	}
	return name, typ, true
}

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
	"text": text, "string": text, "integer": integer, "int": integer, "whole number": integer, "number": decimal, "decimal": decimal, "float": decimal,
	"boolean": boolean, "bool": boolean, "yes or no": boolean, "date": date, "timestamp": timestamp, "time": timestamp, "date and time": timestamp, "datetime": timestamp, "email": email,
}

// qualify reads what stands in parentheses behind a field: types, required, unique, ranges, or the field's values.
func qualify(e, name string, typ *string, words string) ([]fact, bool) {
	if words == "" {
		return nil, true
	}
	var facts []fact
	var values []string
	for _, q := range strings.Split(strings.NewReplacer(" or ", ", ", " and ", ", ", ",,", ",").Replace(words), ",") {
		q = strings.TrimSpace(q)
		q = strings.TrimPrefix(strings.TrimPrefix(q, "one of "), "must be ")
		switch m, c := rangeRE.FindStringSubmatch(q), charsRE.FindStringSubmatch(q); {
		case q == "unique":
			facts = append(facts, fact{kind: "unique", e: e, f: name})
		case q == "required" || q == "mandatory":
			facts = append(facts, fact{kind: "required", e: e, list: []string{name}})
		case q == "optional":
		case typeWords[q] != "" && len(values) == 0:
			*typ = typeWords[q]
		case m != nil:
			low, ok1 := number(m[1])
			high, ok2 := number(m[2])
			if !ok1 || !ok2 {
				return nil, false
			}
			if *typ != decimal {
				*typ = integer
			}
			facts = append(facts, fact{kind: "min", e: e, f: name, n: low}, fact{kind: "max", e: e, f: name, n: high})
		case c != nil:
			n, ok := number(c[1])
			if !ok {
				return nil, false
			}
			facts = append(facts, fact{kind: "maxlen", e: e, f: name, n: n})
		case valueRE.MatchString(q) && *typ == text:
			values = append(values, strings.ReplaceAll(q, " ", "_"))
		default:
			return nil, false
		}
	}
	if values != nil {
		if len(values) < 2 || len(slices.Compact(slices.Sorted(slices.Values(values)))) != len(values) {
			return nil, false
		}
		facts = append(facts, fact{kind: "oneof", e: e, f: name, list: values})
	}
	return facts, true
}

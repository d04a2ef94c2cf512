package blueprint

import (
	"regexp"
	"strings"
)

// clause is a piece of the prompt: as written, and in lower case for the patterns. Both have the same length.
type clause struct {
	text, low string
	head      bool   // stands in the sentence that says what to build
	of        string // thing whose fields it may list without a word more
	torn      bool   // it is part of a longer clause
	aside     bool   // it qualifies a field, and says nothing by itself
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
	camelCase   = regexp.MustCompile(`\b[a-z]{2,}(?:[A-Z][a-z]+)+\b`)
	closeComma  = regexp.MustCompile(`,([A-Za-z])`)
	semicolon   = regexp.MustCompile(`;\s*`)
	quotes      = strings.NewReplacer("’", "'", "‘", "'", "“", "", "”", "", `"`, "", "`", "", "**", "", "–", "-", "—", "-", "…", "")
	onTerminal  = regexp.MustCompile(`(?i)^((?:an? )?)((?:[a-z-]+ ){1,4})(?:on|for|in) the (?:command[- ]line|terminal|console)\b`)
)

func (c clause) part(from, to int) clause {
	p := newClause(c.text[from:to], c.head && (c.of == "" || from == 0)) // behind a torn list of a thing's fields comes something else
	p.subject, p.torn = c.subject, true
	return p
}

// sentences cuts a prompt into sentences, the points of a list and the lines of a table of contents among them. What stands
// under a heading such as "Entities" names things as the head of a prompt does.
func sentences(promptText string) []clause {
	var clauses []clause
	listing := false
	for _, block := range blocks(promptText) {
		for _, s := range sentenceEnd.Split(block, -1) {
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

package frd

import (
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

var (
	unwanted     = regexp.MustCompile("[`*_:]+$|^[`*_]+")
	entityWord   = regexp.MustCompile(`^(?i)entity:?\s+|\s+entity$`)
	fieldItem    = regexp.MustCompile("^`?([A-Za-z_][A-Za-z0-9_ ]*?)`?\\s*(\\(([^)]*)\\))?\\s*(?:[:–—-]\\s*(.*))?$")
	entityItem   = regexp.MustCompile("^`?([A-Z][A-Za-z0-9 ]*?)`?\\s*(?:[:–—-])\\s*(.+)$")
	isRequired   = regexp.MustCompile(`(?i)\brequired\b|\bmandatory\b|\bnot null\b|\bnon-?(empty|null)\b|\bnot empty\b|\bprimary key\b|\bpk\b`)
	notRequired  = regexp.MustCompile(`(?i)\bnot required\b|\boptional\b|\bnullable\b`)
	isUnique     = regexp.MustCompile(`(?i)\bunique\b|\bprimary key\b|\bpk\b`)
	notUnique    = regexp.MustCompile(`(?i)\b(not|non)[- ]unique\b`)
	relationWord = regexp.MustCompile(`(?i)\b(belongs[- ]to|has[- ]many|has[- ]one|many[- ]to[- ]many(?: with)?|many[- ]to[- ]one(?: with)?|one[- ]to[- ]many(?: with)?|references|foreign key(?: to)?|fk(?: to)?)\s+(?:(?:an?|one|the|many|zero or more)\s+)?` + "`?" + `([A-Z][A-Za-z0-9]*)`)
)

// openEntity begins an entity whose heading this is, or goes on with one that there is already.
func (r *reader) openEntity(title string, line int) {
	name := unwanted.ReplaceAllString(strings.TrimSpace(title), "")
	if at := strings.IndexAny(name, "(:"); at > 0 {
		name = strings.TrimSpace(name[:at])
	}
	name = strings.ReplaceAll(entityWord.ReplaceAllString(name, ""), " ", "")
	r.entity = nil
	if name == "" {
		return
	}
	if at, ok := r.entityAt[strings.ToLower(name)]; ok {
		r.entity = &r.out.Entities[at]
		return
	}
	r.entityAt[strings.ToLower(name)] = len(r.out.Entities)
	r.out.Entities = append(r.out.Entities, pipeline.Entity{Name: name})
	r.entity = &r.out.Entities[len(r.out.Entities)-1]
	r.entityLine[name] = line
	r.say(name, title)
}

func (r *reader) say(entity, text string) {
	r.entityText[entity] = append(r.entityText[entity], text)
}

func (r *reader) entityBlock(n ast.Node) {
	switch n := n.(type) {
	case *extast.Table:
		for _, row := range r.rows(n) {
			if row.has("entity") {
				r.openEntity(row.get("entity"), row.line)
			}
			name := row.get("field", "name", "attribute", "property", "column")
			if r.entity == nil || name == "" {
				continue
			}
			rules := row.get("rule", "constraint", "note", "description", "detail", "comment")
			if yes(row.get("required", "mandatory")) {
				rules = join("required", rules)
			}
			if yes(row.get("unique")) {
				rules = join("unique", rules)
			}
			r.field(name, row.get("type", "format"), rules)
		}
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			r.entityListItem(item)
		}
	case *ast.Paragraph:
		s := r.text(n)
		// **Member** alone on its line begins an entity as a heading does.
		if e, ok := n.FirstChild().(*ast.Emphasis); ok && e.NextSibling() == nil && e.Level == 2 {
			r.openEntity(s, r.line(n))
			return
		}
		if r.entity != nil {
			r.say(r.entity.Name, s)
		}
	}
}

// entityListItem reads a field of the open entity, or, right under the section's heading, an entity with its fields.
func (r *reader) entityListItem(item ast.Node) {
	head := item.FirstChild()
	if head == nil {
		return
	}
	s := r.text(head)
	_, nested := item.LastChild().(*ast.List)
	if m := entityItem.FindStringSubmatch(s); r.entity == nil && (m != nil || nested) {
		fields := ""
		name := strings.TrimRight(s, ": ")
		if m != nil {
			name, fields = m[1], m[2]
		}
		r.openEntity(name, r.line(item))
		if r.entity == nil {
			return
		}
		r.say(r.entity.Name, s)
		if !relationWord.MatchString(fields) && strings.Contains(fields, ",") || strings.Contains(fields, "(") {
			for _, f := range splitFields(fields) {
				if m := fieldItem.FindStringSubmatch(strings.TrimSuffix(f, ".")); m != nil {
					r.field(m[1], "", join(m[3], m[4]))
				}
			}
		}
		if list, ok := item.LastChild().(*ast.List); ok {
			for c := list.FirstChild(); c != nil; c = c.NextSibling() {
				r.entityListItem(c)
			}
		}
		r.entity = nil
		return
	}
	if r.entity == nil {
		return
	}
	r.say(r.entity.Name, s)
	if relationWord.MatchString(s) && !strings.HasPrefix(s, "`") {
		if first, _, _ := strings.Cut(s, " "); !strings.HasSuffix(first, ":") || strings.EqualFold(first, "relations:") {
			return
		}
	}
	if m := fieldItem.FindStringSubmatch(s); m != nil && !strings.HasSuffix(strings.ToLower(m[1]), "relations") && strings.Count(m[1], " ") < 3 {
		if m[2] == "" && m[4] == "" && !strings.HasPrefix(s, "`") && strings.Contains(m[1], " ") {
			return // a sentence without a full stop
		}
		r.field(m[1], "", join(m[3], m[4]))
	}
}

// splitFields cuts at the commas that stand outside brackets.
func splitFields(s string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(s[from:]))
}

// field adds a field to the open entity. Without a type, the first part of the rules is one if it is a single word that
// says no more than a type.
func (r *reader) field(name, typ, rules string) {
	name = strings.TrimSpace(strings.Trim(name, "`*"))
	rules = strings.TrimSpace(rules)
	if typ == "" {
		first, rest, _ := strings.Cut(rules, ",")
		word := strings.Trim(strings.TrimSpace(first), "`")
		if word != "" && (!strings.Contains(word, " ") || lists.MatchString(word)) && !isRequired.MatchString(word) && !notRequired.MatchString(word) && !isUnique.MatchString(word) {
			typ, rules = word, strings.TrimSpace(rest)
		}
	}
	f := pipeline.Field{
		Name: name, Type: strings.Trim(typ, "`"), Note: rules,
		Required: isRequired.MatchString(rules) && !notRequired.MatchString(rules),
		Unique:   isUnique.MatchString(rules) && !notUnique.MatchString(rules),
	}
	if strings.HasSuffix(f.Type, "?") {
		f.Type = strings.TrimSuffix(f.Type, "?")
		f.Required = false
	}
	r.say(r.entity.Name, f.Name+" "+f.Type+" "+f.Note)
	if !slices.ContainsFunc(r.entity.Fields, func(have pipeline.Field) bool { return have.Name == f.Name }) {
		r.entity.Fields = append(r.entity.Fields, f)
	}
}

func yes(cell string) bool {
	switch strings.ToLower(strings.Trim(cell, "`* ")) {
	case "yes", "y", "true", "x", "✓", "✔", "required", "unique", "mandatory":
		return true
	}
	return false
}

func join(a, b string) string {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// relate finds the relations between entities and the requirements that mention them, now that all are known.
func (r *reader) relate() {
	spoken := r.spoken()
	names := map[string]string{} // lower case, singular → as written
	for _, e := range r.out.Entities {
		names[singular(e.Name)] = e.Name
	}
	for i := range r.out.Entities {
		e := &r.out.Entities[i]
		add := func(kind, to string) {
			relation := pipeline.Relation{Kind: kind, To: to}
			if !slices.Contains(e.Relations, relation) {
				e.Relations = append(e.Relations, relation)
			}
		}
		for _, m := range relationWord.FindAllStringSubmatch(strings.Join(r.entityText[e.Name], "\n"), -1) {
			to, known := names[singular(m[2])]
			if !known {
				r.issue(r.entityLine[e.Name], UnknownEntity, "warning", "entity %s says %q, but there is no entity %s", e.Name, m[0], m[2])
				continue
			}
			add(relationKind(m[1]), to)
		}
		for _, f := range e.Fields {
			element, list := listOf(f.Type)
			switch to, known := names[singular(element)]; {
			case known && list:
				add("has-many", to)
			case known:
				add("belongs-to", to)
			default:
				owner, isKey := keyOf(f.Name)
				if to, known := names[singular(owner)]; isKey && known && to != e.Name {
					add("belongs-to", to)
				}
			}
		}
		e.Requirements = r.mentionsOf(e, spoken)
	}
}

var notLetter = regexp.MustCompile(`[^\p{L}0-9]+`)

// spoken gives, for every word of the requirements and every two words in a row, the requirements that hold it.
func (r *reader) spoken() map[string][]string {
	spoken := map[string][]string{}
	for _, q := range r.out.Requirements {
		before := ""
		for _, word := range notLetter.Split(q.Title+" . "+q.Text, -1) {
			for _, said := range []string{singular(word), before + singular(word)} {
				if ids := spoken[said]; len(ids) == 0 || ids[len(ids)-1] != q.ID {
					spoken[said] = append(ids, q.ID)
				}
			}
			before = strings.ToLower(word)
		}
	}
	return spoken
}

// mentionsOf gives the requirements that the entity's section names, and those whose text has the entity's name: in one
// word or, for a name such as BookCopy, in two.
func (r *reader) mentionsOf(e *pipeline.Entity, spoken map[string][]string) []string {
	var ids []string
	for _, id := range mentioned(strings.Join(r.entityText[e.Name], "\n")) {
		if written, ok := r.ids[normalise(id)]; ok && !slices.Contains(ids, written) {
			ids = append(ids, written)
		}
	}
	for _, id := range spoken[singular(e.Name)] {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func relationKind(words string) string {
	words = strings.ToLower(strings.ReplaceAll(words, "-", " "))
	switch {
	case strings.HasPrefix(words, "many to many"):
		return "many-to-many"
	case strings.HasPrefix(words, "has"), strings.HasPrefix(words, "one to many"):
		return "has-many"
	}
	return "belongs-to"
}

// singular is a name without its plural ending, in lower case.
func singular(name string) string {
	name = strings.ToLower(strings.Trim(name, "` *"))
	switch {
	case strings.HasSuffix(name, "ies"):
		return strings.TrimSuffix(name, "ies") + "y"
	case strings.HasSuffix(name, "ses"), strings.HasSuffix(name, "xes"), strings.HasSuffix(name, "ches"), strings.HasSuffix(name, "shes"):
		return strings.TrimSuffix(name, "es")
	case strings.HasSuffix(name, "s") && !strings.HasSuffix(name, "ss"):
		return strings.TrimSuffix(name, "s")
	}
	return name
}

var lists = regexp.MustCompile(`^(?i)(?:\[\](\w+)|(?:list|array|set|slice)(?: of |<|\[)(\w+)[>\]]?|(\w+)\[\])$`)

// listOf is the type of a list's elements.
func listOf(typ string) (element string, list bool) {
	if m := lists.FindStringSubmatch(strings.TrimSpace(typ)); m != nil {
		return m[1] + m[2] + m[3], true
	}
	return typ, false
}

// keyOf is the entity that a field such as member_id or memberId points to.
func keyOf(field string) (entity string, ok bool) {
	for _, suffix := range []string{"_id", "ID", "Id", " id"} {
		if owner, cut := strings.CutSuffix(field, suffix); cut && owner != "" {
			return strings.NewReplacer("_", "", " ", "").Replace(owner), true
		}
	}
	return "", false
}

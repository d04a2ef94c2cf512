package blueprint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Keeps names the things in prose.
func (p *project) Keeps() string {
	var words []string
	for _, e := range p.Entities {
		words = append(words, e.Words())
	}
	return enumerate(words, "and")
}

func (p *project) anyField(match func(f *field) bool) bool {
	return slices.ContainsFunc(p.Entities, func(e *entity) bool { return slices.ContainsFunc(e.Inputs(), match) })
}

func (p *project) HasType(typ string) bool {
	return p.anyField(func(f *field) bool { return f.Type == typ })
}
func (p *project) HasInput(typ string) bool { return p.HasType(typ) }

// HasTimes says whether any record has a time.
func (p *project) HasTimes() bool {
	return slices.ContainsFunc(p.Entities, func(e *entity) bool { return e.HasType(timestamp) })
}
func (p *project) HasText() bool    { return p.anyField((*field).LimitedText) }
func (p *project) HasPointer() bool { return p.anyField((*field).Pointer) }
func (p *project) Several() bool    { return len(p.Entities) > 1 }
func (p *project) Variable() string { return strings.ToUpper(p.Name) + "_FILE" }

func (p *project) HasPeriod(unit string) bool {
	return slices.ContainsFunc(p.find("limit period", "", ""), func(f fact) bool { return f.unit == unit })
}

// HasCount says whether any rule counts records.
func (p *project) HasCount() bool {
	return slices.ContainsFunc(p.facts, func(f fact) bool {
		return f.kind == "unique" || f.kind == "overlap" || f.kind == "restrict" || strings.HasPrefix(f.kind, "limit") || strings.HasPrefix(f.kind, "total")
	})
}

// Plain is a thing that names no other, for tests that need any thing.
func (p *project) Plain() *entity {
	for _, e := range p.Entities {
		if len(e.Parents()) == 0 {
			return e
		}
	}
	return p.Entities[0]
}

// Plentiful is a thing of which there may be more than a page holds, or nil.
func (p *project) Plentiful() *entity {
	for _, e := range p.Entities {
		if e.Total() == nil && !slices.ContainsFunc(p.Entities, func(other *entity) bool { return other.Total() != nil && e.descends(other) }) {
			return e
		}
	}
	return nil
}

// SlotMinutes keeps the times of a test's records apart.
func (p *project) SlotMinutes() string {
	slot := 1.0
	for _, e := range p.Entities {
		slot = max(slot, e.Slot())
	}
	return formatNumber(slot)
}

func (e *entity) HasType(typ string) bool {
	return slices.ContainsFunc(e.Fields, func(f *field) bool { return f.Type == typ })
}

func (e *entity) OneOfs() []*field { return e.ByKind("oneof") }

func (e *entity) Derives() []fact { return e.find("derive") }

// Recv is the name of the record as a method's receiver.
func (e *entity) Recv() string { return e.Var()[:1] }

func (e *entity) FieldType(name string) string { return e.field(name).Type }

func (e *entity) IsDerived(name string) bool { return e.first("derive", name) != nil }

func (e *entity) EndDerived() bool { return e.IsDerived("ends_at") }

func (e *entity) RefTo(parent *entity) *field { return e.refTo(parent.Word) }

func (e *entity) relation(kind string, parent *entity) *fact {
	for _, f := range e.find(kind) {
		if f.to == parent.Word {
			return &f
		}
	}
	return nil
}

func (e *entity) BelongsID(parent *entity) string { return idOf(e.relation("belongs", parent)) }
func (e *entity) Restricts(parent *entity) bool   { return e.relation("restrict", parent) != nil }
func (e *entity) RestrictID(parent *entity) string {
	return idOf(e.relation("restrict", parent))
}

// RestrictIDs are the requirements that keep the entity while others name it.
func (e *entity) RestrictIDs() string {
	var ids []string
	for _, c := range e.Children() {
		if c.Restricts(e) {
			ids = append(ids, c.RestrictID(e))
		}
	}
	return strings.Join(ids, ", ")
}

func idOf(f *fact) string {
	if f == nil {
		return ""
	}
	return f.id
}

// Conflicts says whether adding a record can go against other records; Checked whether anything beyond its input counts.
func (e *entity) Conflicts() bool {
	return e.Has("unique") || e.Has("overlap") || len(e.Limits()) > 0
}
func (e *entity) Checked() bool { return e.Conflicts() || e.Has("belongs") || e.Has("notpast") }

func (e *entity) JSONName() string { return snake(plural(e.Word)) }

func (e *entity) SearchWords() string {
	return enumerate(e.first("search", "").list, "or")
}

// SearchExpr joins what is searched. The line break keeps a text from being found over two fields.
func (e *entity) SearchExpr() string {
	var parts []string
	for _, f := range e.SearchFields() {
		parts = append(parts, e.Var()+"."+f.Go())
	}
	return strings.Join(parts, `+"\n"+`)
}

// FirstComparable is an input that comes back as it was sent.
func (e *entity) FirstComparable() *field {
	for _, f := range e.Inputs() {
		if (f.Type == text || f.Type == integer) && f.Unique() == nil || f.Type == text {
			return f
		}
	}
	return nil
}

// Required1 is a field that a client must give, references aside.
func (e *entity) Required1() *field {
	for _, f := range e.Inputs() {
		if f.Required() != nil {
			return f
		}
	}
	return nil
}

// EditSample is a text that a tool's test changes.
func (e *entity) EditSample() *field {
	for _, f := range e.Inputs() {
		if limit, err := strconv.Atoi(f.Limit()); e.Can("changed") && f.Type == text && f.OneOf() == nil && err == nil && limit >= 5 {
			return f
		}
	}
	return nil
}

// CommandName is how a verb is called on the command line, CommandArgs the same as Go arguments.
func (e *entity) CommandName(verb string) string {
	if !e.project.Several() {
		return verb
	}
	return strings.ReplaceAll(e.Word, " ", "-") + " " + verb
}

func (e *entity) CommandArgs(verb string) string {
	return `"` + strings.ReplaceAll(e.CommandName(verb), " ", `", "`) + `"`
}

func (c command) IDs() string { return strings.Join(c.ids, ", ") }

// Total limits how many of the entity there may be in all, or is nil; Spare leaves some for tests that need a new one.
func (e *entity) Total() *limitOf {
	for _, l := range e.Limits() {
		if l.Parent == nil {
			return &l
		}
	}
	return nil
}
func (l limitOf) Spare() string { return formatNumber(l.n - 4) }

// Parallel is how many records the test of concurrent use adds.
func (e *entity) Parallel() int {
	if total := e.Total(); total != nil {
		return int(min(total.n, 50))
	}
	return 50
}

// DueExpr is the last moment at which a record of the overdue test is not overdue, DueStep what is added to pass it.
func (e *entity) DueExpr() string {
	if o := e.Overdue(); e.FieldType(o.f) != date {
		return e.Var() + "." + o.Field()
	}
	return "time.Date(2026, 4, 1, 23, 59, 59, 0, time.UTC)"
}
func (e *entity) DueStep() string { return "time.Second" }
func (e *entity) OverdueSetup() string {
	if o := e.Overdue(); e.FieldType(o.f) == date {
		return "in." + o.Field() + ` = "2026-04-01"`
	}
	return ""
}

func (f *field) FactID(kind string) string {
	if x := f.fact(kind); x != nil {
		return x.id
	}
	return f.entity.Ref(kind)
}
func (f *field) EmailID() string { return f.FactID("email") }
func (f *field) DateID() string  { return f.FactID("date") }

// LimitID is the requirement that limits the length of the text.
func (f *field) LimitID() string {
	if m := f.MaxLen(); m != nil {
		return m.id
	}
	return f.entity.project.Ref("textlimit")
}

// Optional says whether a zero value means that nothing was given.
func (f *field) Optional() bool { return f.Required() == nil }

// Zero is the Go expression of a value that was not given.
func (f *field) Zero() string {
	switch {
	case f.Pointer():
		return "nil"
	case f.GoType() == "string":
		return `""`
	case f.GoType() == "time.Time":
		return "(time.Time{})"
	case f.GoType() == "bool":
		return "false"
	}
	return "0"
}

// Compare orders records a and b by the field.
func (f *field) Compare(prefix string) string {
	switch {
	case f.Type == timestamp:
		return fmt.Sprintf("a.%[1]s.Compare(b.%[1]s)", f.Go())
	case f.OneOf() != nil:
		return fmt.Sprintf("cmp.Compare(slices.Index(%[2]s%[3]s, a.%[1]s), slices.Index(%[2]s%[3]s, b.%[1]s))", f.Go(), prefix, f.Values())
	}
	return fmt.Sprintf("cmp.Compare(a.%[1]s, b.%[1]s)", f.Go())
}

// SortSetup gives the inputs later and sooner values in that order.
func (f *field) SortSetup() string {
	set := func(later, sooner string) string {
		return fmt.Sprintf("later.%[1]s, sooner.%[1]s = %[2]s, %[3]s", f.Go(), later, sooner)
	}
	switch {
	case f.Type == timestamp:
		return "later, sooner = sooner, later"
	case f.OneOf() != nil:
		return set(strconv.Quote(f.LastValue()), strconv.Quote(f.OneOf().list[0]))
	case f.Type == email:
		return set(`"zoe@example.com"`, `"ada@example.com"`)
	case f.Type == date:
		return set(`"2026-05-01"`, `"2026-04-01"`)
	case f.Type == integer || f.Type == decimal:
		least := f.least()
		return set(f.Literal(formatNumber(least+1)), f.Literal(formatNumber(least)))
	}
	return set(`"b"`, `"a"`)
}

func (f *field) LastValue() string { return f.OneOf().list[len(f.OneOf().list)-1] }

// least is a small number that the field takes, and one more with it where there are two.
func (f *field) least() float64 {
	n := 1.0
	if m := f.Max(); m != nil {
		n = min(n, m.n-1)
	}
	if m := f.Min(); m != nil {
		n = max(n, m.n)
	}
	return n
}

// Literal is a number as a Go value of the input.
func (f *field) Literal(n string) string {
	if f.Pointer() {
		return fmt.Sprintf("inputPtr[%s](%s)", f.GoType(), n)
	}
	return n
}

// expression is a sound value of the field as Go, made different by the counter n where it must be.
func (f *field) expression(n string) string {
	switch {
	case f.OneOf() != nil:
		return strconv.Quote(f.OneOf().list[0])
	case f.Type == email:
		return fmt.Sprintf(`fmt.Sprintf("user%%d@example.com", %s)`, n)
	case f.Type == boolean:
		return "true"
	case f.Type == date && f.Unique() != nil:
		return fmt.Sprintf("time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, %s).Format(time.DateOnly)", n)
	case f.Type == date:
		return `"2026-04-01"`
	case (f.Type == integer) && f.Unique() != nil:
		return fmt.Sprintf("int64(%s) + %s", n, formatNumber(f.least()))
	case f.Type == integer || f.Type == decimal:
		return formatNumber(f.least())
	case f.Type == text:
		label := f.Caption()
		limit, err := strconv.Atoi(f.Limit())
		switch {
		case err == nil && limit >= len(label)+6:
			return fmt.Sprintf(`fmt.Sprintf("%s %%d", %s)`, label, n)
		case f.Unique() != nil:
			return fmt.Sprintf("strconv.FormatInt(int64(%s), 36)", n)
		}
		return `"x"`
	}
	return ""
}

// Sample is a sound value in the tests of rules, where f is the fixture.
func (f *field) Sample(n string) string {
	switch {
	case f.Type == reference && f.To().Total() != nil:
		return "f.some" + f.To().Type() + "()"
	case f.Type == reference:
		return "f.new" + f.To().Type() + "().ID"
	case f.Type == timestamp && f.Order() != nil:
		return "f.slot().Add(" + f.entity.project.SlotMinutes() + " * time.Minute)"
	case f.Type == timestamp:
		return "f.slot()"
	case f.Pointer():
		return fmt.Sprintf("rulePtr[%s](%s)", f.GoType(), f.expression(n))
	}
	return f.expression(n)
}

// InputSample is a sound value in the tests of inputs.
func (f *field) InputSample() string {
	switch {
	case f.Type == reference:
		return "1"
	case f.Type == timestamp && f.Order() != nil:
		return "time.Date(2026, 3, 9, 11, 0, 0, 0, time.UTC)"
	case f.Type == timestamp:
		return "time.Date(2026, 3, 9, 10, 0, 0, 0, time.UTC)"
	case f.Pointer():
		return fmt.Sprintf("inputPtr[%s](%s)", f.GoType(), f.expression("1"))
	}
	return counted.ReplaceAllString(f.expression("1"), `"${1}1$2"`)
}

var counted = regexp.MustCompile(`^fmt\.Sprintf\("(.*)%d(.*)", 1\)$`)

// JSONSample is a sound value in a request, where c is the client; FlagSample a flag with one, where c is the tool.
func (f *field) JSONSample() string {
	switch {
	case f.Type == reference:
		return "c.new" + f.To().Type() + "()"
	case f.Type == timestamp && f.Order() != nil:
		return "c.slot(c.n + 1)"
	case f.Type == timestamp:
		return "c.slot(c.n)"
	}
	return f.expression("c.n")
}

func (f *field) FlagSample() string {
	return fmt.Sprintf(`fmt.Sprint("-%s=", %s)`, f.Flag(), f.JSONSample())
}

// FlagCall binds the field of the input in to a flag; its value then is the default.
func (f *field) FlagCall() string {
	usage := f.Label()
	if rules := f.rules(); len(rules) > 0 {
		usage += ": " + strings.Join(rules, ", ")
	}
	if f.Pointer() || f.Type == timestamp {
		parse := map[string]string{integer: "intFlag", decimal: "floatFlag", timestamp: "timeFlag"}[f.Type]
		if f.Type == timestamp {
			usage += ", as 2026-01-31T10:00:00Z"
		}
		return fmt.Sprintf("flags.Func(%q, %q, %s(&in.%s))", f.Flag(), usage, parse, f.Go())
	}
	kind := map[string]string{"string": "String", "int64": "Int64", "float64": "Float64", "bool": "Bool"}[f.GoType()]
	return fmt.Sprintf("flags.%sVar(&in.%[2]s, %[3]q, in.%[2]s, %[4]q)", kind, f.Go(), f.Flag(), usage)
}

// Caption is the field's name in words with a capital, or an abbreviation in capitals.
func (f *field) Caption() string {
	if slices.Contains(initialisms, f.Name) {
		return strings.ToUpper(f.Name)
	}
	return capital(f.Label())
}

// Heading, Verb and Printed are the field's column in a tool's table.
func (f *field) Heading() string { return strings.ToUpper(f.Label()) }
func (f *field) Verb() string {
	if f.GoType() == "*time.Time" || f.GoType() == "time.Time" {
		return "%s"
	}
	return "%v"
}

func (f *field) Printed(record string) string {
	value := record + "." + f.Go()
	switch f.GoType() {
	case "time.Time":
		return "when(&" + value + ")"
	case "*time.Time":
		return "when(" + value + ")"
	}
	return value
}

package blueprint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// What the templates of tests need: sound values, and things that a test can take.

// Slot is how many minutes one record takes; 30 where nothing says so.
func (e *entity) Slot() float64 {
	minutes := map[string]float64{"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
	for _, f := range e.find("derive") {
		if f.f == "ends_at" {
			return f.n * minutes[f.unit]
		}
	}
	return 30
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

// Paged is the thing for the test of pages, with more records than a page holds where that many may be.
func (p *project) Paged() *entity {
	for _, e := range p.Entities {
		if e.PageTest() > 50 {
			return e
		}
	}
	return p.Plain()
}

func (e *entity) PageTest() int {
	for _, other := range e.project.Entities {
		if other.Total() != nil && (other == e || e.descends(other)) {
			return 3
		}
	}
	return 51
}

// SlotMinutes keeps the times of a test's records apart.
func (p *project) SlotMinutes() string {
	slot := 1.0
	for _, e := range p.Entities {
		slot = max(slot, e.Slot())
	}
	return formatNumber(slot)
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
	return counted.ReplaceAllString(strings.Replace(f.expression("1"), "strconv.FormatInt(int64(1), 36)", `"1"`, 1), `"${1}1$2"`)
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

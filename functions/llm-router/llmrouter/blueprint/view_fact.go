package blueprint

import (
	"fmt"
	"strings"
)

func (f fact) ID() string     { return f.id }
func (f fact) N() string      { return formatNumber(f.n) }
func (f fact) Below() string  { return formatNumber(f.n - 1) }
func (f fact) Above() string  { return formatNumber(f.n + 1) }
func (f fact) List() []string { return f.list }
func (f fact) Unit() string   { return f.unit }
func (f fact) Units() string {
	if f.n == 1 {
		return f.unit
	}
	return f.unit + "s"
}
func (f fact) Field() string { return goName(f.f) }
func (f fact) Name() string  { return f.f }
func (f fact) From() string  { return goName(f.from) }
func (f fact) Start() string { return f.from }

// Duration is the time of a derived field as a Go expression.
func (f fact) Duration() string {
	if f.n == 1 {
		return unitHours[f.unit]
	}
	return formatNumber(f.n) + " * " + unitHours[f.unit]
}

// Verb of an operation that closes: return. Participle: returned. Method: Return.
func (f fact) Verb() string       { return f.list[0] }
func (f fact) Participle() string { return participle(f.list[0]) }
func (f fact) Method() string     { return goName(f.list[0]) }

// Const is the name of the constant that holds a limit or a duration.
func (f fact) Const() string {
	many := goName(plural(f.e))
	switch f.kind {
	case "derive":
		return goName(f.e) + strings.TrimSuffix(goName(f.f), "At") + "After"
	case "total":
		return "Max" + many
	case "total open":
		return "MaxOpen" + many
	case "limit open":
		return "MaxOpen" + many + "Per" + goName(f.to)
	case "limit period":
		return "Max" + many + "Per" + goName(f.to) + goName(f.unit)
	}
	return "Max" + many + "Per" + goName(f.to)
}

// limitOf is a limit with the things it is about.
type limitOf struct {
	fact
	Entity, Parent *entity // Parent nil: over all
	RefField       *field
	Open           bool
	Period         string // Day, Week, Month or empty
}

// Limits of how many of the entity there may be.
func (e *entity) Limits() []limitOf {
	var limits []limitOf
	for _, kind := range []string{"limit", "limit open", "limit period", "total", "total open"} {
		for _, f := range e.find(kind) {
			l := limitOf{fact: f, Entity: e, Open: strings.HasSuffix(kind, "open")}
			if f.to != "" {
				l.Parent, l.RefField = e.project.entity(f.to), e.refTo(f.to)
			}
			if kind == "limit period" {
				l.Period = capital(f.unit)
			}
			limits = append(limits, l)
		}
	}
	return limits
}

// Overlaps are the references by which records must not overlap.
func (e *entity) Overlaps() []limitOf {
	var found []limitOf
	for _, f := range e.find("overlap") {
		found = append(found, limitOf{fact: f, Entity: e, Parent: e.project.entity(f.to), RefField: e.refTo(f.to)})
	}
	return found
}

// Reason is why a record over the limit is refused, with %d for the number.
func (l limitOf) Reason() string {
	s := strings.TrimSuffix(l.sentence(), ".")
	return strings.Replace(strings.ToLower(s[:1])+s[1:], "at most "+l.N()+" ", "at most %d ", 1)
}

// CloseEach says whether a test must close records as it goes, so that a limit of open ones does not come first.
func (l limitOf) CloseEach() bool {
	return !l.Open && (l.Entity.Has("limit open") || l.Entity.Has("total open"))
}

func (l limitOf) NeedLast() bool { return l.Open || l.CloseEach() }

// byStamp says whether the program sets the time that a period counts by.
func (e *entity) byStamp(name string) bool { return e.first("stamp", name) != nil }

// Spread sets the time of the record i of a limit's test: within one period where the limit is about one, else a month
// apart where another limit is.
func (l limitOf) Spread() string {
	p := l.Entity.first("limit period", "")
	if p == nil || l.Period == "" && l.Entity.byStamp(p.f) {
		if p != nil {
			return "f.now = f.now.AddDate(0, 1, 0)"
		}
		return ""
	}
	if l.Entity.byStamp(p.f) {
		return ""
	}
	step := "time.Second"
	if l.Entity.Has("overlap") {
		step = formatNumber(l.Entity.Slot()) + " * time.Minute"
	}
	set := fmt.Sprintf("in.%s = time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * %s)", goName(p.f), step)
	if l.Period == "" {
		set = fmt.Sprintf("in.%s = time.Date(2026, time.Month(3+i), 9, 0, 0, 0, 0, time.UTC)", goName(p.f))
	}
	return set + l.setEnd()
}

// setEnd moves an end that the client gives behind the start.
func (l limitOf) setEnd() string {
	set := ""
	for _, o := range l.Entity.find("order") {
		set += fmt.Sprintf("\nin.%s = in.%s.Add(%s * time.Minute)", goName(o.f), goName(o.from), formatNumber(l.Entity.Slot()))
	}
	return set
}

// NextPeriod makes an input in the next period.
func (l limitOf) NextPeriod() string {
	add := map[string]string{"day": "0, 0, 1", "week": "0, 0, 7", "month": "0, 1, 0"}[l.unit]
	if l.Entity.byStamp(l.f) {
		return fmt.Sprintf("f.now = f.now.AddDate(%s)\nin := input(%s)", add, l.N())
	}
	return fmt.Sprintf("in := input(0)\nin.%[1]s = in.%[1]s.AddDate(%[2]s)%[3]s", l.Field(), add, l.setEnd())
}

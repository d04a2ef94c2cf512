package blueprint

import (
	"fmt"
	"slices"
	"strings"
)

func (f *field) Go() string { return goName(f.Name) }

func (f *field) Label() string { return strings.ReplaceAll(f.Name, "_", " ") }

func (f *field) Entity() *entity { return f.entity }

func (f *field) Flag() string { return strings.ReplaceAll(f.Name, "_", "-") }

func (f *field) fact(kind string) *fact { return f.entity.project.first(kind, f.entity.Word, f.Name) }

func (f *field) Min() *fact { return f.fact("min") }

func (f *field) Max() *fact { return f.fact("max") }

func (f *field) MaxLen() *fact { return f.fact("maxlen") }

func (f *field) OneOf() *fact { return f.fact("oneof") }

func (f *field) Default() *fact { return f.fact("default") }

func (f *field) Unique() *fact { return f.fact("unique") }

func (f *field) Derive() *fact { return f.fact("derive") }

func (f *field) Order() *fact { return f.fact("order") }

// Required gives the requirement that the field must be given, or nil.
func (f *field) Required() *fact {
	if r := f.entity.first("required", ""); r != nil && slices.Contains(r.list, f.Name) {
		return r
	}
	return nil
}

// Server says whether the program sets the field.
func (f *field) Server() bool {
	return f.fact("stamp") != nil || f.fact("derive") != nil || f.fact("act") != nil
}

// Pointer says whether a missing value must be told from zero.
func (f *field) Pointer() bool {
	return f.Required() != nil && (f.Type == integer || f.Type == decimal)
}

func (f *field) GoType() string {
	switch f.Type {
	case integer, reference:
		return "int64"
	case decimal:
		return "float64"
	case boolean:
		return "bool"
	case timestamp:
		if f.fact("act") != nil {
			return "*time.Time"
		}
		return "time.Time"
	}
	return "string"
}

// OmitZero says whether a zero time stands for one that was not given, which JSON must not show as the year 1.
func (f *field) OmitZero() bool {
	return f.GoType() == "time.Time" && !f.Server() && f.Required() == nil
}

// InputType is the field's type in the input.
func (f *field) InputType() string {
	if f.Pointer() {
		return "*" + f.GoType()
	}
	return f.GoType()
}

// Values names the list of the field's values.
func (f *field) Values() string { return goName(f.entity.Word + " " + plural(f.Label())) }

func (f *field) Limit() string {
	if m := f.MaxLen(); m != nil {
		return formatNumber(m.n)
	}
	return f.entity.project.TextLimit()
}

// To is the thing that a reference names.
func (f *field) To() *entity {
	for _, p := range f.entity.Parents() {
		if f.entity.refTo(p.Word) == f {
			return p
		}
	}
	return nil
}

// LimitedText says whether the field holds a text with a limit of characters.
func (f *field) LimitedText() bool { return f.Type == text && f.OneOf() == nil || f.Type == email }

// Doc says in a comment what is special about a field of the record.
func (f *field) Doc() string {
	switch {
	case f.fact("act") != nil:
		return fmt.Sprintf("nil while the %s is open", f.entity.Word)
	case f.Derive() != nil:
		return fmt.Sprintf("%s %s after %s", f.Derive().N(), f.Derive().Units(), f.Derive().from)
	case f.OneOf() != nil:
		return "one of " + f.Values()
	case f.Type == date:
		return "YYYY-MM-DD or empty"
	case strings.HasSuffix(f.Name, "_cents"):
		return "in hundredths of the currency unit"
	case strings.HasSuffix(f.Name, "_seconds"):
		return "in seconds"
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

func (f *field) DateID() string { return f.FactID("date") }

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

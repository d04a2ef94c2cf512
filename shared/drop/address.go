package drop

import "strings"

// Address names an artifact by what it is and what it holds, independent of the
// workflow and the time that made it.
type Address struct {
	Stage string
	Type  Type
	// Name is empty for the only drop of its stage and type.
	Name string
	// SHA256 of the artifact, 64 lower-case hexadecimal digits.
	SHA256 string
}

const digestMark = "@sha256:"

// String is "stage/type/name@sha256:…", without "/name" when that is empty.
func (a Address) String() string {
	var b strings.Builder
	b.WriteString(a.Stage)
	b.WriteByte('/')
	b.WriteString(string(a.Type))
	if a.Name != "" {
		b.WriteByte('/')
		b.WriteString(a.Name)
	}
	b.WriteString(digestMark)
	b.WriteString(a.SHA256)
	return b.String()
}

// ParseAddress reads what Address.String writes. Everything else is ErrInvalid.
func ParseAddress(s string) (Address, error) {
	// The digest has no '@', a name may have one: the last mark counts.
	mark := strings.LastIndex(s, digestMark)
	if mark < 0 {
		return Address{}, invalid("address", "%q lacks %q and a digest", clip(s), digestMark)
	}
	a := Address{SHA256: s[mark+len(digestMark):]}
	stage, rest, ok := strings.Cut(s[:mark], "/")
	if !ok {
		return Address{}, invalid("address", "%q lacks the type behind the stage", clip(s))
	}
	kind, name, named := strings.Cut(rest, "/")
	a.Stage, a.Type, a.Name = stage, Type(kind), name
	if named && name == "" {
		return Address{}, invalid("address", "%q has a slash behind the type, but no name", clip(s))
	}
	var c checker
	c.slug("stage", a.Stage, MaxStage)
	c.slug("type", string(a.Type), MaxType)
	c.text("name", a.Name, MaxName)
	c.digest("sha256", a.SHA256)
	return a, c.err()
}

package capsule

import "fmt"

// Kind is what is wrong with a capsule. Kinds are errors, for errors.Is, and
// stable, as they cross the wire: the list only grows.
type Kind string

func (k Kind) Error() string { return "capsule: " + string(k) }

const (
	// ErrChanged: a file has another size, mode or content than the manifest says.
	ErrChanged Kind = "changed"
	// ErrAdded: a file is in the archive but not in the manifest.
	ErrAdded Kind = "added"
	// ErrMissing: a file is in the manifest but not in the archive.
	ErrMissing Kind = "missing"
	// ErrDuplicate: a path comes twice.
	ErrDuplicate Kind = "duplicate"
	// ErrClash: two paths are one on a file system that ignores case or the form
	// of Unicode, or a file stands where another needs a folder.
	ErrClash Kind = "clash"
	// ErrUnsafePath: a path leads out of the project, or means something else on
	// another system.
	ErrUnsafePath Kind = "unsafe_path"
	// ErrNotRegular: an entry is a link, a device or another thing that is no file.
	ErrNotRegular Kind = "not_regular"
	// ErrTrailing: there is something behind the end of the archive.
	ErrTrailing Kind = "trailing_data"
	// ErrManifest: the manifest is missing, unreadable or contradicts itself.
	ErrManifest Kind = "manifest"
	// ErrMalformed: it is no tar.gz, or a damaged one.
	ErrMalformed Kind = "malformed"
	// ErrNotCanonical: the content is right, the archive around it is not made as
	// capsules are.
	ErrNotCanonical Kind = "not_canonical"
	// ErrLimit: it is larger, deeper or more than the limits allow.
	ErrLimit Kind = "limit"
	// ErrExists: something is where the capsule should be extracted to.
	ErrExists Kind = "exists"
)

// Problem is one thing that is wrong with a capsule. It unwraps to its Kind.
type Problem struct {
	Kind Kind `json:"kind" doc:"What is wrong, in one stable word"`
	// Path of the entry at fault; empty when it is the archive itself.
	Path string `json:"path,omitempty" doc:"Entry at fault; absent for the archive itself"`
	// Detail reads on from the path.
	Detail string `json:"detail" doc:"What is wrong, in a sentence that goes on from the path"`
}

func (p *Problem) Error() string {
	if p.Path == "" {
		return "the capsule " + p.Detail
	}
	return fmt.Sprintf("%q in the capsule %s", clip(p.Path), p.Detail)
}

func (p *Problem) Unwrap() error { return p.Kind }

func problem(kind Kind, path, format string, args ...any) *Problem {
	return &Problem{Kind: kind, Path: path, Detail: fmt.Sprintf(format, args...)}
}

// clip keeps what a stranger sent short enough for a message.
func clip(s string) string {
	const limit = 200
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

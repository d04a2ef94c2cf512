package capsule

import (
	"path"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits bound what a capsule may hold, against archives made to fill a disk.
// Zero fields mean the default.
type Limits struct {
	// TotalBytes of the unpacked archive; default 1 GiB. A packed one is never
	// larger either.
	TotalBytes int64
	// Files beside the manifest; default 20000.
	Files int
	// ManifestBytes is the size of the manifest; default 16 MiB.
	ManifestBytes int64
	// Ratio of unpacked to packed size that is allowed for archives that unpack
	// to more than 16 MiB; default 200.
	Ratio int64
	// PathBytes is the length of a path; default 512.
	PathBytes int
	// Depth is the number of a path's elements; default 32.
	Depth int
}

// ratioFloor is the unpacked size in bytes up to which any ratio will do: small
// files compress as well as they like.
const ratioFloor = 16 << 20

func (l Limits) orDefaults() Limits {
	if l.TotalBytes == 0 {
		l.TotalBytes = 1 << 30
	}
	if l.Files == 0 {
		l.Files = 20_000
	}
	if l.ManifestBytes == 0 {
		l.ManifestBytes = 16 << 20
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	if l.PathBytes == 0 {
		l.PathBytes = 512
	}
	if l.Depth == 0 {
		l.Depth = 32
	}
	return l
}

// unpacked is the size to which an archive of the given size may unpack.
func (l Limits) unpacked(packed int64) int64 {
	if packed > l.TotalBytes/l.Ratio {
		return l.TotalBytes
	}
	return min(l.TotalBytes, max(ratioFloor, packed*l.Ratio))
}

// checkPath refuses what does not name a file inside the project on every system.
func checkPath(p string, limits Limits) error {
	if len(p) > limits.PathBytes {
		return problem(ErrLimit, p, "has a path of %d bytes, at most %d are allowed", len(p), limits.PathBytes)
	}
	// Relative, clean, no "..", no backslash, colon or control character, no name
	// that Windows reserves.
	if err := module.CheckFilePath(p); err != nil {
		return problem(ErrUnsafePath, p, "has a path that is not safe everywhere: %v", err)
	}
	elements := strings.Split(p, "/")
	if len(elements) > limits.Depth {
		return problem(ErrLimit, p, "lies %d folders deep, at most %d are allowed", len(elements), limits.Depth)
	}
	for _, element := range elements {
		if strings.TrimSpace(element) != element {
			return problem(ErrUnsafePath, p, "has a path with a space at an element's end")
		}
		// Files below .git, which is git~1 to Windows, can make git run programs.
		if folded := fold(element); folded == ".git" || folded == "git~1" {
			return problem(ErrUnsafePath, p, "lies in a folder of git's own")
		}
	}
	if fold(elements[0]) == path.Dir(ManifestPath) {
		return problem(ErrUnsafePath, p, "lies in the folder of the manifest")
	}
	return nil
}

// fold is the form in which file systems that ignore case and normalise compare.
func fold(s string) string { return cases.Fold().String(norm.NFC.String(s)) }

// spellings finds paths that cannot all exist on every file system.
type spellings struct {
	files   map[string]string // folded path of a file → as spelt
	folders map[string]string // folded path of a folder → as spelt
}

func newSpellings() spellings {
	return spellings{files: map[string]string{}, folders: map[string]string{}}
}

// add takes a path in, or fails with ErrDuplicate or ErrClash.
func (s spellings) add(p string) error {
	folded := fold(p)
	if other, taken := s.files[folded]; taken {
		if other == p {
			return problem(ErrDuplicate, p, "comes twice")
		}
		return problem(ErrClash, p, "differs from %q in a way that not every file system tells", other)
	}
	if other, taken := s.folders[folded]; taken {
		return problem(ErrClash, p, "is a file where %q is a folder", other)
	}
	s.files[folded] = p
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		folded := fold(dir)
		if other, taken := s.files[folded]; taken {
			return problem(ErrClash, p, "needs a folder where %q is a file", other)
		}
		if other, taken := s.folders[folded]; taken {
			if other != dir {
				return problem(ErrClash, p, "lies in a folder that differs from %q in a way that not every file system tells", other)
			}
			break // its parents were looked at then
		}
		s.folders[folded] = dir
	}
	return nil
}

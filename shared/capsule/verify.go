package capsule

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Report says whether a capsule is what its manifest says.
type Report struct {
	// OK is true when there are no problems.
	OK bool `json:"ok" doc:"Whether every byte is as the manifest says"`
	// SHA256 and Size of the capsule itself.
	SHA256 string `json:"sha256" doc:"Digest of the capsule, hexadecimal"`
	Size   int64  `json:"size" doc:"Bytes of the capsule"`
	// Files that are in the archive beside the manifest, and their bytes.
	Files int   `json:"files" doc:"Files in the archive beside the manifest"`
	Bytes int64 `json:"bytes" doc:"Bytes of the files"`
	// Signature is the signature's status; empty when no manifest could be read.
	Signature string `json:"signature" doc:"Status of the signature"`
	// Problems in the order in which they were found; after 100 the rest is not
	// looked at.
	Problems []*Problem `json:"problems" doc:"What is wrong, empty when nothing is"`
	// Notes are what a reader should know of a capsule without problems.
	Notes []string `json:"notes,omitempty" doc:"What to know beside the problems"`
	// Manifest of the capsule; nil when none could be read.
	Manifest *Manifest `json:"manifest,omitempty" doc:"What the capsule says of itself"`
}

// Err joins the problems of a report, or is nil when there are none.
func (r Report) Err() error {
	errs := make([]error, len(r.Problems))
	for i, p := range r.Problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// Verify reads a whole capsule and reports what is wrong with it: one changed byte
// anywhere, an added, missing or doubled file, anything behind the end, a manifest
// that does not hold together, and what Extract would refuse. A capsule with
// problems is a report, not an error; the error is one of reading r. It reads from
// the start of r and needs constant memory beside the manifest.
func Verify(r io.ReadSeeker, limits Limits) (Report, error) {
	return verify(r, limits.orDefaults(), nil)
}

func verify(r io.ReadSeeker, limits Limits, v visit) (Report, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	if err != nil {
		return Report{}, fmt.Errorf("reading the capsule: %w", err)
	}
	return scan(r, size, limits, v)
}

// Inspect reads the manifest of a capsule and nothing behind it: what it says is
// not verified. A capsule without a valid manifest gives a *Problem.
func Inspect(r io.Reader, limits Limits) (Manifest, error) {
	limits = limits.orDefaults()
	s := &scanner{limits: limits, in: &source{r: r, hash: sha256.New()}, againSum: sha256.New()}
	// The manifest comes first: no more than it, its headers and padding is
	// unpacked.
	const headers = 1 << 20
	if err := s.open(limits.ManifestBytes + headers); err != nil {
		return Manifest{}, fmt.Errorf("inspecting a capsule: %w", err)
	}
	if err := s.readManifest(); err != nil {
		return Manifest{}, fmt.Errorf("inspecting a capsule: %w", err)
	}
	return s.manifest, nil
}

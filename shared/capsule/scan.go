package capsule

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// gzipHeader is how every capsule begins: no name, no time, no system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// maxProblems after which a reader has seen enough.
const maxProblems = 100

// errStop ends a scan whose problems say all there is to say.
var errStop = errors.New("scan stopped")

// readError is a failure of the reader that a capsule comes from, not of the
// capsule.
type readError struct{ err error }

func (e *readError) Error() string { return "reading the capsule: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// source reads the packed bytes: it counts and hashes them, and marks the errors
// of what lies below.
type source struct {
	r     io.Reader
	hash  hash.Hash
	bytes int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.bytes += int64(n)
	s.hash.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

// bounded reads the unpacked bytes, up to a limit.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// It may end exactly here.
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, problem(ErrLimit, "", "unpacks to more than is allowed")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// visit receives each file of a capsule with its content, which is not yet known
// to be the right one when it is read.
type visit func(f FileEntry, content io.Reader) error

// scanner reads a capsule once, from front to back, in constant memory.
type scanner struct {
	limits   Limits
	visit    visit
	in       *source
	packed   *bufio.Reader
	gz       *gzip.Reader
	unpacked *bounded
	tar      *tar.Reader
	// again is the capsule packed anew from what is read.
	again    *archive
	againSum hash.Hash

	manifest Manifest
	known    map[string]FileEntry // files of the manifest that have not come yet
	seen     map[string]bool
	last     string
	files    int
	bytes    int64
	problems []*Problem
}

// scan reads a capsule of the given packed size. What is wrong with the capsule is
// in the report; the error is one of reading, or of visit.
func scan(r io.Reader, size int64, limits Limits, v visit) (Report, error) {
	if size > limits.TotalBytes { // too much to read even for its digest
		return Report{Size: size, Problems: []*Problem{
			problem(ErrLimit, "", "is %d bytes, at most %d are allowed", size, limits.TotalBytes),
		}}, nil
	}
	s := &scanner{limits: limits, visit: v, in: &source{r: r, hash: sha256.New()}, againSum: sha256.New(), seen: map[string]bool{}}
	err := s.run(size)
	var read *readError
	var found *Problem
	switch {
	case errors.As(err, &read):
		return Report{}, read
	case errors.Is(err, errStop):
	case errors.As(err, &found):
		s.problems = append(s.problems, found)
	case err != nil:
		return Report{}, err
	}
	return s.report()
}

func (s *scanner) run(size int64) error {
	if err := s.open(size); err != nil {
		return err
	}
	if err := s.readManifest(); err != nil {
		return err
	}
	for {
		h, err := s.tar.Next()
		if errors.Is(err, io.EOF) {
			return s.end()
		}
		if err != nil {
			return broken(err)
		}
		if err := s.entry(h); err != nil {
			return err
		}
	}
}

// broken turns an error of the tar or gzip reader into what it means.
func broken(err error) error {
	var read *readError
	var found *Problem
	if errors.As(err, &read) || errors.As(err, &found) {
		return err
	}
	return problem(ErrMalformed, "", "is damaged, or no tar.gz: %v", err)
}

func (s *scanner) open(size int64) error {
	s.packed = bufio.NewReader(s.in)
	header, err := s.packed.Peek(len(gzipHeader))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if s.gz, err = gzip.NewReader(s.packed); err != nil {
		return broken(err)
	}
	s.gz.Multistream(false)
	if !bytes.Equal(header, gzipHeader) {
		s.note(problem(ErrNotCanonical, "", "has a gzip header that is not a capsule's"))
	}
	s.unpacked = &bounded{r: s.gz, left: s.limits.unpacked(size)}
	s.tar = tar.NewReader(s.unpacked)
	s.again, err = newArchive(s.againSum)
	return err
}

// note keeps a problem after which the rest can still be looked at.
func (s *scanner) note(p *Problem) { s.problems = append(s.problems, p) }

func (s *scanner) readManifest() error {
	h, err := s.tar.Next()
	if errors.Is(err, io.EOF) {
		return problem(ErrManifest, "", "is empty: it lacks the manifest %s", ManifestPath)
	}
	if err != nil {
		return broken(err)
	}
	if h.Name != ManifestPath || h.Typeflag != tar.TypeReg {
		return problem(ErrManifest, "", "does not begin with the manifest %s", ManifestPath)
	}
	if h.Size > s.limits.ManifestBytes {
		return problem(ErrLimit, ManifestPath, "is %d bytes, at most %d are allowed", h.Size, s.limits.ManifestBytes)
	}
	raw, err := io.ReadAll(s.tar)
	if err != nil {
		return broken(err)
	}
	if s.manifest, err = decode(raw, s.limits); err != nil {
		return err
	}
	s.known = make(map[string]FileEntry, len(s.manifest.Files))
	for _, f := range s.manifest.Files {
		s.known[f.Path] = f
	}
	if err := s.again.add(ManifestPath, plainMode, int64(len(raw))); err != nil {
		return err
	}
	_, err = s.again.Write(raw)
	return err
}

// entry checks one entry behind the manifest, and visits it.
func (s *scanner) entry(h *tar.Header) error {
	if s.files++; s.files > s.limits.Files {
		return problem(ErrLimit, "", "has more than the %d files allowed", s.limits.Files)
	}
	if len(s.problems) >= maxProblems {
		return errStop
	}
	if p := s.refuse(h); p != nil {
		s.note(p)
		return nil
	}
	want := s.known[h.Name]
	delete(s.known, h.Name)
	if h.Name < s.last {
		s.note(problem(ErrNotCanonical, h.Name, "is out of order"))
	}
	s.last = h.Name
	if got := modeOf(h); got != want.Mode {
		s.note(problem(ErrChanged, h.Name, "has the mode %s, the manifest says %s", got, want.Mode))
	}
	if h.Size != want.Size {
		s.note(problem(ErrChanged, h.Name, "has %d bytes, the manifest says %d", h.Size, want.Size))
		return nil
	}
	return s.content(want)
}

// refuse says why an entry is none of the manifest's files.
func (s *scanner) refuse(h *tar.Header) *Problem {
	if s.seen[h.Name] || h.Name == ManifestPath {
		return problem(ErrDuplicate, h.Name, "comes twice")
	}
	s.seen[h.Name] = true
	if h.Typeflag != tar.TypeReg {
		return problem(ErrNotRegular, h.Name, "is no plain file, but %s", typeName(h.Typeflag))
	}
	// The one record that Pack writes. Others can make an entry sparse.
	for key := range h.PAXRecords {
		if key != "path" {
			return problem(ErrNotRegular, h.Name, "has the extended attribute %q", clip(key))
		}
	}
	if _, ok := s.known[h.Name]; ok {
		return nil
	}
	var unsafe *Problem
	if err := checkPath(h.Name, s.limits); errors.As(err, &unsafe) {
		return unsafe
	}
	return problem(ErrAdded, h.Name, "is not in the manifest")
}

func (s *scanner) content(want FileEntry) error {
	if err := s.again.add(want.Path, want.Mode, want.Size); err != nil {
		return err
	}
	sum := sha256.New()
	content := io.TeeReader(&faithful{s.tar}, io.MultiWriter(sum, s.again))
	if s.visit != nil {
		if err := s.visit(want, content); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	s.bytes += want.Size
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.SHA256 {
		s.note(problem(ErrChanged, want.Path, "has the SHA-256 %s, the manifest says %s", got, want.SHA256))
	}
	return nil
}

// faithful marks what the archive's reader says as the archive's fault.
type faithful struct{ r io.Reader }

func (f *faithful) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = broken(err)
	}
	return n, err
}

// end looks at what is behind the last entry.
func (s *scanner) end() error {
	for _, f := range s.manifest.Files {
		if _, missing := s.known[f.Path]; missing && !s.seen[f.Path] && len(s.problems) < maxProblems {
			s.note(problem(ErrMissing, f.Path, "is in the manifest but not in the archive"))
		}
	}
	behind, err := io.Copy(io.Discard, s.unpacked)
	if err != nil {
		return broken(err)
	}
	if behind > 0 {
		s.note(problem(ErrTrailing, "", "has %d bytes behind the end of the tar archive", behind))
	}
	rest, err := io.Copy(io.Discard, s.packed) // also completes size and digest
	if err != nil {
		return err
	}
	if rest > 0 {
		s.note(problem(ErrTrailing, "", "has %d bytes behind the end of the gzip stream", rest))
	}
	return s.again.Close()
}

// report sums the scan up. Comparing the bytes comes last: where something else is
// wrong they differ anyway.
func (s *scanner) report() (Report, error) {
	if _, err := io.Copy(io.Discard, s.in); err != nil {
		return Report{}, err
	}
	r := Report{
		SHA256: hex.EncodeToString(s.in.hash.Sum(nil)), Size: s.in.bytes,
		Files: s.files, Bytes: s.bytes, Signature: s.manifest.Signature.Status, Problems: s.problems,
	}
	if s.manifest.Schema != "" {
		r.Manifest = &s.manifest
	}
	switch {
	case len(r.Problems) > 0:
	case s.manifest.Packing != Packing:
		r.Notes = append(r.Notes, fmt.Sprintf(
			"packed by the rule %q, which this version does not know: the files and the manifest were checked, the archive's own bytes were not", clip(s.manifest.Packing)))
	case hex.EncodeToString(s.againSum.Sum(nil)) != r.SHA256:
		r.Problems = []*Problem{problem(ErrNotCanonical, "", "has the right files, but is not packed as %s packs them: the archive around them was changed", Packing)}
	}
	if r.Signature == Unsigned && len(r.Problems) == 0 {
		r.Notes = append(r.Notes, "unsigned: the manifest matches the files, but nobody vouches for who made them")
	}
	r.Problems = slices.Clip(append([]*Problem{}, r.Problems...))
	r.OK = len(r.Problems) == 0
	return r, nil
}

func modeOf(h *tar.Header) string { return fmt.Sprintf("%04o", h.Mode) }

func typeName(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeDir:
		return "a folder"
	case tar.TypeFifo:
		return "a pipe"
	}
	return fmt.Sprintf("an entry of type %q", flag)
}

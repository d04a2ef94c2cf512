package capsule

import (
	"archive/tar"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

// Input is what goes into a capsule.
type Input struct {
	Generator    Generator
	Project      Project
	Files        []File
	Verification Verification
	// Models that took part, in any order.
	Models []Model
	// NotChecked states in sentences what nobody verified; it must say something
	// when Verification.Status is NotVerified.
	NotChecked []string
	// Unused are the parts of the prompt that nothing came of.
	Unused []string
	// Limits that the capsule has to keep; the zero value is the default, which is
	// also what readers apply.
	Limits Limits
}

// File is one file of the project.
type File struct {
	// Path inside the project, with slashes.
	Path    string
	Content []byte
	// Executable files are programs or scripts to be run.
	Executable bool
	// Drop is the address of the drop that the file came from.
	Drop string
}

// Packed is a capsule that was written.
type Packed struct {
	Manifest Manifest
	// SHA256 of the capsule, 64 lower-case hexadecimal digits.
	SHA256 string
	// Size of the capsule in bytes.
	Size int64
}

// Pack writes a capsule to w. Equal input, whatever the order of files and
// models, gives equal bytes. When the input breaks a rule, nothing is written and
// the error is a *Problem; the exception is a ratio over the limit, which shows
// only in the end.
func Pack(w io.Writer, in Input) (Packed, error) {
	limits := in.Limits.orDefaults()
	files := slices.Clone(in.Files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	m := manifestOf(in, files)
	if err := m.check(limits); err != nil {
		return Packed{}, fmt.Errorf("packing a capsule: %w", err)
	}
	raw, err := m.encode()
	if err != nil {
		return Packed{}, fmt.Errorf("packing a capsule: %w", err)
	}
	if int64(len(raw)) > limits.ManifestBytes {
		return Packed{}, fmt.Errorf("packing a capsule: %w",
			problem(ErrLimit, ManifestPath, "is %d bytes, at most %d are allowed", len(raw), limits.ManifestBytes))
	}
	out := &meter{w: w, hash: sha256.New()}
	a, err := newArchive(out)
	if err != nil {
		return Packed{}, fmt.Errorf("packing a capsule: %w", err)
	}
	err = a.add(ManifestPath, plainMode, int64(len(raw)))
	if err == nil {
		_, err = a.Write(raw)
	}
	for i := 0; err == nil && i < len(files); i++ {
		if err = a.add(files[i].Path, m.Files[i].Mode, m.Files[i].Size); err == nil {
			_, err = a.Write(files[i].Content)
		}
	}
	if err == nil {
		err = a.Close()
	}
	if err != nil {
		return Packed{}, fmt.Errorf("packing a capsule: %w", err)
	}
	if allowed := limits.unpacked(out.bytes); a.unpacked.bytes > allowed {
		return Packed{}, fmt.Errorf("packing a capsule: %w",
			problem(ErrLimit, "", "would unpack %d bytes to %d, at most %d are allowed", out.bytes, a.unpacked.bytes, allowed))
	}
	return Packed{Manifest: m, SHA256: hex.EncodeToString(out.hash.Sum(nil)), Size: out.bytes}, nil
}

// manifestOf is the manifest of an input whose files are sorted.
func manifestOf(in Input, files []File) Manifest {
	m := Manifest{
		Schema: Schema, Packing: Packing, Generator: in.Generator, Project: in.Project, Verification: in.Verification,
		Files:      make([]FileEntry, len(files)),
		Models:     append([]Model{}, in.Models...),
		NotChecked: append([]string{}, in.NotChecked...),
		Unused:     slices.Clone(in.Unused),
		Signature:  Signature{Status: Unsigned},
	}
	m.Verification.Steps = append([]Step{}, in.Verification.Steps...)
	slices.SortFunc(m.Models, compareModels)
	m.Models = slices.Compact(m.Models)
	for i, f := range files {
		m.Files[i] = FileEntry{Path: f.Path, SHA256: drop.Digest(f.Content), Size: int64(len(f.Content)), Mode: plainMode, Drop: f.Drop}
		if f.Executable {
			m.Files[i].Mode = programMode
		}
	}
	return m
}

// The modes that entries have, as the manifest and the archive write them.
const (
	plainMode   = "0644"
	programMode = "0755"
)

func modeBits(mode string) int64 {
	if mode == programMode {
		return 0o755
	}
	return 0o644
}

// modified is the time of every entry: a fixed one, and not before the first that
// zip files and their tools can hold.
var modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// archive writes entries by the rule that Packing names. Its compressor is that of
// a module pinned in go.mod and not the standard library's, whose output changes
// with the version of Go.
type archive struct {
	gz       *gzip.Writer
	unpacked *meter
	tar      *tar.Writer
}

func newArchive(w io.Writer) (*archive, error) {
	const level = 6
	gz, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return nil, err
	}
	gz.ModTime = time.Unix(0, 0) // the header's word for "none"
	unpacked := &meter{w: gz}
	return &archive{gz: gz, unpacked: unpacked, tar: tar.NewWriter(unpacked)}, nil
}

// add begins an entry; its content is then written.
func (a *archive) add(path, mode string, size int64) error {
	return a.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: path, Size: size, Mode: modeBits(mode), ModTime: modified, Format: tar.FormatPAX,
	})
}

func (a *archive) Write(content []byte) (int, error) { return a.tar.Write(content) }

func (a *archive) Close() error {
	if err := a.tar.Close(); err != nil {
		return err
	}
	return a.gz.Close()
}

// meter counts, and hashes if it has a hash, what passes through it.
type meter struct {
	w     io.Writer
	hash  hash.Hash
	bytes int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.bytes += int64(n)
	if m.hash != nil {
		m.hash.Write(p[:n])
	}
	return n, err
}

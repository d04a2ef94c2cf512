// Package capsule packs a project into a Quantum Capsule and reads it again. A
// capsule is a tar.gz with the project's files at its root and, as its first
// entry, a manifest of them. The same input always gives the same bytes, so that
// anyone can tell whether two capsules are the same, and whether one was changed.
package capsule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

const (
	// Schema of the manifests that this package writes, and the one it reads.
	Schema = "quantumlayer.dev/capsule/v1"
	// Packing names the rule by which a capsule's bytes follow from its content;
	// it changes whenever the bytes do. A reader that knows the rule packs again
	// and compares, and so finds a change that no digest of a file covers.
	Packing = "tar+gzip/1"
	// ManifestPath is where the manifest lies in a capsule.
	ManifestPath = ".quantum/manifest.json"
	// Unsigned is the signature's status as long as capsules carry none.
	Unsigned = "unsigned"
)

// Manifest says what a capsule holds, where it came from and what is known about
// it. It has no times and no workflow's ID, as these differ between equal capsules.
type Manifest struct {
	Schema    string    `json:"schema"`
	Packing   string    `json:"packing"`
	Generator Generator `json:"generator"`
	Project   Project   `json:"project"`
	// Files are all entries but the manifest, in the order of the archive.
	Files        []FileEntry  `json:"files"`
	Verification Verification `json:"verification"`
	// Models that took part, sorted; empty when none did.
	Models []Model `json:"models"`
	// NotChecked states in sentences what nobody verified.
	NotChecked []string `json:"not_checked"`
	// Unused are the parts of the prompt that nothing came of; left out when all
	// of it was used.
	Unused    []string  `json:"unused,omitempty"`
	Signature Signature `json:"signature"`
}

// Generator is the program that packed the capsule.
type Generator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Project is what a person needs to know to use the files.
type Project struct {
	Name     string `json:"name" minLength:"1" maxLength:"200" doc:"Name of the project"`
	Language string `json:"language" minLength:"1" maxLength:"50" doc:"Programming language"`
	Type     string `json:"type" maxLength:"50" doc:"What it is, e.g. api, cli, library"`
	// EntryPoint is the file or folder that a reader begins with; empty for a
	// library.
	EntryPoint string   `json:"entry_point" maxLength:"512" doc:"File or folder that runs; empty for a library"`
	Commands   Commands `json:"commands"`
}

// Commands are lines for a shell in the project's root; empty when there is none.
type Commands struct {
	Build string `json:"build" maxLength:"1000"`
	Run   string `json:"run" maxLength:"1000"`
	Test  string `json:"test" maxLength:"1000"`
}

// FileEntry is one file of the project.
type FileEntry struct {
	// Path inside the project, with slashes.
	Path string `json:"path"`
	// SHA256 of the content, 64 lower-case hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Size in bytes.
	Size int64 `json:"size"`
	// Mode is "0644" or, for a program, "0755".
	Mode string `json:"mode"`
	// Drop is the address of the drop that the file came from.
	Drop string `json:"drop"`
}

// Verdicts of a verification.
const (
	Passed      = "passed"
	Failed      = "failed"
	NotVerified = "not_verified"
)

// NotRun is a step's status beside Passed and Failed.
const NotRun = "not_run"

// Verification is what building the project and running its tests showed.
type Verification struct {
	// Status is Passed, Failed or NotVerified.
	Status string `json:"status" enum:"passed,failed,not_verified" doc:"passed only if every step and every test did"`
	// Mode is how the code was held while it ran, e.g. namespaces; none when it
	// did not run.
	Mode string `json:"mode" maxLength:"50" doc:"Mode of the sandbox; none when nothing ran"`
	// Reason says why the status is not Passed; empty when it is.
	Reason string `json:"reason" maxLength:"4000" doc:"Why the status is not passed"`
	Steps  []Step `json:"steps" maxItems:"100"`
	Tests  Tests  `json:"tests"`
}

// Step is one step of a verification, e.g. build, vet or test.
type Step struct {
	Name   string `json:"name" minLength:"1" maxLength:"100"`
	Status string `json:"status" enum:"passed,failed,not_run"`
}

// Tests counts tests by their outcome.
type Tests struct {
	Passed  int `json:"passed" minimum:"0"`
	Failed  int `json:"failed" minimum:"0"`
	Skipped int `json:"skipped" minimum:"0"`
}

// Model is a language model that took part.
type Model struct {
	Provider string `json:"provider" maxLength:"200"`
	Model    string `json:"model" minLength:"1" maxLength:"200"`
}

// Signature says by whom a capsule is signed.
type Signature struct {
	Status string `json:"status"`
}

// encode is the manifest's one form as bytes.
func (m Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads a manifest and checks that it is one and holds together.
func decode(raw []byte, limits Limits) (Manifest, error) {
	var version struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return Manifest{}, problem(ErrManifest, ManifestPath, "is not readable: %v", err)
	}
	if version.Schema != Schema {
		return Manifest{}, problem(ErrManifest, ManifestPath, "has the schema %q, this version reads %q alone", clip(version.Schema), Schema)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return Manifest{}, problem(ErrManifest, ManifestPath, "is not readable: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, problem(ErrManifest, ManifestPath, "has something behind its end")
	}
	if err := m.check(limits); err != nil {
		return Manifest{}, err
	}
	canonical, err := m.encode()
	if err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(raw, canonical) {
		return Manifest{}, problem(ErrManifest, ManifestPath, "is not written the one way that its content has")
	}
	return m, nil
}

// check says whether a manifest keeps the rules of Schema.
func (m Manifest) check(limits Limits) error {
	bad := func(format string, args ...any) error { return problem(ErrManifest, ManifestPath, format, args...) }
	for _, text := range m.texts() {
		if !utf8.ValidString(text) {
			return bad("has text that is not UTF-8")
		}
	}
	switch {
	case m.Packing == "":
		return bad("does not say how the capsule is packed")
	case m.Generator.Name == "" || m.Generator.Version == "":
		return bad("does not say what packed the capsule")
	case m.Project.Name == "" || m.Project.Language == "":
		return bad("does not say the project's name and language")
	case m.Signature.Status != Unsigned:
		return bad("has the signature status %q, this version knows %q alone", clip(m.Signature.Status), Unsigned)
	case m.Files == nil || m.Models == nil || m.NotChecked == nil || m.Verification.Steps == nil:
		return bad("lacks one of the lists files, models, not_checked and verification.steps")
	case len(m.Files) == 0:
		return bad("names no file")
	case len(m.Files) > limits.Files:
		return problem(ErrLimit, ManifestPath, "names %d files, at most %d are allowed", len(m.Files), limits.Files)
	case !slices.IsSortedFunc(m.Models, compareModels):
		return bad("has its models out of order")
	}
	if err := m.Verification.check(m.NotChecked); err != nil {
		return bad("%v", err)
	}
	if err := m.checkFiles(limits); err != nil {
		return err
	}
	return m.checkEntryPoint()
}

func (m Manifest) checkFiles(limits Limits) error {
	spellings := newSpellings()
	var total int64
	for i, f := range m.Files {
		if err := checkPath(f.Path, limits); err != nil {
			return err
		}
		if i > 0 && f.Path < m.Files[i-1].Path {
			return problem(ErrManifest, ManifestPath, "has its files out of order at %q", f.Path)
		}
		if err := spellings.add(f.Path); err != nil {
			return err
		}
		if f.Mode != plainMode && f.Mode != programMode {
			return problem(ErrManifest, ManifestPath, "gives %q the mode %q", f.Path, clip(f.Mode))
		}
		if f.Size < 0 || f.Size > limits.TotalBytes-total {
			return problem(ErrLimit, f.Path, "makes the files larger than the %d bytes allowed", limits.TotalBytes)
		}
		total += f.Size
		from, err := drop.ParseAddress(f.Drop)
		if err != nil {
			return problem(ErrManifest, ManifestPath, "has no drop's address for %q: %v", f.Path, err)
		}
		if from.SHA256 != f.SHA256 {
			return problem(ErrManifest, ManifestPath, "says that %q came from a drop with another content", f.Path)
		}
	}
	return nil
}

// checkEntryPoint wants the entry point to be a file or a folder with files.
func (m Manifest) checkEntryPoint() error {
	entry := m.Project.EntryPoint
	if entry == "" || entry == "." {
		return nil
	}
	for _, f := range m.Files {
		if f.Path == entry || strings.HasPrefix(f.Path, entry+"/") {
			return nil
		}
	}
	return problem(ErrManifest, ManifestPath, "has the entry point %q, which is none of its files and folders", clip(entry))
}

// check refuses a verdict that the rest does not bear out: a capsule must not
// look better than what was found.
func (v Verification) check(notChecked []string) error {
	for _, n := range []int{v.Tests.Passed, v.Tests.Failed, v.Tests.Skipped} {
		if n < 0 {
			return fmt.Errorf("counts %d tests", n)
		}
	}
	ran := false
	for _, s := range v.Steps {
		switch s.Status {
		case Passed, Failed, NotRun:
		default:
			return fmt.Errorf("has a step %q with the unknown status %q", clip(s.Name), clip(s.Status))
		}
		if s.Name == "" {
			return errors.New("has a step without a name")
		}
		if v.Status == Passed && s.Status != Passed {
			return fmt.Errorf("calls the verification passed although step %q is %s", clip(s.Name), s.Status)
		}
		ran = ran || s.Status != NotRun
	}
	switch v.Status {
	case Passed:
		if v.Tests.Failed > 0 || !ran {
			return fmt.Errorf("calls the verification passed with %d tests failed and %d steps", v.Tests.Failed, len(v.Steps))
		}
	case Failed, NotVerified:
		if v.Reason == "" {
			return fmt.Errorf("gives no reason why the verification is %s", v.Status)
		}
		if v.Status == NotVerified && len(notChecked) == 0 {
			return errors.New("does not state what was not checked, although the verification did not run")
		}
	default:
		return fmt.Errorf("has the unknown verification status %q", clip(v.Status))
	}
	return nil
}

// texts are all strings of a manifest that are free text.
func (m Manifest) texts() []string {
	texts := []string{
		m.Packing, m.Generator.Name, m.Generator.Version, m.Project.Name, m.Project.Language, m.Project.Type, m.Project.EntryPoint,
		m.Project.Commands.Build, m.Project.Commands.Run, m.Project.Commands.Test, m.Verification.Mode, m.Verification.Reason,
	}
	for _, s := range m.Verification.Steps {
		texts = append(texts, s.Name)
	}
	for _, model := range m.Models {
		texts = append(texts, model.Provider, model.Model)
	}
	return append(append(texts, m.NotChecked...), m.Unused...)
}

func compareModels(a, b Model) int {
	if c := strings.Compare(a.Provider, b.Provider); c != 0 {
		return c
	}
	return strings.Compare(a.Model, b.Model)
}

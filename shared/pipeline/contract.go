package pipeline

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Contract is the plan of a project that programs check: which files there are, what each exports and imports, and which
// requirements it serves. Code is written file by file against it, tests are written from it without seeing the code.
type Contract struct {
	Name       string         `json:"name" doc:"Short name of the project, a lower-case word"`
	Module     string         `json:"module" doc:"Module path, e.g. example.com/library"`
	Type       string         `json:"type" doc:"api, cli or library"`
	EntryPoint string         `json:"entry_point" doc:"Path of the main package's folder or file; empty for a library"`
	Summary    string         `json:"summary" doc:"One sentence"`
	Files      []ContractFile `json:"files" doc:"Source files, tests and documentation aside"`
}

// ContractFile is one source file of a contract.
type ContractFile struct {
	Path         string           `json:"path"`
	Purpose      string           `json:"purpose"`
	Package      string           `json:"package" doc:"Name of the package it belongs to"`
	Exports      []ContractExport `json:"exports" doc:"Everything it exports; nothing else may be"`
	Imports      []string         `json:"imports" doc:"Paths of this project's files that it uses"`
	Packages     []string         `json:"packages" doc:"Third-party import paths that it uses"`
	Requirements []string         `json:"requirements"`
}

// ContractExport is one exported symbol.
type ContractExport struct {
	Name      string `json:"name" doc:"Symbol; methods as Type.Method"`
	Signature string `json:"signature" doc:"Declaration without body, as the language writes it"`
	Behaviour string `json:"behaviour" doc:"What it does, its errors, units and limits"`
}

// Limits of a contract.
const (
	ContractFileLimit = 200
	PathLimit         = 200 // bytes of a path
)

var pathSegment = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.\-]*$`)

// CheckPath says what is wrong with a path that something outside gave: it must be relative, clean, inside the project and plain.
func CheckPath(p string) error {
	switch {
	case p == "" || len(p) > PathLimit:
		return fmt.Errorf("path %.40q… must have 1 to %d bytes", p, PathLimit)
	case path.IsAbs(p) || path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../"):
		return fmt.Errorf("path %q must be relative, clean and inside the project", p)
	}
	for _, segment := range strings.Split(p, "/") {
		if !pathSegment.MatchString(segment) {
			return fmt.Errorf("path %q: %q may hold letters, digits, '.', '_' and '-' only", p, segment)
		}
	}
	if first, _, _ := strings.Cut(p, "/"); first == ".git" || first == ".quantum" {
		return fmt.Errorf("path %q: folder %s is reserved", p, first)
	}
	return nil
}

// Check gives everything that is wrong with the contract, in words that a model can act on; none: it holds together.
// Every functional requirement must be served by a file, and no requirement may be named that is not among them.
func (c *Contract) Check(lang string, requirements []Requirement) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(c.Files) == 0 || len(c.Files) > ContractFileLimit {
		add("files: there must be 1 to %d, there are %d", ContractFileLimit, len(c.Files))
		return wrong
	}
	if !slices.Contains(projectTypes[1:], c.Type) {
		add("type: %q is none of %s", c.Type, strings.Join(projectTypes[1:], ", "))
	}
	byPath := map[string]*ContractFile{}
	served := map[string]bool{}
	for i := range c.Files {
		f := &c.Files[i]
		if err := CheckPath(f.Path); err != nil {
			add("files: %v", err)
			continue
		}
		if byPath[f.Path] != nil {
			add("files: %s stands there twice", f.Path)
		}
		byPath[f.Path] = f
		for _, id := range f.Requirements {
			if !slices.ContainsFunc(requirements, func(r Requirement) bool { return r.ID == id }) {
				add("%s: requirement %q does not exist", f.Path, id)
			}
			served[id] = true
		}
	}
	for _, f := range c.Files {
		for _, imp := range f.Imports {
			switch {
			case imp == f.Path:
				add("%s: imports itself", f.Path)
			case byPath[imp] == nil:
				add("%s: imports %q, which is no file of the contract", f.Path, imp)
			}
		}
	}
	for _, r := range requirements {
		if r.Kind == Functional && !served[r.ID] {
			add("requirement %s: no file serves it", r.ID)
		}
	}
	if _, err := c.Order(); err != nil {
		add("%v", err)
	}
	if lang == "go" {
		wrong = append(wrong, c.checkGo()...)
	}
	return wrong
}

// Order gives the files in waves: those of a wave depend only on earlier ones, so they can be written at the same time.
// It fails on a cycle. Imports that name no file are ignored; Check reports them.
func (c *Contract) Order() ([][]ContractFile, error) {
	left := map[string]ContractFile{}
	for _, f := range c.Files {
		left[f.Path] = f
	}
	var waves [][]ContractFile
	for len(left) > 0 {
		var wave []ContractFile
		for _, f := range c.Files {
			if _, waiting := left[f.Path]; !waiting {
				continue
			}
			if !slices.ContainsFunc(f.Imports, func(imp string) bool { _, waits := left[imp]; return waits && imp != f.Path }) {
				wave = append(wave, f)
			}
		}
		if len(wave) == 0 {
			var names []string
			for _, f := range c.Files {
				if _, waiting := left[f.Path]; waiting {
					names = append(names, f.Path)
				}
			}
			return nil, fmt.Errorf("imports: these files import each other in a circle: %s", strings.Join(names, ", "))
		}
		for _, f := range wave {
			delete(left, f.Path)
		}
		waves = append(waves, wave)
	}
	return waves, nil
}

// File gives the contract's file of that path.
func (c *Contract) File(p string) (ContractFile, bool) {
	for _, f := range c.Files {
		if f.Path == p {
			return f, true
		}
	}
	return ContractFile{}, false
}

package golang

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// Dependencies resolves what a project imports, as `go mod tidy` does. A project without a go.mod gets one for that module
// path. Without an import from elsewhere it needs no network. The files must have been checked.
func (t *Toolchain) Dependencies(ctx context.Context, modulePath string, files []pipeline.File) (verification.Dependencies, error) {
	var none verification.Dependencies
	if content, ok := file(files, goMod); ok {
		if f := checkModule(files); f != nil {
			return none, fault.New(fault.Unprocessable, "go.mod: %s", f.Message)
		}
		own := modfile.ModulePath([]byte(content))
		if modulePath != "" && modulePath != own {
			return none, fault.New(fault.Unprocessable, "go.mod is of module %q, the request of %q", own, modulePath)
		}
		modulePath = own
	} else if err := module.CheckImportPath(modulePath); err != nil {
		return none, fault.New(fault.Unprocessable, "the module path is not usable: %w", err)
	}
	imported := imports(files)
	if missing := missingHere(files, modulePath, filepath.Join(t.env.GOROOT, "src"), imported); missing != nil {
		return verification.Dependencies{Missing: missing}, nil
	}
	if _, ok := file(files, goMod); !ok {
		if !thirdParty(imported, modulePath) { // what `go mod tidy` would leave as it is, and take half a second for
			return verification.Dependencies{Files: []pipeline.File{{Path: goMod, Content: t.newModule(modulePath)}}, Packages: []pipeline.Package{}}, nil
		}
		files = append(slices.Clone(files), pipeline.File{Path: goMod, Content: t.newModule(modulePath)})
	}
	project, remove, err := t.writeProject(files)
	if err != nil {
		return none, err
	}
	found, err := t.resolve(ctx, project, imported)
	return found, errors.Join(err, remove())
}

// thirdParty says whether anything is imported that is neither of the module nor of the standard library, whose paths have no dot
// in their first element.
func thirdParty(imported map[string][]string, modulePath string) bool {
	for p := range imported {
		if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") && !within(p, modulePath) {
			return true
		}
	}
	return false
}

// newModule is the go.mod of a project that has none. It asks for this toolchain's language, not for its last patch.
func (t *Toolchain) newModule(modulePath string) string {
	content := "module " + modfile.AutoQuote(modulePath) + "\n"
	if lang := version.Lang(t.env.GOVERSION); lang != "" {
		content += "\ngo " + strings.TrimPrefix(lang, "go") + "\n"
	}
	return content
}

func (t *Toolchain) resolve(ctx context.Context, project string, imported map[string][]string) (verification.Dependencies, error) {
	var d verification.Dependencies
	out, ok, err := t.fetch(ctx, project, "mod", "tidy")
	if err != nil {
		return d, err
	}
	if !ok {
		d.Missing = missingImports(out, imported)
		if d.Missing == nil {
			return d, fault.New(fault.Unprocessable, "the dependencies cannot be resolved: %s", excerpt(out))
		}
		return d, nil
	}
	for _, name := range []string{goMod, "go.sum"} {
		content, err := os.ReadFile(filepath.Join(project, name)) // written by the go command alone: no code has run
		if name != goMod && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, fmt.Errorf("reading the project: %w", err)
		}
		d.Files = append(d.Files, pipeline.File{Path: name, Content: string(content)})
	}
	mod, err := modfile.Parse(goMod, []byte(d.Files[0].Content), nil)
	if err != nil {
		return d, fmt.Errorf("reading the go.mod that go mod tidy wrote: %w", err)
	}
	d.Packages = []pipeline.Package{}
	for _, r := range mod.Require {
		licence, err := t.licence(r.Mod)
		if err != nil {
			return d, err
		}
		d.Packages = append(d.Packages, pipeline.Package{Name: r.Mod.Path, Version: r.Mod.Version, Licence: licence, Direct: !r.Indirect})
	}
	return d, nil
}

// importTrouble is how the go command says that a package cannot be had: it names who imports it, and on an indented line the
// import path and what is wrong.
var (
	importTrouble = regexp.MustCompile(`^(?:go: )?\t?([^\s:]+): (.+)$`)
	moduleTrouble = regexp.MustCompile(`^(?:go: )?([^\s:@]+)@(\S+)(?: \(.*\))?:? (requires .+|.+)$`)
)

// missingImports finds in the output of `go mod tidy` which of the imports no module provides. What concerns a module as a
// whole is told of every import from it.
func missingImports(output string, imported map[string][]string) []verification.MissingImport {
	said := map[string]string{}
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if m := importTrouble.FindStringSubmatch(line); m != nil && imported[m[1]] != nil && said[m[1]] == "" {
			said[m[1]] = m[2]
			continue
		}
		if m := moduleTrouble.FindStringSubmatch(line); m != nil {
			for p := range imported {
				if within(p, m[1]) && said[p] == "" {
					said[p] = strings.TrimPrefix(line, "go: ")
				}
			}
		}
	}
	var missing []verification.MissingImport
	for p, message := range said {
		missing = append(missing, verification.MissingImport{Import: p, Files: imported[p], Message: message})
	}
	slices.SortFunc(missing, func(a, b verification.MissingImport) int { return strings.Compare(a.Import, b.Import) })
	return missing
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|unlicense)([.\-].*)?$`)

// licenceCoverage is how much of a licence file, in percent, must be a known text.
const licenceCoverage = 75

// licence is the SPDX expression of a module in the cache; empty when there is no file that it can be read off, or its text is
// not known. A module may have several licences, which then all apply.
func (t *Toolchain) licence(m module.Version) (string, error) {
	dir, err := t.moduleDir(m)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir) // module archives hold no links
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // required, but nothing of it is built
	}
	if err != nil {
		return "", fmt.Errorf("looking for the licence of %s: %w", m, err)
	}
	var ids []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("reading the licence of %s: %w", m, err)
		}
		cover := licensecheck.Scan(text)
		if cover.Percent < licenceCoverage {
			continue
		}
		for _, match := range cover.Match {
			if !slices.Contains(ids, match.ID) {
				ids = append(ids, match.ID)
			}
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " AND "), nil
}

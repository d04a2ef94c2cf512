package golang

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

const goMod = "go.mod"

func file(files []pipeline.File, name string) (string, bool) {
	for _, f := range files {
		if f.Path == name {
			return f.Content, true
		}
	}
	return "", false
}

// checkModule says what is wrong with a project's go.mod, or nil. It must be there, and must not make the go command look at
// files outside the project or want another toolchain: some of its commands run outside the sandbox.
func checkModule(files []pipeline.File) *pipeline.Finding {
	content, ok := file(files, goMod)
	if !ok {
		return &pipeline.Finding{Message: "the project has no go.mod at its root"}
	}
	mod, err := modfile.Parse(goMod, []byte(content), nil)
	if err != nil {
		f := pipeline.Finding{File: goMod, Message: err.Error()}
		var list modfile.ErrorList
		if errors.As(err, &list) && len(list) > 0 {
			f.Line, f.Column, f.Message = list[0].Pos.Line, list[0].Pos.LineRune, list[0].Err.Error()
		}
		return &f
	}
	if mod.Module == nil {
		return &pipeline.Finding{File: goMod, Message: "no module directive"}
	}
	for _, r := range mod.Replace {
		if dir := r.New.Path; r.New.Version == "" && (path.IsAbs(dir) || !inside(dir)) {
			return &pipeline.Finding{File: goMod, Line: r.Syntax.Start.Line, Message: fmt.Sprintf("replace points outside the project: %s", dir)}
		}
	}
	if t := mod.Toolchain; t != nil {
		return &pipeline.Finding{File: goMod, Line: t.Syntax.Start.Line, Message: fmt.Sprintf("remove the directive: toolchain %s", t.Name)}
	}
	return nil
}

func inside(dir string) bool {
	clean := path.Clean(strings.ReplaceAll(dir, `\`, "/"))
	return clean != ".." && !strings.HasPrefix(clean, "../")
}

// imports lists, by import path, the Go files that import it. Files that do not parse import nothing; the build reports them.
func imports(files []pipeline.File) map[string][]string {
	found := map[string][]string{}
	for _, f := range files {
		if path.Ext(f.Path) != ".go" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, spec := range parsed.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err == nil && !slices.Contains(found[p], f.Path) {
				found[p] = append(found[p], f.Path)
			}
		}
	}
	return found
}

// within says whether an import path is of a module.
func within(p, module string) bool { return p == module || strings.HasPrefix(p, module+"/") }

// missingHere finds the imports of which it is plain without asking a registry that nobody has them: packages of the module
// itself, and such as only the standard library can have, whose source is at std.
func missingHere(files []pipeline.File, module, std string, imported map[string][]string) []verification.MissingImport {
	have := map[string]bool{}
	for _, f := range files {
		if path.Ext(f.Path) == ".go" && !strings.HasSuffix(f.Path, "_test.go") {
			have[path.Join(module, path.Dir(f.Path))] = true
		}
	}
	var missing []verification.MissingImport
	add := func(p, message string) {
		missing = append(missing, verification.MissingImport{Import: p, Files: imported[p], Message: message})
	}
	for p := range imported {
		first, _, _ := strings.Cut(p, "/")
		switch {
		case within(p, module):
			if !have[p] {
				add(p, "the project has no such package")
			}
		case p == "C" || strings.Contains(first, "."):
		case !fs.ValidPath(p):
			add(p, "this is no import path")
		default:
			if info, err := os.Stat(filepath.Join(std, filepath.FromSlash(p))); err != nil || !info.IsDir() {
				add(p, "the standard library has no such package")
			}
		}
	}
	slices.SortFunc(missing, func(a, b verification.MissingImport) int { return strings.Compare(a.Import, b.Import) })
	return missing
}

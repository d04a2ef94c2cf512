package lint

import (
	"context"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// The rules that look at all files of a project together. Those of Go know packages; the other languages' imports are
// followed as far as paths tell.
var (
	duplicateDeclaration = projectRule("duplicate-declaration", "Take one of the two out, or rename it.")
	packageMismatch      = projectRule("package-mismatch", "The files of a folder are one package.")
	missingPackage       = projectRule("missing-package", "Import a package that the project has, or write it.")
	importCycle          = projectRule("import-cycle", "Move what both need into a third package.")
	missingImport        = projectRule("missing-import", "Import the package.")
	undefinedExport      = projectRule("undefined-export", "Use a name that the package exports, or export it there.")
	missingModule        = projectRule("missing-module", "Import a file that the project has, or write it.")
)

func projectRule(id, advice string) Rule {
	return Rule{ID: id, Check: analysis.Semantic, Severity: analysis.SeverityError, Advice: advice}
}

// ProjectRules lists the rules of Project.
func ProjectRules() []Rule {
	return []Rule{duplicateDeclaration, packageMismatch, missingPackage, importCycle, missingImport, undefinedExport, missingModule}
}

// Project looks at all source files of a project together. module is the Go module's path; without it nothing is said of
// imports inside the module. All rules belong to the semantic check. The only error is the context's.
func Project(ctx context.Context, files []*syntax.File, module string) ([]pipeline.Issue, error) {
	p := &project{ctx: ctx}
	byLanguage := map[syntax.Language][]*syntax.File{}
	for _, f := range files {
		byLanguage[f.Tree.Language] = append(byLanguage[f.Tree.Language], f)
	}
	if g := byLanguage[syntax.Go]; len(g) > 0 {
		newGoProject(p, g, module).check()
	}
	scripts := append(append([]*syntax.File{}, byLanguage[syntax.JavaScript]...), byLanguage[syntax.TypeScript]...)
	p.checkScriptModules(scripts)
	p.checkPythonModules(byLanguage[syntax.Python])
	p.checkRustModules(byLanguage[syntax.Rust])
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("check the project: %w", err)
	}
	return syntax.SortIssues(p.issues), nil
}

type project struct {
	ctx    context.Context // ends the pass: the loops over files and imports stop when it is done
	issues []pipeline.Issue
}

func (p *project) report(r Rule, file string, line, column int, format string, args ...any) {
	p.issues = append(p.issues, r.issue(file, line, column, fmt.Sprintf(format, args...)))
}

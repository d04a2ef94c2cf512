// Package semanticvalidation is stage 6: what syntax trees say about the code, and whether it keeps its contract.
package semanticvalidation

import (
	"context"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	return runner.Stage(environ, pipeline.SemanticValidation, Stage{Analyser: analysis.NewClient(urls.Parser)}.Handle)
}

// Analyser reads files; analysis.Client is one.
type Analyser interface {
	Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error)
}

// Stage is the stage with what it calls.
type Stage struct{ Analyser Analyser }

// Handle gives every finding with file, line and rule, and what each file holds.
func (s Stage) Handle(ctx context.Context, in pipeline.SemanticValidationIn) (pipeline.SemanticValidationOut, error) {
	report, err := s.Analyser.Analyse(ctx, analysis.Request{Language: in.Language, Module: in.Contract.Module, Files: in.Files, Contract: in.Contract.Files,
		Checks: []analysis.Check{analysis.Syntax, analysis.Semantic}})
	if err != nil {
		return pipeline.SemanticValidationOut{}, err
	}
	out := pipeline.SemanticValidationOut{Issues: report.Issues}
	for _, f := range report.Files {
		summary := pipeline.FileSummary{Path: f.Path, Lines: f.Lines}
		for _, imp := range f.Imports {
			summary.Imports = append(summary.Imports, imp.Path)
		}
		for _, e := range f.Exports {
			summary.Exports = append(summary.Exports, e.Signature)
		}
		out.Files = append(out.Files, summary)
	}
	have := map[string]bool{}
	for _, f := range in.Files {
		have[f.Path] = true
	}
	for _, f := range in.Contract.Files {
		if !have[f.Path] {
			out.Issues = append(out.Issues, pipeline.Issue{File: f.Path, Rule: "file-missing", Severity: analysis.SeverityError,
				Message: fmt.Sprintf("the contract has %s, but nobody wrote it", f.Path)})
		}
	}
	return out, nil
}

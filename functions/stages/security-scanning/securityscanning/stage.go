// Package securityscanning is stage 10: weaknesses that syntax trees show. It asks no model.
package securityscanning

import (
	"context"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

// notChecked is what this scan does not look at; it stands in every report.
var notChecked = []string{
	"known vulnerabilities of the dependencies",
	"how data flows from one function to another",
	"what the program does when it runs",
}

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	return runner.Stage(environ, pipeline.SecurityScanning, Stage{Analyser: analysis.NewClient(urls.Parser)}.Handle)
}

// Analyser reads files; analysis.Client is one.
type Analyser interface {
	Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error)
}

// Stage is the stage with what it calls.
type Stage struct{ Analyser Analyser }

// Handle gives the weaknesses with file, line, rule and CWE, and what was not looked at.
func (s Stage) Handle(ctx context.Context, in pipeline.SecurityScanningIn) (pipeline.SecurityScanningOut, error) {
	report, err := s.Analyser.Analyse(ctx, analysis.Request{Language: in.Language, Files: in.Files, Checks: []analysis.Check{analysis.Security}})
	return pipeline.SecurityScanningOut{Issues: report.Issues, NotChecked: notChecked}, err
}

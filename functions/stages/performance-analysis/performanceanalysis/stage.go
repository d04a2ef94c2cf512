// Package performanceanalysis is stage 11: how complex the code is, and which constructs cost more than they must. Nothing is run.
package performanceanalysis

import (
	"context"

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
	return runner.Stage(environ, pipeline.PerformanceAnalysis, Stage{Analyser: analysis.NewClient(urls.Parser)}.Handle)
}

// Analyser reads files; analysis.Client is one.
type Analyser interface {
	Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error)
}

// Stage is the stage with what it calls.
type Stage struct{ Analyser Analyser }

// Handle measures every function of the code.
func (s Stage) Handle(ctx context.Context, in pipeline.PerformanceAnalysisIn) (pipeline.PerformanceAnalysisOut, error) {
	report, err := s.Analyser.Analyse(ctx, analysis.Request{Language: in.Language, Files: in.Files, Checks: []analysis.Check{analysis.Performance}})
	if err != nil {
		return pipeline.PerformanceAnalysisOut{}, err
	}
	out := pipeline.PerformanceAnalysisOut{Issues: report.Issues, Functions: []pipeline.FunctionMetrics{}, Hotspots: report.Hotspots}
	for _, f := range report.Files {
		out.Functions = append(out.Functions, f.Functions...)
	}
	return out, nil
}

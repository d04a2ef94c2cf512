// Package requirementsparsing is stage 3: the FRD as data. The parser reads it; no model is asked.
package requirementsparsing

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
	return runner.Stage(environ, pipeline.RequirementsParsing, Stage{Parser: analysis.NewClient(urls.Parser)}.Handle)
}

// Parser reads an FRD; analysis.Client is one.
type Parser interface {
	Requirements(ctx context.Context, markdown string) (pipeline.Requirements, error)
}

// Stage is the stage with what it calls.
type Stage struct{ Parser Parser }

// Handle reads requirements, entities, endpoints and commands out of the FRD. Requirements keep the numbers they have there.
func (s Stage) Handle(ctx context.Context, in pipeline.RequirementsParsingIn) (pipeline.RequirementsParsingOut, error) {
	r, err := s.Parser.Requirements(ctx, in.Markdown)
	return pipeline.RequirementsParsingOut{Requirements: r}, err
}

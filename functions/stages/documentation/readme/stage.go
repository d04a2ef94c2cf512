// Package readme is stage 12, documentation (a name that the go tool keeps for itself): the README, written from requirements, contract and what the code really exports.
package readme

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

//go:embed prompts
var files embed.FS

var template = prompt.MustLoad(files, "prompts/readme.md")

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	s := Stage{Analyser: analysis.NewClient(urls.Parser), Orchestrator: agent.NewClient(urls.Orchestrator)}
	return runner.Stage(environ, pipeline.Documentation, s.Handle)
}

// Analyser reads files; analysis.Client is one.
type Analyser interface {
	Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error)
}

// Orchestrator runs jobs; agent.Client is one.
type Orchestrator interface {
	Run(ctx context.Context, job agent.Job) (agent.Result, error)
}

// Stage is the stage with what it calls.
type Stage struct {
	Analyser     Analyser
	Orchestrator Orchestrator
}

// Handle writes README.md.
func (s Stage) Handle(ctx context.Context, in pipeline.DocumentationIn) (pipeline.DocumentationOut, error) {
	var out pipeline.DocumentationOut
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return out, err
	}
	packages, err := prompt.JSON("packages", in.Packages)
	if err != nil {
		return out, err
	}
	report, err := s.Analyser.Analyse(ctx, analysis.Request{Language: in.Request.Language, Files: in.Files})
	if err != nil {
		return out, fmt.Errorf("reading the code: %w", err)
	}
	var outline strings.Builder
	for _, f := range report.Files {
		if f.Outline != "" {
			fmt.Fprintf(&outline, "%s:\n%s\n", f.Path, f.Outline)
		}
	}
	result, err := s.Orchestrator.Run(ctx, agent.Job{WorkflowID: in.WorkflowID, Stage: pipeline.Documentation, Language: in.Request.Language,
		Model: in.Request.Model, Template: agent.FromTemplate(template), Tasks: []agent.Task{{Path: "README.md", Sections: agent.Sections(
			ask.Task(string(pipeline.Documentation), in.Request, "README.md"), requirements, contract,
			prompt.Section{Name: "outline", Format: "text", Body: strings.TrimSpace(outline.String())}, packages)}}})
	if err != nil {
		return out, err
	}
	return pipeline.DocumentationOut{SourceFiles: result.Source(template)}, nil
}

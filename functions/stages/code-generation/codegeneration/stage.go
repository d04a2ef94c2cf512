// Package codegeneration is stage 5: the source files, one model call each, in the order of the contract's imports. A repair
// finds out first which files are at fault, and asks for those again.
package codegeneration

import (
	"context"
	"embed"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

//go:embed prompts
var files embed.FS

var (
	codeTemplate   = prompt.MustLoad(files, "prompts/code.md")
	repairTemplate = prompt.MustLoad(files, "prompts/repair.md")
	triageTemplate = prompt.MustLoad(files, "prompts/triage.md")
	triageSchema   = ask.MustSchema(files, "prompts/triage.schema.json", "triage")
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	s := Stage{Model: llmclient.New(urls.Router), Orchestrator: agent.NewClient(urls.Orchestrator)}
	return runner.Stage(environ, pipeline.CodeGeneration, s.Handle)
}

// Orchestrator runs jobs; agent.Client is one.
type Orchestrator interface {
	Run(ctx context.Context, job agent.Job) (agent.Result, error)
}

// Stage is the stage with what it calls.
type Stage struct {
	Model        ask.Model
	Orchestrator Orchestrator
}

// Handle writes every file of the contract, or mends those at fault.
func (s Stage) Handle(ctx context.Context, in pipeline.CodeGenerationIn) (pipeline.CodeGenerationOut, error) {
	if in.Repair != nil {
		return s.repair(ctx, in)
	}
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return pipeline.CodeGenerationOut{}, err
	}
	job := newJob(in, codeTemplate)
	for _, f := range in.Contract.Files {
		job.Tasks = append(job.Tasks, agent.Task{Path: f.Path, Needs: f.Imports, Contract: &f,
			Sections: agent.Sections(ask.Task(string(pipeline.CodeGeneration), in.Request, f.Path), requirements, contract)})
	}
	result, err := s.Orchestrator.Run(ctx, job)
	if err != nil {
		return pipeline.CodeGenerationOut{}, err
	}
	return pipeline.CodeGenerationOut{SourceFiles: result.Source(codeTemplate)}, nil
}

func newJob(in pipeline.CodeGenerationIn, t prompt.Template) agent.Job {
	job := agent.Job{WorkflowID: in.WorkflowID, Stage: pipeline.CodeGeneration, Language: in.Request.Language, Model: in.Request.Model, Template: agent.FromTemplate(t)}
	if in.Repair != nil {
		job.Round = in.Repair.Round
	}
	return job
}

// Package testgeneration is stage 9: the test files, written from requirements, contract and plan by calls that never see the
// code. It also decides disputes about tests, on the same grounds.
package testgeneration

import (
	"context"
	"embed"
	"path"
	"strings"

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
	testTemplate    = prompt.MustLoad(files, "prompts/test.md")
	repairTemplate  = prompt.MustLoad(files, "prompts/repair.md")
	disputeTemplate = prompt.MustLoad(files, "prompts/dispute.md")
	disputeSchema   = ask.MustSchema(files, "prompts/dispute.schema.json", "dispute")
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	s := Stage{Model: llmclient.New(urls.Router), Orchestrator: agent.NewClient(urls.Orchestrator)}
	return runner.Stage(environ, pipeline.TestGeneration, s.Handle)
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

// Handle writes every file of the plan, or mends those that do not compile or whose disputes were right.
func (s Stage) Handle(ctx context.Context, in pipeline.TestGenerationIn) (pipeline.TestGenerationOut, error) {
	if in.Repair != nil {
		return s.repair(ctx, in)
	}
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return pipeline.TestGenerationOut{}, err
	}
	job := newJob(in, testTemplate)
	for _, f := range in.Plan.Files {
		plan, err := prompt.JSON("plan", f)
		if err != nil {
			return pipeline.TestGenerationOut{}, err
		}
		sections := []prompt.Section{ask.Task(string(pipeline.TestGeneration), in.Request, f.Path), requirements, contract, plan}
		if others := others(in.Plan, f.Path); others != "" {
			sections = append(sections, prompt.Section{Name: "other-files", Format: "text", Body: others})
		}
		job.Tasks = append(job.Tasks, agent.Task{Path: f.Path, Sections: agent.Sections(sections...)})
	}
	result, err := s.Orchestrator.Run(ctx, job)
	if err != nil {
		return pipeline.TestGenerationOut{}, err
	}
	return pipeline.TestGenerationOut{SourceFiles: result.Source(testTemplate)}, nil
}

// others names the test files of the same folder with their tests, so that nobody declares a name twice.
func others(plan pipeline.TestPlan, p string) string {
	var b strings.Builder
	for _, f := range plan.Files {
		if f.Path == p || path.Dir(f.Path) != path.Dir(p) {
			continue
		}
		b.WriteString(f.Path + ":")
		for _, c := range f.Cases {
			b.WriteString(" " + c.Name)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func newJob(in pipeline.TestGenerationIn, t prompt.Template) agent.Job {
	job := agent.Job{WorkflowID: in.WorkflowID, Stage: pipeline.TestGeneration, Language: in.Request.Language, Model: in.Request.Model, Template: agent.FromTemplate(t)}
	if in.Repair != nil {
		job.Round = in.Repair.Round
	}
	return job
}

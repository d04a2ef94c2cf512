// Package projectstructure is stage 4: the contract of the project, which programs check and every later stage keeps to.
package projectstructure

import (
	"context"
	"embed"

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
	template = prompt.MustLoad(files, "prompts/structure.md")
	schema   = ask.MustSchema(files, "prompts/contract.schema.json", "contract")
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	return runner.Stage(environ, pipeline.ProjectStructure, Stage{Model: llmclient.New(urls.Router)}.Handle)
}

// Stage is the stage with what it calls.
type Stage struct{ Model ask.Model }

// answer is what the model writes: its reasoning first, then the contract.
type answer struct {
	Reasoning string `json:"reasoning"`
	pipeline.Contract
}

// Handle asks for a contract until it holds together.
func (s Stage) Handle(ctx context.Context, in pipeline.ProjectStructureIn) (pipeline.ProjectStructureOut, error) {
	requirements, err := prompt.JSON("requirements", in.Requirements)
	if err != nil {
		return pipeline.ProjectStructureOut{}, err
	}
	q := ask.Question{Template: template, Model: in.Request.Model, Labels: map[string]string{"stage": string(pipeline.ProjectStructure)},
		Sections: []prompt.Section{ask.Task(string(pipeline.ProjectStructure), in.Request, ""), requirements}}
	plan, asked, err := ask.Data(ctx, s.Model, q, schema, func(a *answer) []string {
		wrong := a.Check(in.Request.Language, in.Requirements.Requirements)
		if in.Request.Type != "auto" && a.Type != in.Request.Type {
			wrong = append(wrong, "type: the user asked for a project of type "+in.Request.Type)
		}
		return wrong
	})
	out := pipeline.ProjectStructureOut{Trace: pipeline.Trace{Prompts: []pipeline.Prompt{template.Prompt()}, Usage: asked.Usage}}
	out.Contract = plan.Contract
	return out, err
}

// Package testplangeneration is stage 8: which tests there will be, planned from requirements and contract alone.
package testplangeneration

import (
	"context"
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

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
	template = prompt.MustLoad(files, "prompts/plan.md")
	schema   = ask.MustSchema(files, "prompts/plan.schema.json", "test_plan")
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	return runner.Stage(environ, pipeline.TestPlanGeneration, Stage{Model: llmclient.New(urls.Router)}.Handle)
}

// Stage is the stage with what it calls.
type Stage struct{ Model ask.Model }

type answer struct {
	Reasoning string `json:"reasoning"`
	pipeline.TestPlan
}

// Handle asks for a plan until every functional requirement has a test.
func (s Stage) Handle(ctx context.Context, in pipeline.TestPlanGenerationIn) (pipeline.TestPlanGenerationOut, error) {
	var out pipeline.TestPlanGenerationOut
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return out, err
	}
	q := ask.Question{Template: template, Model: in.Request.Model, Labels: map[string]string{"stage": string(pipeline.TestPlanGeneration)},
		Sections: []prompt.Section{ask.Task(string(pipeline.TestPlanGeneration), in.Request, ""), requirements, contract}}
	plan, asked, err := ask.Data(ctx, s.Model, q, schema, func(a *answer) []string { return check(a.TestPlan, in) })
	out.Trace = pipeline.Trace{Prompts: []pipeline.Prompt{template.Prompt()}, Usage: asked.Usage}
	out.Plan = plan.TestPlan
	return out, err
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Example)[A-Z0-9_]\w*$`)

func check(plan pipeline.TestPlan, in pipeline.TestPlanGenerationIn) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	packages := map[string]string{}
	for _, f := range in.Contract.Files {
		packages[path.Dir(f.Path)] = f.Package
	}
	paths, names, tested := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range plan.Files {
		dir := path.Dir(f.Path)
		switch {
		case pipeline.CheckPath(f.Path) != nil || !strings.HasSuffix(f.Path, "_test.go"):
			add("files: path %q must be a clean path that ends in _test.go", f.Path)
		case packages[dir] == "":
			add("%s: the contract has no package in folder %s", f.Path, dir)
		case packages[dir] == "main":
			add("%s: package main cannot be imported by tests; test the package that it calls", f.Path)
		case paths[f.Path]:
			add("%s: stands there twice", f.Path)
		}
		paths[f.Path] = true
		if len(f.Cases) == 0 {
			add("%s: has no cases", f.Path)
		}
		for _, c := range f.Cases {
			if !testName.MatchString(c.Name) {
				add("%s: %q is no name of a Go test function", f.Path, c.Name)
			}
			if names[dir+" "+c.Name] {
				add("%s: test %s stands in this folder twice", f.Path, c.Name)
			}
			names[dir+" "+c.Name] = true
			for _, id := range c.Requirements {
				if !slices.ContainsFunc(in.Requirements.Requirements, func(r pipeline.Requirement) bool { return r.ID == id }) {
					add("%s: %s: requirement %q does not exist", f.Path, c.Name, id)
				}
				tested[id] = true
			}
		}
	}
	for _, r := range in.Requirements.Requirements {
		if r.Kind == pipeline.Functional && !tested[r.ID] {
			add("requirement %s has no test", r.ID)
		}
	}
	return wrong
}

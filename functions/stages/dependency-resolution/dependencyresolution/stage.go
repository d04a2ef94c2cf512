// Package dependencyresolution is stage 7: packages that exist, with version and licence. The registry decides what exists; a
// model is asked only what was meant by an import that does not.
package dependencyresolution

import (
	"context"
	"embed"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

//go:embed prompts
var files embed.FS

var (
	template = prompt.MustLoad(files, "prompts/dependency.md")
	schema   = ask.MustSchema(files, "prompts/dependency.schema.json", "dependency")
)

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	s := Stage{Model: llmclient.New(urls.Router), Resolver: verification.NewClient(urls.Sandbox)}
	return runner.Stage(environ, pipeline.DependencyResolution, s.Handle)
}

// Resolver asks the package registries; verification.Client is one. It runs no code of the project.
type Resolver interface {
	Dependencies(ctx context.Context, req verification.DependenciesRequest) (verification.Dependencies, error)
}

// Stage is the stage with what it calls.
type Stage struct {
	Model    ask.Model
	Resolver Resolver
}

type answer struct {
	Reasoning string `json:"reasoning"`
	Packages  []struct {
		Missing     string `json:"missing"`
		Replacement string `json:"replacement"`
		Note        string `json:"note"`
	} `json:"packages"`
}

// Handle resolves every import. An import that no package provides is an issue with what was probably meant; it is never
// replaced behind the code's back.
func (s Stage) Handle(ctx context.Context, in pipeline.DependencyResolutionIn) (pipeline.DependencyResolutionOut, error) {
	var out pipeline.DependencyResolutionOut
	all := append(append([]pipeline.File(nil), in.Files...), in.TestFiles...)
	found, err := s.Resolver.Dependencies(ctx, verification.DependenciesRequest{Language: in.Request.Language, Module: in.Contract.Module, Files: all})
	if err != nil {
		return out, fmt.Errorf("resolving the imports: %w", err)
	}
	out.Packages, out.Files = found.Packages, found.Files
	if len(found.Missing) == 0 {
		return out, nil
	}
	meant, err := s.meant(ctx, in, found.Missing, &out)
	if err != nil {
		return out, err
	}
	for _, m := range found.Missing {
		for _, f := range m.Files {
			out.Issues = append(out.Issues, pipeline.Issue{File: f, Rule: "import-missing", Severity: analysis.SeverityError,
				Message: fmt.Sprintf("import %q: no package of that name exists (%s)", m.Import, m.Message), Advice: meant[m.Import]})
		}
	}
	return out, nil
}

// meant asks what each missing import was probably meant to be.
func (s Stage) meant(ctx context.Context, in pipeline.DependencyResolutionIn, missing []verification.MissingImport, out *pipeline.DependencyResolutionOut) (map[string]string, error) {
	contract, err := prompt.JSON("contract", in.Contract)
	if err != nil {
		return nil, err
	}
	list, err := prompt.JSON("missing", missing)
	if err != nil {
		return nil, err
	}
	a, asked, err := ask.Data[answer](ctx, s.Model, ask.Question{Template: template, Model: in.Request.Model,
		Labels:   map[string]string{"stage": string(pipeline.DependencyResolution)},
		Sections: []prompt.Section{ask.Task(string(pipeline.DependencyResolution), in.Request, ""), contract, list}}, schema, nil)
	out.Trace = pipeline.Trace{Prompts: []pipeline.Prompt{template.Prompt()}, Usage: asked.Usage}
	if err != nil {
		return nil, err
	}
	advice := map[string]string{}
	for _, p := range a.Packages {
		if p.Replacement != "" {
			advice[p.Missing] = fmt.Sprintf("a model suggests %s: %s", p.Replacement, p.Note)
		}
	}
	return advice, nil
}

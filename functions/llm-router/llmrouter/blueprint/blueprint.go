// Package blueprint is the provider that needs no key and no network: it answers the platform's own tasks by rules and
// templates. It reads the same sections that every model gets, knows three kinds of Go projects (REST API, command-line tool,
// library) that keep things with fields, relations and rules, and refuses everything else. The same request has the same answer.
package blueprint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// Model is the name under which the provider's answers stand in drops and manifests.
const Model = "blueprint-1"

// Provider answers requests. It has no state.
type Provider struct{}

// New gives the provider.
func New() *Provider { return &Provider{} }

// Name is the provider's name in the router's configuration.
func (*Provider) Name() string { return "blueprint" }

// task is the first section of every request.
type task struct {
	Task     string `json:"task"`
	Language string `json:"language"`
	Type     string `json:"type"`
	Path     string `json:"path"`
}

// request is a request with its sections by name.
type request struct {
	task
	sections []prompt.Section
	nonce    string
}

// Generate answers a task of the platform. Usage stays zero: nothing was paid, and the router counts the tokens itself. The error
// is a *fault.Error: BadModel for a request that is no task of the platform, Unprocessable for one that cannot be answered.
func (p *Provider) Generate(ctx context.Context, req llm.Request) (llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return llm.Response{}, err
	}
	r, err := read(req)
	if err != nil {
		return llm.Response{}, err
	}
	answer, ok := answers[r.Task]
	if !ok {
		return llm.Response{}, fault.New(fault.BadModel, "provider blueprint does not know the task %q", r.Task).WithHint("use a model for it")
	}
	text, err := answer(r)
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) {
			err = fault.New(fault.Unprocessable, "provider blueprint cannot do %s: %w", r.Task, err).WithHint("use a model: --llm-url URL --llm-model NAME")
		}
		return llm.Response{}, err
	}
	return llm.Response{Text: text, FinishReason: llm.Stop, Provider: p.Name(), Model: Model}, nil
}

// answers has a function for every task of the platform's prompts.
var answers = map[string]func(r *request) (string, error){
	"prompt-enhancement":    enhance,
	"frd-generation":        writeFRD,
	"project-structure":     design,
	"code-generation":       writeSource,
	"code-repair":           writeSource,
	"code-triage":           triage,
	"test-plan-generation":  planTests,
	"test-generation":       writeTests,
	"test-repair":           writeTests,
	"test-dispute":          decideDisputes,
	"dependency-resolution": resolve,
	"documentation":         document,
}

// read finds the sections. They stand in the first message of the user; what follows are re-asks, which change nothing.
func read(req llm.Request) (*request, error) {
	for _, m := range req.Messages {
		if m.Role != llm.User {
			continue
		}
		sections, err := prompt.Parse(m.Content)
		if err != nil {
			return nil, fault.New(fault.Unprocessable, "reading the request: %w", err)
		}
		r := &request{sections: sections, nonce: prompt.Nonce(sections)}
		if raw, ok := r.section("task"); ok {
			if err := json.Unmarshal([]byte(raw), &r.task); err != nil {
				return nil, fault.New(fault.Unprocessable, "reading the task: %w", err)
			}
			if r.Language != "go" && r.Task != "prompt-enhancement" && r.Task != "frd-generation" {
				return nil, fault.New(fault.Unprocessable, "provider blueprint writes Go, not %s", r.Language).WithHint("use a model for it")
			}
			return r, nil
		}
		break
	}
	return nil, fault.New(fault.BadModel, "provider blueprint answers the platform's own tasks only, and this request is none").
		WithHint("use a model for free questions: QL_LLM_URL, or --llm-url URL --llm-model NAME")
}

func (r *request) section(name string) (string, bool) {
	for _, s := range r.sections {
		if s.Name == name {
			return s.Body, true
		}
	}
	return "", false
}

func (r *request) decode(name string, into any) error {
	raw, ok := r.section(name)
	if !ok {
		return fmt.Errorf("section %s is missing", name)
	}
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		return fmt.Errorf("section %s: %w", name, err)
	}
	return nil
}

// project reads the project out of the section with the requirements.
func (r *request) project() (*project, []string, error) {
	var requirements pipeline.Requirements
	if err := r.decode("requirements", &requirements); err != nil {
		return nil, nil, err
	}
	p, err := fromRequirements(requirements)
	if err != nil {
		return nil, nil, err
	}
	if r.Type != "auto" && r.Type != p.Kind {
		return nil, nil, fmt.Errorf("the requirements are those of a %s, but the task asks for type %s", kindNames[p.Kind], r.Type)
	}
	var ids []string
	for _, q := range requirements.Requirements {
		ids = append(ids, q.ID)
	}
	return p, ids, nil
}

// planned is project with its contract, which must be the one of the request: this provider writes files of its own design only.
func (r *request) planned() (*project, []string, error) {
	p, ids, err := r.project()
	if err != nil {
		return nil, nil, err
	}
	var asked pipeline.Contract
	if err := r.decode("contract", &asked); err != nil {
		return nil, nil, err
	}
	for _, s := range p.sources() {
		f, ok := asked.File(s.path)
		if !ok {
			return nil, nil, fmt.Errorf("the contract is not its own: %s is missing", s.path)
		}
		if only := slices.Contains(oneFile, r.Task); only && s.path != r.Path {
			continue
		}
		text, err := s.render()
		if err != nil {
			return nil, nil, err
		}
		own, err := exportsOf(text)
		if err != nil {
			return nil, nil, err
		}
		if !slices.EqualFunc(own, f.Exports, func(a, b pipeline.ContractExport) bool { return a.Name == b.Name && a.Signature == b.Signature }) {
			return nil, nil, fmt.Errorf("the contract is not its own: it differs at %s", s.path)
		}
	}
	return p, ids, nil
}

// oneFile are the tasks that depend on one file of the contract only.
var oneFile = []string{"code-generation", "code-repair"}

// data is an answer in JSON.
func data(value any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(value); err != nil {
		return "", fmt.Errorf("writing the answer: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

func (r *request) file(content string) (string, error) { return prompt.WrapFile(r.nonce, content), nil }

package blueprint_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/blueprint"
	"github.com/quantumlayer-dev/quantumlayer/shared/frd"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

var instructions = prompt.Template{Name: "test", Version: 1, Text: "Answer between {{NONCE}}."}

// ask renders a request as the stages do and gives the answer with the request's nonce.
func ask(t *testing.T, name, typ, path string, sections ...prompt.Section) (answer, nonce string, err error) {
	t.Helper()
	system, user, nonce := prompt.Render(instructions, append([]prompt.Section{jsonSection(t, "task",
		map[string]string{"task": name, "language": "go", "type": typ, "framework": "stdlib", "path": path})}, sections...))
	resp, err := blueprint.New().Generate(context.Background(), llm.Request{Messages: []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}}})
	if err == nil && (resp.Model != blueprint.Model || resp.Provider != "blueprint" || resp.FinishReason != llm.Stop) {
		t.Errorf("%s: answer by %s/%s that ended with %q", name, resp.Provider, resp.Model, resp.FinishReason)
	}
	return resp.Text, nonce, err
}

func jsonSection(t *testing.T, name string, value any) prompt.Section {
	t.Helper()
	s, err := prompt.JSON(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// requirements runs the stages up to the parsed FRD.
func requirements(t *testing.T, text, typ string) (markdown string, r pipeline.Requirements) {
	t.Helper()
	answer, nonce, err := ask(t, "frd-generation", typ, "", prompt.Section{Name: "prompt", Format: "text", Body: text}, prompt.Section{Name: "enhanced", Format: "markdown", Body: text})
	if err != nil {
		t.Fatal(err)
	}
	markdown, _, err = prompt.UnwrapFile(nonce, answer)
	if err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	r, err = frd.Parse(markdown)
	if err != nil {
		t.Fatal(err)
	}
	for _, issue := range r.Issues {
		t.Errorf("the FRD has an issue: line %d: %s", issue.Line, issue.Message)
	}
	return markdown, r
}

// project is all that the stages make of a prompt.
type project struct {
	markdown     string
	requirements pipeline.Requirements
	contract     pipeline.Contract
	plan         pipeline.TestPlan
	files        map[string]string // source, tests, README.md and go.mod
}

// build runs every stage that asks a model.
func build(t *testing.T, text, typ string) project {
	t.Helper()
	p := project{files: map[string]string{}}
	p.markdown, p.requirements = requirements(t, text, typ)
	reqs := jsonSection(t, "requirements", p.requirements)
	answer, _, err := ask(t, "project-structure", typ, "", reqs)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.markdown)
	}
	decode(t, answer, &p.contract)
	if wrong := p.contract.Check("go", p.requirements.Requirements); wrong != nil {
		t.Fatalf("the contract is wrong: %s", strings.Join(wrong, "\n"))
	}
	contract := jsonSection(t, "contract", p.contract)
	file := func(task, path string, more ...prompt.Section) {
		answer, nonce, err := ask(t, task, typ, path, append([]prompt.Section{reqs, contract}, more...)...)
		if err != nil {
			t.Fatal(err)
		}
		content, _, err := prompt.UnwrapFile(nonce, answer)
		if err != nil {
			t.Fatal(err)
		}
		p.files[path] = content
	}
	for _, f := range p.contract.Files {
		file("code-generation", f.Path)
	}
	answer, _, err = ask(t, "test-plan-generation", typ, "", reqs, contract)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, answer, &p.plan)
	for _, f := range p.plan.Files {
		file("test-generation", f.Path, jsonSection(t, "plan", f))
	}
	file("documentation", "README.md", prompt.Section{Name: "outline", Format: "text", Body: "-"}, jsonSection(t, "packages", []pipeline.Package{}))
	p.files["go.mod"] = "module " + p.contract.Module + "\n\ngo 1.25\n"
	return p
}

func decode(t *testing.T, answer string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		t.Fatalf("%v in %.300s", err, answer)
	}
}

// tested gives the IDs that a case of the plan names.
func (p project) tested() []string {
	var ids []string
	for _, f := range p.plan.Files {
		for _, c := range f.Cases {
			ids = append(ids, c.Requirements...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

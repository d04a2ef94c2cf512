package codegeneration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/stages/code-generation/codegeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// orchestrator answers each task with "new" and the task's path, and keeps the job.
type orchestrator struct{ job agent.Job }

func (o *orchestrator) Run(_ context.Context, job agent.Job) (agent.Result, error) {
	o.job = job
	r := agent.Result{Usage: pipeline.Usage{Calls: len(job.Tasks)}}
	for _, t := range job.Tasks {
		r.Files = append(r.Files, agent.File{File: pipeline.File{Path: t.Path, Content: "new " + t.Path}, Asks: 1})
	}
	return r, nil
}

// model answers the same every time.
type model string

func (m model) Generate(context.Context, llm.Request) (llm.Response, error) {
	return llm.Response{Text: string(m), FinishReason: llm.Stop}, nil
}

func input() pipeline.CodeGenerationIn {
	return pipeline.CodeGenerationIn{
		WorkflowID: "run-1", Request: pipeline.Request{Language: "go"},
		Requirements: pipeline.Requirements{Requirements: []pipeline.Requirement{{ID: "FR-1", Kind: pipeline.Functional}}},
		Contract: pipeline.Contract{Files: []pipeline.ContractFile{
			{Path: "a.go", Package: "x"}, {Path: "b.go", Package: "x", Imports: []string{"a.go"}}}},
	}
}

func sections(t agent.Task) map[string]string {
	m := map[string]string{}
	for _, s := range t.Sections {
		m[strings.TrimSpace(s.Name+" "+s.Path)] = s.Body
	}
	return m
}

func TestOneTaskAFileInTheOrderOfImports(t *testing.T) {
	o := &orchestrator{}
	out, err := codegeneration.Stage{Orchestrator: o}.Handle(t.Context(), input())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pipeline.File{{Path: "a.go", Content: "new a.go"}, {Path: "b.go", Content: "new b.go"}}, out.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	b := o.job.Tasks[1]
	if diff := cmp.Diff([]string{"a.go"}, b.Needs); diff != "" || b.Contract.Path != "b.go" || !strings.Contains(sections(b)["task"], `"path": "b.go"`) {
		t.Errorf("task of b.go: %+v", b)
	}
	if len(out.Prompts) != 1 || out.Prompts[0].Name != "code-go" || len(out.Prompts[0].SHA256) != 64 {
		t.Errorf("prompts %+v", out.Prompts)
	}
}

func repair() *pipeline.Repair {
	return &pipeline.Repair{Round: 1,
		Files:    []pipeline.File{{Path: "a.go", Content: "old a"}, {Path: "b.go", Content: "old b"}},
		Tests:    []pipeline.File{{Path: "a_test.go", Content: "func TestLimit(t *testing.T)"}},
		Findings: []pipeline.Finding{{Step: "test", Test: "TestLimit", Message: "got 6"}}}
}

func TestRepairAsksForTheFilesAtFaultOnly(t *testing.T) {
	o := &orchestrator{}
	in := input()
	in.Repair = repair()
	m := model(`{"reasoning":"","files":[{"path":"b.go","advice":"count first"}],"disputes":[{"test":"TestLimit","file":"a_test.go","requirement":"FR-1","reason":"says five"}]}`)
	out, err := codegeneration.Stage{Model: m, Orchestrator: o}.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pipeline.File{{Path: "a.go", Content: "old a"}, {Path: "b.go", Content: "new b.go"}}, out.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	got := sections(o.job.Tasks[0])
	for name, want := range map[string]string{"current b.go": "old b", "source a.go": "old a", "advice": "count first", "tests a_test.go": "func TestLimit(t *testing.T)"} {
		if got[name] != want {
			t.Errorf("section %q is %q, want %q", name, got[name], want)
		}
	}
	if len(out.Disputes) != 1 || out.Disputes[0].Test != "TestLimit" || o.job.Round != 1 {
		t.Errorf("disputes %+v, round %d", out.Disputes, o.job.Round)
	}
}

func TestTriageMayNotTouchTestsNorInvent(t *testing.T) {
	for says, answer := range map[string]string{
		"tests cannot be changed":      `{"reasoning":"","files":[{"path":"a_test.go","advice":"x"}],"disputes":[]}`,
		"no test \"TestOther\"":        `{"reasoning":"","files":[],"disputes":[{"test":"TestOther","file":"a_test.go","requirement":"FR-1","reason":"x"}]}`,
		`requirement "FR-9" does not`:  `{"reasoning":"","files":[],"disputes":[{"test":"TestLimit","file":"a_test.go","requirement":"FR-9","reason":"x"}]}`,
		"neither a file nor a dispute": `{"reasoning":"","files":[],"disputes":[]}`,
		"stands there twice":           `{"reasoning":"","files":[{"path":"a.go","advice":"x"},{"path":"a.go","advice":"y"}],"disputes":[]}`,
	} {
		in := input()
		in.Repair = repair()
		_, err := codegeneration.Stage{Model: model(answer), Orchestrator: &orchestrator{}}.Handle(t.Context(), in)
		if !fault.Is(err, fault.BadAnswer) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}

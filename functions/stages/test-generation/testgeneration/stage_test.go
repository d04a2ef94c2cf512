package testgeneration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-generation/testgeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

type orchestrator struct{ job agent.Job }

func (o *orchestrator) Run(_ context.Context, job agent.Job) (agent.Result, error) {
	o.job = job
	var r agent.Result
	for _, t := range job.Tasks {
		r.Files = append(r.Files, agent.File{File: pipeline.File{Path: t.Path, Content: "new " + t.Path}, Asks: 1})
	}
	return r, nil
}

type model string

func (m model) Generate(context.Context, llm.Request) (llm.Response, error) {
	return llm.Response{Text: string(m), FinishReason: llm.Stop}, nil
}

func input() pipeline.TestGenerationIn {
	return pipeline.TestGenerationIn{Request: pipeline.Request{Language: "go"}, Plan: pipeline.TestPlan{Files: []pipeline.TestPlanFile{
		{Path: "a/a_test.go", Cases: []pipeline.TestCase{{Name: "TestA"}}},
		{Path: "a/b_test.go", Cases: []pipeline.TestCase{{Name: "TestB"}}},
		{Path: "c/c_test.go", Cases: []pipeline.TestCase{{Name: "TestC"}}}}}}
}

func section(t agent.Task, name string) string {
	for _, s := range t.Sections {
		if s.Name == name {
			return s.Body
		}
	}
	return ""
}

// Whoever writes a test sees requirements, contract and plan, and what others test beside it; no source.
func TestOneTaskATestFile(t *testing.T) {
	o := &orchestrator{}
	out, err := testgeneration.Stage{Orchestrator: o}.Handle(t.Context(), input())
	if err != nil || len(out.Files) != 3 {
		t.Fatalf("%+v, %v", out.Files, err)
	}
	var names []string
	for _, s := range o.job.Tasks[0].Sections {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"task", "requirements", "contract", "plan", "other-files"}, names); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	if got := section(o.job.Tasks[0], "other-files"); got != "a/b_test.go: TestB" {
		t.Errorf("other files: %q", got)
	}
	if got := section(o.job.Tasks[2], "other-files"); got != "" {
		t.Errorf("c_test.go is alone in its folder, but is told of %q", got)
	}
}

func TestUpheldDisputesAndCompilerFindingsAreMended(t *testing.T) {
	o := &orchestrator{}
	in := input()
	in.Repair = &pipeline.Repair{Round: 2,
		Files:    []pipeline.File{{Path: "a/a_test.go", Content: "func TestA"}, {Path: "a/b_test.go", Content: "func TestB"}, {Path: "c/c_test.go", Content: "func TestC"}},
		Findings: []pipeline.Finding{{Step: "vet", File: "c/c_test.go", Line: 3, Message: "undefined: X"}},
		Disputes: []pipeline.Dispute{{Test: "TestA", File: "a/a_test.go", Requirement: "FR-1", Reason: "six"}, {Test: "TestB", File: "a/b_test.go", Requirement: "FR-2", Reason: "no"}}}
	m := model(`{"reasoning":"","verdicts":[{"test":"TestA","upheld":true,"change":"expect five"},{"test":"TestB","upheld":false,"change":""}]}`)
	out, err := testgeneration.Stage{Model: m, Orchestrator: o}.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.File{{Path: "a/a_test.go", Content: "new a/a_test.go"}, {Path: "a/b_test.go", Content: "func TestB"}, {Path: "c/c_test.go", Content: "new c/c_test.go"}}
	if diff := cmp.Diff(want, out.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(out.Upheld) != 1 || out.Upheld[0].Test != "TestA" || len(out.Rejected) != 1 || out.Rejected[0].Test != "TestB" {
		t.Errorf("upheld %+v, rejected %+v", out.Upheld, out.Rejected)
	}
	if got := section(o.job.Tasks[0], "findings"); !strings.Contains(got, "expect five") {
		t.Errorf("findings of a_test.go: %s", got)
	}
}

func TestEveryDisputeNeedsAVerdict(t *testing.T) {
	in := input()
	in.Repair = &pipeline.Repair{Files: []pipeline.File{{Path: "a/a_test.go"}}, Disputes: []pipeline.Dispute{{Test: "TestA", File: "a/a_test.go"}}}
	_, err := testgeneration.Stage{Model: model(`{"reasoning":"","verdicts":[]}`), Orchestrator: &orchestrator{}}.Handle(t.Context(), in)
	if !fault.Is(err, fault.BadAnswer) || !strings.Contains(err.Error(), "1 disputes, but 0 verdicts") {
		t.Errorf("got %v", err)
	}
}

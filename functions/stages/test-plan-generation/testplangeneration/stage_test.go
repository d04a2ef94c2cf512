package testplangeneration_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-plan-generation/testplangeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

type model string

func (m model) Generate(context.Context, llm.Request) (llm.Response, error) {
	return llm.Response{Text: string(m), FinishReason: llm.Stop}, nil
}

func plan() pipeline.TestPlan {
	return pipeline.TestPlan{Strategy: "s", Files: []pipeline.TestPlanFile{{Path: "store/store_test.go", Cases: []pipeline.TestCase{
		{Name: "TestStoreAdds", Requirements: []string{"FR-1"}}, {Name: "TestStoreLimit", Requirements: []string{"FR-2"}}}}}}
}

func handle(t *testing.T, p pipeline.TestPlan) (pipeline.TestPlanGenerationOut, error) {
	raw, err := json.Marshal(struct {
		Reasoning string `json:"reasoning"`
		pipeline.TestPlan
	}{"r", p})
	if err != nil {
		t.Fatal(err)
	}
	return testplangeneration.Stage{Model: model(raw)}.Handle(t.Context(), pipeline.TestPlanGenerationIn{
		Request:      pipeline.Request{Language: "go"},
		Requirements: pipeline.Requirements{Requirements: []pipeline.Requirement{{ID: "FR-1", Kind: pipeline.Functional}, {ID: "FR-2", Kind: pipeline.Functional}, {ID: "NFR-1", Kind: pipeline.NonFunctional}}},
		Contract:     pipeline.Contract{Files: []pipeline.ContractFile{{Path: "store/store.go", Package: "store"}, {Path: "cmd/x/main.go", Package: "main"}}},
	})
}

func TestASoundPlanIsAccepted(t *testing.T) {
	out, err := handle(t, plan())
	if err != nil || len(out.Plan.Files) != 1 || out.Prompts[0].Name != "test-plan-go" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAPlanIsHeldAgainstRequirementsAndContract(t *testing.T) {
	for says, breakIt := range map[string]func(*pipeline.TestPlan){
		"requirement FR-2 has no test":  func(p *pipeline.TestPlan) { p.Files[0].Cases = p.Files[0].Cases[:1] },
		`"FR-7" does not exist`:         func(p *pipeline.TestPlan) { p.Files[0].Cases[0].Requirements = []string{"FR-1", "FR-7"} },
		"must be a clean path":          func(p *pipeline.TestPlan) { p.Files[0].Path = "store/store.go" },
		"no package in folder":          func(p *pipeline.TestPlan) { p.Files[0].Path = "shop/shop_test.go" },
		"package main cannot be":        func(p *pipeline.TestPlan) { p.Files[0].Path = "cmd/x/main_test.go" },
		"no name of a Go test function": func(p *pipeline.TestPlan) { p.Files[0].Cases[0].Name = "adds a book" },
		"stands in this folder twice":   func(p *pipeline.TestPlan) { p.Files[0].Cases[1].Name = "TestStoreAdds" },
		"has no cases": func(p *pipeline.TestPlan) {
			p.Files = append(p.Files, pipeline.TestPlanFile{Path: "store/more_test.go", Cases: []pipeline.TestCase{}})
		},
		"store_test.go: stands there twice": func(p *pipeline.TestPlan) { p.Files = append(p.Files, p.Files[0]) },
	} {
		p := plan()
		breakIt(&p)
		if _, err := handle(t, p); !fault.Is(err, fault.BadAnswer) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}

package frdgeneration_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/stages/frd-generation/frdgeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

type model string

func (m model) Generate(context.Context, llm.Request) (llm.Response, error) {
	return llm.Response{Text: string(m), FinishReason: llm.Stop}, nil
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	const usual = "Describe a program: what it does, for whom, and by which rules."
	for answer, want := range map[string]pipeline.Refusal{
		"REFUSED: a poem is no software":                      {Reason: "a poem is no software", Hint: usual},
		"REFUSED: a poem is no software\n":                    {Reason: "a poem is no software", Hint: usual},
		"REFUSED: a poem is no software\n\nAsk for a\n tool.": {Reason: "a poem is no software", Hint: "Ask for a tool."},
	} {
		out, err := frdgeneration.Stage{Model: model(answer)}.Handle(t.Context(), pipeline.FRDGenerationIn{Request: pipeline.Request{Prompt: "a poem", Language: "go"}})
		if err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		if diff := cmp.Diff(&want, out.Refusal); diff != "" {
			t.Errorf("%q (-want +got):\n%s", answer, diff)
		}
	}
}

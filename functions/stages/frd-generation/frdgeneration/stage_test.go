package frdgeneration_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
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

// document is a model that answers with a file, between the lines that the question asks for.
type document string

var begin = regexp.MustCompile(`<<<BEGIN FILE ([0-9a-f]+)>>>`)

func (d document) Generate(_ context.Context, r llm.Request) (llm.Response, error) {
	for _, m := range r.Messages {
		if line := begin.FindStringSubmatch(m.Content); line != nil {
			return llm.Response{Text: line[0] + "\n" + string(d) + "\n<<<END FILE " + line[1] + ">>>", FinishReason: llm.Stop}, nil
		}
	}
	return llm.Response{}, errors.New("the question asks for no file")
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

type parser struct{}

func (parser) Requirements(context.Context, string) (pipeline.Requirements, error) {
	return pipeline.Requirements{Requirements: make([]pipeline.Requirement, 1)}, nil
}

// What a document does not cover decides how a run ends, however a model writes it down.
func TestNotCovered(t *testing.T) {
	t.Parallel()
	for points, want := range map[string][]string{
		"## Not covered\n\n- none\n":                           nil,
		"## Not covered\n- `none`\n":                           nil,
		"## Not covered\n- None: every sentence is covered.\n": nil,
		"## Not covered\n- (none)\n":                           nil,
		"## Not covered\n- N/A\n":                              nil,
		"## Not covered\n- None of them pays by card\n":        {"None of them pays by card"},
		"## Not covered\n* Users log in\n1. Fines\n":           {"Users log in", "Fines"},
		"### not covered:\n- Users log in\n":                   {"Users log in"},
		"## Not covered\n- a\n## Terms\n- b\n":                 {"a"},
		"- a\n":                                                nil,
	} {
		out, err := frdgeneration.Stage{Model: document("# Greeter\n\n" + points), Parser: parser{}}.Handle(t.Context(), pipeline.FRDGenerationIn{Request: pipeline.Request{Prompt: "a greeter", Language: "go"}})
		if err != nil {
			t.Fatalf("%q: %v", points, err)
		}
		if diff := cmp.Diff(want, out.Unused); diff != "" {
			t.Errorf("%q (-want +got):\n%s", points, diff)
		}
	}
	many := "## Not covered\n" + strings.Repeat("- a part\n", 250)
	out, err := frdgeneration.Stage{Model: document("# Greeter\n\n" + many), Parser: parser{}}.Handle(t.Context(), pipeline.FRDGenerationIn{Request: pipeline.Request{Prompt: "a greeter", Language: "go"}})
	if err != nil || len(out.Unused) != 200 || strings.Count(strings.Join(out.Unused, " "), "a part") != 250 {
		t.Errorf("%d parts of 250: %v", len(out.Unused), err)
	}
}

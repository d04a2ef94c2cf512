package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

func TestNormaliseFillsDefaults(t *testing.T) {
	r := pipeline.Request{Prompt: "A to-do list."}
	if err := r.Normalise(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pipeline.Request{Prompt: "A to-do list.", Language: "go", Type: "auto", Framework: "stdlib"}, r); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestNormaliseNamesEveryWrongField(t *testing.T) {
	r := pipeline.Request{Prompt: " \n", Language: "cobol", Type: "game"}
	e := fault.From(r.Normalise())
	if e == nil || e.Code != fault.Unprocessable {
		t.Fatalf("got %v, want an unprocessable fault", e)
	}
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Location)
	}
	if diff := cmp.Diff([]string{"prompt", "language", "type"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if !strings.Contains(e.Error(), "known: go") {
		t.Errorf("%q does not name the known languages", e.Error())
	}
}

func TestNormaliseLimitsThePrompt(t *testing.T) {
	for prompt, ok := range map[string]bool{
		strings.Repeat("a", pipeline.PromptLimit):   true,
		strings.Repeat("a", pipeline.PromptLimit+1): false,
		"caf\xe9":        false,
		"with\x00a NUL":  false,
		"Ein Wörterbuch": true,
	} {
		r := pipeline.Request{Prompt: prompt}
		if err := r.Normalise(); (err == nil) != ok {
			t.Errorf("%.20q of %d bytes: %v, want accepted=%v", prompt, len(prompt), err, ok)
		}
	}
}

func TestEveryStageNeedsOnlyStages(t *testing.T) {
	if n := len(pipeline.Stages()); n != 12 {
		t.Fatalf("there are %d stages, want 12", n)
	}
	for _, s := range pipeline.Stages() {
		for _, need := range s.Needs() {
			if !slices.Contains(pipeline.Stages(), need) {
				t.Errorf("%s needs %s, which is no stage", s, need)
			}
		}
	}
}

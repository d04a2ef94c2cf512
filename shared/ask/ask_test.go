package ask_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// script is a model that gives its answers one by one; NONCE in an answer becomes the request's nonce.
type script struct {
	answers  []llm.Response
	requests []llm.Request
}

func (s *script) Generate(_ context.Context, req llm.Request) (llm.Response, error) {
	s.requests = append(s.requests, req)
	if len(s.requests) > len(s.answers) {
		return llm.Response{}, fmt.Errorf("asked %d times, there are %d answers", len(s.requests), len(s.answers))
	}
	a := s.answers[len(s.requests)-1]
	_, after, _ := strings.Cut(req.Messages[0].Content, "nonce ")
	a.Text = strings.ReplaceAll(a.Text, "NONCE", strings.TrimSpace(after))
	if a.FinishReason == "" {
		a.FinishReason = llm.Stop
	}
	a.Provider, a.Model, a.Usage = "script", "script-1", llm.Usage{InputTokens: 10, OutputTokens: 5}
	return a, nil
}

func answers(texts ...string) *script {
	s := &script{}
	for _, t := range texts {
		s.answers = append(s.answers, llm.Response{Text: t})
	}
	return s
}

var question = ask.Question{Template: prompt.Template{Name: "t", Version: 1, Text: "nonce {{NONCE}}"},
	Sections: []prompt.Section{ask.Task("t", pipeline.Request{Language: "go"}, "")}}

func accept(context.Context, string) ([]string, error) { return nil, nil }

const whole = "<<<BEGIN FILE NONCE>>>\npackage x\n<<<END FILE NONCE>>>"

func TestFileIsAskedForAgainWithWhatWasWrong(t *testing.T) {
	m := answers("package x", whole, whole)
	calls := 0
	content, _, open, a, err := ask.File(t.Context(), m, question, func(context.Context, string) ([]string, error) {
		if calls++; calls == 1 {
			return []string{"Get is not exported"}, nil
		}
		return nil, nil
	})
	if err != nil || content != "package x\n" || open != nil {
		t.Fatalf("got %q, %q, %v", content, open, err)
	}
	if a.Asks != 3 || len(a.Rejections) != 2 || a.Usage.Calls != 3 || a.Usage.OutputTokens != 15 || a.Usage.Model != "script-1" {
		t.Errorf("answer: %+v", a)
	}
	for i, says := range []string{"the line <<<BEGIN FILE", "Get is not exported"} {
		last := m.requests[i+1].Messages
		if !strings.Contains(last[len(last)-1].Content, says) || last[len(last)-2].Role != llm.Assistant {
			t.Errorf("re-ask %d does not say %q after the answer: %+v", i+1, says, last)
		}
		if len(last) != 4 {
			t.Errorf("re-ask %d carries %d messages, want the question, the last answer and what was wrong", i+1, len(last))
		}
	}
}

func TestFileThatNeverFits(t *testing.T) {
	never := func(context.Context, string) ([]string, error) { return []string{"wrong"}, nil }
	content, _, open, a, err := ask.File(t.Context(), answers(whole, whole, whole, whole), question, never)
	if err != nil || content != "package x\n" || len(open) != 1 || a.Asks != ask.ReAsks+1 {
		t.Errorf("a text that only the check found wrong: %q, %q, %+v, %v; want it with its finding", content, open, a, err)
	}
	_, _, _, _, err = ask.File(t.Context(), answers("a", "b", "c", "d"), question, accept)
	if !fault.Is(err, fault.BadAnswer) {
		t.Errorf("answers without markers: %v, want %s", err, fault.BadAnswer)
	}
}

func TestRefusal(t *testing.T) {
	content, refusal, _, _, err := ask.File(t.Context(), answers("REFUSED: a poem is no program\n"), question, accept)
	if err != nil || content != "" || refusal != "a poem is no program" {
		t.Errorf("got %q, %q, %v", content, refusal, err)
	}
}

func TestCutFileIsContinuedOnce(t *testing.T) {
	cut := llm.Response{Text: "<<<BEGIN FILE NONCE>>>\npackage x\n\nfunc A() {}\nfunc B", FinishReason: llm.Length}
	for name, rest := range map[string]string{
		"from the next line": "<<<BEGIN FILE NONCE>>>\nfunc B() {}\n<<<END FILE NONCE>>>",
		"repeats the anchor": "<<<BEGIN FILE NONCE>>>\nfunc A() {}\nfunc B() {}\n<<<END FILE NONCE>>>",
	} {
		t.Run(name, func(t *testing.T) {
			m := &script{answers: []llm.Response{cut, {Text: rest}}}
			content, _, _, a, err := ask.File(t.Context(), m, question, accept)
			if diff := cmp.Diff("package x\n\nfunc A() {}\nfunc B() {}\n", content); err != nil || diff != "" || a.Asks != 2 {
				t.Errorf("%v, %d asks, content (-want +got):\n%s", err, a.Asks, diff)
			}
		})
	}
	m := &script{answers: []llm.Response{cut, cut}}
	if _, _, _, _, err := ask.File(t.Context(), m, question, accept); !fault.Is(err, fault.Truncated) {
		t.Errorf("cut twice: %v, want %s", err, fault.Truncated)
	}
}

func TestLengthWithAWholeFileIsWhole(t *testing.T) {
	m := &script{answers: []llm.Response{{Text: whole + "\nand then", FinishReason: llm.Length}}}
	content, _, _, _, err := ask.File(t.Context(), m, question, accept)
	if err != nil || content != "package x\n" {
		t.Errorf("got %q, %v", content, err)
	}
}

var schema = ask.MustSchema(fstest.MapFS{"s.json": {Data: []byte(`{"type":"object","additionalProperties":false,"required":["reasoning","n"],
	"properties":{"reasoning":{"type":"string"},"n":{"type":"integer"}}}`)}}, "s.json", "number")

type number struct {
	Reasoning string `json:"reasoning"`
	N         int    `json:"n"`
}

func TestDataIsValidatedAndAskedAgain(t *testing.T) {
	m := answers("I think 3", `{"reasoning":"", "n":"3"}`, `{"reasoning":"","n":3}`, "```json\n{\"reasoning\":\"\",\"n\":4}\n```")
	got, a, err := ask.Data(t.Context(), m, question, schema, func(n *number) []string {
		if n.N != 4 {
			return []string{"n must be 4"}
		}
		return nil
	})
	if err != nil || got.N != 4 || a.Asks != 4 {
		t.Fatalf("got %+v, %+v, %v", got, a, err)
	}
	for i, says := range []string{"not one JSON value", "at /n", "n must be 4"} {
		if !strings.Contains(strings.Join(a.Rejections[i], " "), says) {
			t.Errorf("rejection %d: %q does not say %q", i, a.Rejections[i], says)
		}
	}
	if m.requests[0].Schema == nil || m.requests[0].Schema.Name != "number" {
		t.Error("the schema was not passed to the provider")
	}
}

func TestDataThatNeverFitsIsAClearFailure(t *testing.T) {
	_, a, err := ask.Data[number](t.Context(), answers("{}", "{}", "{}", "{}"), question, schema, nil)
	if !fault.Is(err, fault.BadAnswer) || a.Asks != ask.ReAsks+1 || !strings.Contains(err.Error(), "reasoning") {
		t.Errorf("got %v after %d asks", err, a.Asks)
	}
}

func TestContentFilterEndsTheQuestion(t *testing.T) {
	m := &script{answers: []llm.Response{{FinishReason: llm.ContentFilter}}}
	if _, _, err := ask.Data[number](t.Context(), m, question, schema, nil); !fault.Is(err, fault.BadAnswer) || !strings.Contains(err.Error(), "content filter") {
		t.Errorf("got %v", err)
	}
}

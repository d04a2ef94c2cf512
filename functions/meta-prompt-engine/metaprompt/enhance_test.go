package metaprompt_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/metaprompt"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/memory"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// model keeps what it was asked.
type model struct{ last llm.Request }

func (m *model) Generate(_ context.Context, req llm.Request) (llm.Response, error) {
	m.last = req
	return llm.Response{Text: `{"reasoning":"r","assumptions":["Data is kept in a file."],"edge_cases":[],"out_of_scope":["Users."]}`, FinishReason: llm.Stop, Model: "m"}, nil
}

func engine(t *testing.T) (*metaprompt.Engine, *model) {
	store, err := memory.Open("")
	if err != nil {
		t.Fatal(err)
	}
	index := vectors.New(store, func(_ context.Context, text string) ([]float32, string, error) {
		return vectors.EmbedLexical(text), vectors.Lexical, nil
	})
	m := &model{}
	return &metaprompt.Engine{Model: m, Index: index}, m
}

// learned puts a prompt among the earlier ones.
func learned(t *testing.T, e *metaprompt.Engine, text string) {
	t.Helper()
	if err := e.Index.Add(t.Context(), metaprompt.Prompts, vectors.Document{ID: drop.Digest([]byte(text))[:16], Text: text}); err != nil {
		t.Fatal(err)
	}
}

func enhance(t *testing.T, e *metaprompt.Engine, text string) pipeline.PromptEnhancementOut {
	out, err := e.Enhance(t.Context(), pipeline.PromptEnhancementIn{Request: pipeline.Request{Prompt: text, Language: "go"}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const lending = "A REST API for a lending library: members, books, loans."

func TestTheUsersWordsStayAndGetCompany(t *testing.T) {
	e, _ := engine(t)
	out := enhance(t, e, lending)
	want := lending + "\n\n## Assumptions\n\n- Data is kept in a file.\n\n## Out of scope\n\n- Users.\n"
	if diff := cmp.Diff(want, out.Prompt); diff != "" {
		t.Errorf("prompt (-want +got):\n%s", diff)
	}
	if out.Template.Name != "enhance" || out.Template.Version < 1 || out.Added != nil {
		t.Errorf("template %+v, added %+v", out.Template, out.Added)
	}
}

func TestASimilarEarlierPromptGoesInAndTheDropSaysSo(t *testing.T) {
	e, m := engine(t)
	learned(t, e, lending)
	learned(t, e, "A spreadsheet formula evaluator")
	out := enhance(t, e, "A REST API for a lending library of tools: members, tools, loans.")
	if len(out.Added) != 1 {
		t.Fatalf("added %+v, want the earlier library alone", out.Added)
	}
	a := out.Added[0]
	if a.Collection != "prompts" || a.Vectors != "lexical" || a.Text != lending || a.Score < 0.5 || a.Score > 1 {
		t.Errorf("added %+v", a)
	}
	sections, err := prompt.Parse(m.last.Messages[1].Content)
	if err != nil || sections[2].Name != "sample" || sections[2].Body != lending {
		t.Errorf("the model was asked with %+v, %v", sections, err)
	}
}

// away is an index whose server does not answer.
type away struct{ vectors.Store }

func (away) Nearest(context.Context, vectors.Space, []float32, int) ([]vectors.Document, error) {
	return nil, errors.New("connection refused")
}

func TestAnIndexThatDoesNotAnswerCostsNothingButItsTexts(t *testing.T) {
	e, m := engine(t)
	e.Index = vectors.New(away{}, func(_ context.Context, text string) ([]float32, string, error) {
		return vectors.EmbedLexical(text), vectors.Lexical, nil
	})
	out := enhance(t, e, lending)
	if diff := cmp.Diff([]string{metaprompt.Prompts, metaprompt.CodeSamples}, out.Unsearched); diff != "" || len(out.Added) > 0 {
		t.Errorf("added %v, unsearched (-want +got):\n%s", out.Added, diff)
	}
	if !strings.Contains(out.Prompt, lending) || len(m.last.Messages) == 0 {
		t.Errorf("enhanced to %q after asking %d messages", out.Prompt, len(m.last.Messages))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Enhance(ended, pipeline.PromptEnhancementIn{Request: pipeline.Request{Prompt: lending, Language: "go"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has gone: %v", err)
	}
}

func TestTheSamePromptAgainIsAskedTheSameWay(t *testing.T) {
	e, m := engine(t)
	enhance(t, e, lending)
	first := m.last
	learned(t, e, lending)
	enhance(t, e, lending)
	if diff := cmp.Diff(first, m.last); diff != "" {
		t.Errorf("the second request differs:\n%s", diff)
	}
}

func TestCodeSamplesAreAddedOverHTTP(t *testing.T) {
	e, _ := engine(t)
	server := httptest.NewServer(e.Handler())
	t.Cleanup(server.Close)
	put := func(collection string) int {
		body := fmt.Sprintf(`{"text":"package library","about":%q}`, lending+" The store of the loans.")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/v1/collections/"+collection+"/documents/run-1", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := put("code_samples"); got != 204 {
		t.Fatalf("status %d", got)
	}
	if got := put("secrets"); got != 422 {
		t.Errorf("an unknown collection: status %d, want 422", got)
	}
	if out := enhance(t, e, lending); out.Added != nil {
		t.Errorf("the same prompt got the code of its own earlier run: %+v", out.Added)
	}
	learned(t, e, lending)
	similar := "A REST API for a lending library: members, books, loans, fines."
	if out := enhance(t, e, similar); len(out.Added) != 2 || out.Added[0].Text != lending || out.Added[1].Collection != "code_samples" || out.Added[1].ID != "run-1" || out.Added[1].Text != "package library" {
		t.Errorf("added %+v", out.Added)
	}
}

package cache_test

import (
	"context"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/cachetest"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

func TestKeyIsOfWhatShapesTheAnswer(t *testing.T) {
	t.Parallel()
	key := func(provider string, change func(*llm.Request)) string {
		req := llm.Request{Model: "m", Messages: []llm.Message{{Role: llm.User, Content: "x"}}, Labels: map[string]string{"workflow": "1"}}
		change(&req)
		k, err := cache.Key(provider, req)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	same := key("p", func(*llm.Request) {})
	if key("p", func(r *llm.Request) { r.Labels = nil; r.NoCache = true }) != same {
		t.Error("labels change the key")
	}
	if key("q", func(*llm.Request) {}) == same {
		t.Error("the provider does not change the key")
	}
	cold := 0.0
	for name, change := range map[string]func(*llm.Request){
		"model":       func(r *llm.Request) { r.Model = "n" },
		"message":     func(r *llm.Request) { r.Messages[0].Content = "y" },
		"role":        func(r *llm.Request) { r.Messages[0].Role = llm.System },
		"schema":      func(r *llm.Request) { r.Schema = &llm.Schema{Name: "s"} },
		"tokens":      func(r *llm.Request) { r.MaxTokens = 1 },
		"temperature": func(r *llm.Request) { r.Temperature = &cold },
	} {
		if key("p", change) == same {
			t.Errorf("%s does not change the key", name)
		}
	}
}

// Without a store equal questions share a call all the same, and the next one pays again.
func TestNothingIsKeptWithoutAStore(t *testing.T) {
	t.Parallel()
	m, calls := cachetest.New(t, nil), 0
	ask := func(ctx context.Context, _ func(string) error) (llm.Response, error) {
		calls++
		return llm.Response{Text: "x", FinishReason: llm.Stop}, nil
	}
	for want := range 2 {
		if resp, err := m.Do(t.Context(), "k", false, nil, ask); err != nil || resp.Cached || calls != want+1 {
			t.Errorf("%+v, %v after %d calls", resp, err, calls)
		}
	}
}

// Package llmrouter is the llm-router function: one way to ask any model. Providers, the policy that chooses one, and the cache
// are packages or files of their own.
package llmrouter

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/blueprint"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/openai"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/tokens"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// Provider asks one kind of model. It is safe for concurrent use.
type Provider interface {
	Name() string
	// Generate gives the answer's text to each as it comes, in order and once (each may be nil), and then the whole answer.
	Generate(ctx context.Context, req llm.Request, each func(text string) error) (llm.Response, error)
	Models(ctx context.Context) ([]string, error)
	// Embed fails with fault.BadModel where the provider offers no embeddings.
	Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error)
}

// New builds the function: provider openai answers when QL_LLM_URL is set, else blueprint. It is ready at once: a model server
// that is down is told by the requests that need it, and takes neither the cache nor the other provider with it.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	answers, err := openAnswers(cfg)
	if err != nil {
		return nil, fmt.Errorf("wrong configuration:\n  %w", err)
	}
	own := whole{blueprint.New(), blueprint.Model}
	policy := Policy{Standard: own, Owners: map[string]Provider{blueprint.Model: own}}
	if cfg.URL != "" {
		policy.Other = openai.New(openai.Options{URL: cfg.URL, Key: cfg.Key, Model: cfg.Model,
			Timeout: cfg.Timeout, Idle: cfg.Idle, Retries: 3, Backoff: time.Second})
		policy.Standard = policy.Other
	}
	r := NewRouter(answers, cfg.EmbeddingModel, policy)
	return &runner.Service{Handler: r.Handler(), Close: answers.Close}, nil
}

// Router answers requests.
type Router struct {
	policy         Policy
	answers        *cache.Cache
	embeddingModel string
	heartbeat      time.Duration
}

// NewRouter makes a router. embeddingModel is for requests for embeddings that name no model.
func NewRouter(answers *cache.Cache, embeddingModel string, policy Policy) *Router {
	return &Router{policy: policy, answers: answers, embeddingModel: embeddingModel, heartbeat: heartbeat}
}

// Generate gives the text of an answer to each as it comes (nil: only the whole answer), from the cache where it has one.
func (r *Router) Generate(ctx context.Context, req llm.Request, each func(text string) error) (llm.Response, error) {
	p, err := r.policy.choose(req.Model)
	if err != nil {
		return llm.Response{}, err
	}
	key, err := cache.Key(p.Name(), req)
	if err != nil {
		return llm.Response{}, err
	}
	return r.answers.Do(ctx, key, req.NoCache, each, func(ctx context.Context, each func(string) error) (llm.Response, error) {
		return ask(ctx, p, req, each)
	})
}

// Embed makes one vector a text.
func (r *Router) Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error) {
	if req.Model == "" {
		req.Model = r.embeddingModel
	}
	e, err := r.policy.Standard.Embed(ctx, req)
	if err != nil {
		return e, fmt.Errorf("provider %s: %w", r.policy.Standard.Name(), err)
	}
	return e, nil
}

func ask(ctx context.Context, p Provider, req llm.Request, each func(string) error) (llm.Response, error) {
	started := time.Now()
	resp, err := p.Generate(ctx, req, each)
	if err != nil {
		return resp, fmt.Errorf("provider %s: %w", p.Name(), err)
	}
	if resp.Usage.InputTokens == 0 && resp.Usage.OutputTokens == 0 {
		resp.Usage = estimate(req, resp.Text)
	}
	slog.InfoContext(ctx, "model answered", "provider", resp.Provider, "model", resp.Model, "finish_reason", resp.FinishReason,
		"input_tokens", resp.Usage.InputTokens, "output_tokens", resp.Usage.OutputTokens, "duration_ms", time.Since(started).Milliseconds(), "labels", req.Labels)
	return resp, nil
}

func estimate(req llm.Request, text string) llm.Usage {
	u := llm.Usage{OutputTokens: tokens.Count(text), Estimated: true}
	for _, m := range req.Messages {
		u.InputTokens += tokens.Count(m.Content)
	}
	return u
}

// Package llmrouter is the llm-router function: one way to ask any model. Providers, the policy that chooses one, and the cache
// are packages or files of their own.
package llmrouter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/blueprint"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/openai"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/tokens"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

type config struct {
	URL            string        `env:"QL_LLM_URL"`          // an OpenAI-compatible server, usually …/v1; empty: provider blueprint
	Key            string        `env:"QL_LLM_API_KEY"`      // its key
	KeyFile        string        `env:"QL_LLM_API_KEY_FILE"` // or a file that holds it
	Model          string        `env:"QL_LLM_MODEL"`        // for requests that name none
	EmbeddingModel string        `env:"QL_EMBEDDING_MODEL"`  // empty: no embeddings
	Timeout        time.Duration `env:"QL_LLM_TIMEOUT" envDefault:"30m"`
	Idle           time.Duration `env:"QL_LLM_IDLE_TIMEOUT" envDefault:"10m"`
	Cache          string        `env:"QL_CACHE_URL" envDefault:"memory:"`
	CacheBytes     int64         `env:"QL_CACHE_BYTES" envDefault:"67108864"`
	CacheTTL       time.Duration `env:"QL_CACHE_TTL" envDefault:"24h"`
}

// Check is called by runner.Config. It never repeats a value that may be a key.
func (c *config) Check() error {
	var errs []error
	if c.URL != "" {
		if err := httpclient.CheckURL(c.URL); err != nil {
			errs = append(errs, fmt.Errorf("QL_LLM_URL: %w", err))
		}
	}
	if c.Key != "" && c.KeyFile != "" {
		errs = append(errs, errors.New("QL_LLM_API_KEY and QL_LLM_API_KEY_FILE are both set: set one"))
	}
	if c.KeyFile != "" {
		raw, err := os.ReadFile(c.KeyFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("QL_LLM_API_KEY_FILE: %w", err))
		}
		if c.Key = strings.TrimSpace(string(raw)); err == nil && c.Key == "" {
			errs = append(errs, errors.New("QL_LLM_API_KEY_FILE: the file is empty"))
		}
	}
	if strings.ContainsAny(c.Key, " \r\n\t") {
		errs = append(errs, errors.New("the model server's key has white space inside"))
	}
	if c.Timeout <= 0 || c.Idle <= 0 {
		errs = append(errs, errors.New("QL_LLM_TIMEOUT and QL_LLM_IDLE_TIMEOUT must be longer than nothing"))
	}
	return errors.Join(errs...)
}

// Provider asks one kind of model. Generate gives text to each as it comes; each may be nil.
type Provider interface {
	Name() string
	Generate(ctx context.Context, req llm.Request, each func(text string) error) (llm.Response, error)
	Models(ctx context.Context) ([]string, error)
	Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error)
}

// New builds the function: provider openai when QL_LLM_URL is set, else blueprint.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	answers, err := cache.Open(cfg.Cache, cfg.CacheBytes, cfg.CacheTTL)
	if err != nil {
		return nil, err
	}
	policy := Policy{providers: []Provider{whole{blueprint.New()}}}
	if cfg.URL != "" {
		policy.providers = append([]Provider{openai.New(openai.Options{URL: cfg.URL, Key: cfg.Key, Model: cfg.Model,
			Timeout: cfg.Timeout, Idle: cfg.Idle, Retries: 3, Backoff: time.Second})}, policy.providers...)
	}
	r := &Router{policy: policy, answers: answers, embeddingModel: cfg.EmbeddingModel}
	return &runner.Service{Handler: r.Handler()}, nil
}

// Router answers requests.
type Router struct {
	policy         Policy
	answers        *cache.Memory
	embeddingModel string
}

// NewRouter makes a router over providers, the first of which is the default.
func NewRouter(answers *cache.Memory, embeddingModel string, providers ...Provider) *Router {
	return &Router{policy: Policy{providers}, answers: answers, embeddingModel: embeddingModel}
}

// Generate gives a whole answer, from the cache where it has one.
func (r *Router) Generate(ctx context.Context, req llm.Request) (llm.Response, error) {
	p := r.policy.choose(req.Model)
	fetch := func(ctx context.Context) (llm.Response, error) { return r.fetch(ctx, p, req, nil) }
	if req.NoCache {
		return fetch(ctx)
	}
	key, err := cache.Key(p.Name(), req)
	if err != nil {
		return llm.Response{}, err
	}
	return r.answers.Do(ctx, key, fetch)
}

// Stream gives an answer piece by piece. It is not cached: who streams wants to see the model at work.
func (r *Router) Stream(ctx context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	return r.fetch(ctx, r.policy.choose(req.Model), req, each)
}

func (r *Router) fetch(ctx context.Context, p Provider, req llm.Request, each func(string) error) (llm.Response, error) {
	started := time.Now()
	resp, err := p.Generate(ctx, req, each)
	if err != nil {
		return resp, fmt.Errorf("provider %s: %w", p.Name(), err)
	}
	if resp.Usage.InputTokens == 0 && resp.Usage.OutputTokens == 0 {
		if err := estimate(&resp, req); err != nil {
			return resp, fmt.Errorf("counting tokens: %w", err)
		}
	}
	attrs := []any{"provider", resp.Provider, "model", resp.Model, "finish_reason", resp.FinishReason, "input_tokens", resp.Usage.InputTokens,
		"output_tokens", resp.Usage.OutputTokens, "duration_ms", time.Since(started).Milliseconds()}
	for k, v := range req.Labels {
		attrs = append(attrs, k, v)
	}
	slog.InfoContext(ctx, "model answered", attrs...)
	return resp, nil
}

func estimate(resp *llm.Response, req llm.Request) error {
	resp.Usage.Estimated = true
	for _, m := range req.Messages {
		n, err := tokens.Count(m.Content)
		if err != nil {
			return err
		}
		resp.Usage.InputTokens += n
	}
	n, err := tokens.Count(resp.Text)
	resp.Usage.OutputTokens = n
	return err
}

// bodyLimit is the largest request in bytes: a conversation with many files in it.
const bodyLimit = 16 << 20

// Handler is the HTTP interface.
func (r *Router) Handler() http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("llm-router", "1"))
	huma.Register(api, huma.Operation{OperationID: "generate", Method: http.MethodPost, Path: "/generate", Summary: "A whole answer",
		MaxBodyBytes: bodyLimit, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct{ Body llm.Request }) (*struct{ Body llm.Response }, error) {
		resp, err := r.Generate(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct{ Body llm.Response }{resp}, nil
	})
	mux.HandleFunc("POST /stream", r.stream)
	mux.HandleFunc("POST /v1/chat/completions", r.chatCompletions)
	mux.HandleFunc("POST /v1/embeddings", r.embeddings)
	mux.HandleFunc("GET /v1/models", r.models)
	return mux
}

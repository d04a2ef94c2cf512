// Package metaprompt is the meta-prompt-engine function: it puts into a prompt what a builder would ask back, and earlier
// prompts and code that resemble it. The user's own words always stay as they are.
package metaprompt

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

type config struct {
	services.URLs
	Vectors string `env:"QL_VECTORS_URL" envDefault:"memory:"`
	// APIKey is Qdrant's, in the place of the URL's.
	APIKey string `env:"QL_VECTORS_API_KEY"`
}

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	router := llmclient.New(cfg.Router)
	store, err := openVectors(cfg)
	if err != nil {
		return nil, fmt.Errorf("QL_VECTORS_URL: %w", err)
	}
	e := &Engine{Model: router, Index: vectors.New(store, embedWith(router)), Drops: dropclient.New(cfg.Drops)}
	return &runner.Service{Handler: e.Handler(), Close: func(context.Context) error { return store.Close() }}, nil
}

// Embedder makes vectors of texts; llmclient.Client is one.
type Embedder interface {
	Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error)
}

// embedWith asks the router for embeddings, and falls back to lexical vectors where no model offers them.
func embedWith(router Embedder) vectors.Embed {
	return func(ctx context.Context, text string) ([]float32, string, error) {
		e, err := router.Embed(ctx, llm.EmbeddingsRequest{Input: []string{text}})
		switch {
		case err == nil && len(e.Vectors) == 1 && len(e.Vectors[0]) > 0:
			return e.Vectors[0], "embedding:" + e.Model, nil
		case ctx.Err() != nil:
			return nil, "", ctx.Err()
		case err != nil:
			slog.DebugContext(ctx, "no embeddings, similarity is lexical", "cause", err.Error())
		}
		return vectors.EmbedLexical(text), vectors.Lexical, nil
	}
}

// The collections.
const (
	Prompts     = "prompts"
	CodeSamples = "code_samples"
)

// Handler is the HTTP interface.
func (e *Engine) Handler() http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("meta-prompt-engine", "1"))
	huma.Register(api, huma.Operation{OperationID: "enhance", Method: http.MethodPost, Path: "/v1/enhancements",
		Summary: "Enhance a prompt", MaxBodyBytes: 1 << 20, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct{ Body pipeline.PromptEnhancementIn }) (*struct {
		Body pipeline.PromptEnhancementOut
	}, error) {
		out, err := e.Enhance(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct {
			Body pipeline.PromptEnhancementOut
		}{out}, nil
	})
	huma.Register(api, huma.Operation{OperationID: "list-templates", Method: http.MethodGet, Path: "/v1/templates", Summary: "The prompt templates with their versions"}, func(context.Context, *struct{}) (*struct{ Body []pipeline.Prompt }, error) {
		return &struct{ Body []pipeline.Prompt }{[]pipeline.Prompt{template.Prompt()}}, nil
	})
	huma.Register(api, huma.Operation{OperationID: "add-document", Method: http.MethodPut, Path: "/v1/collections/{collection}/documents/{id}",
		Summary: "Put a text into a collection, where later prompts find it", MaxBodyBytes: 1 << 20, DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *struct {
		Collection string `path:"collection" enum:"prompts,code_samples"`
		ID         string `path:"id" maxLength:"200" pattern:"^[A-Za-z0-9@:._-]+$"`
		Body       struct {
			Text  string `json:"text" minLength:"1" maxLength:"65536"`
			About string `json:"about,omitempty" maxLength:"65536" doc:"What the text is found by; empty: by itself"`
		}
	}) (*struct{}, error) {
		return nil, asFault(e.Index.Add(ctx, in.Collection, vectors.Document{ID: in.ID, About: in.Body.About, Text: in.Body.Text}))
	})
	mux.Handle("POST "+eventsPath, runner.Receiver(e.learn))
	return mux
}

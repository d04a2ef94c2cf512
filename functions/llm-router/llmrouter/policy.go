package llmrouter

import (
	"context"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/blueprint"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Policy chooses who answers a request.
type Policy struct {
	providers []Provider // the first is the default
}

// choose gives the provider of a model: blueprint for its own model, the default for every other.
func (p Policy) choose(model string) Provider {
	for _, candidate := range p.providers {
		if model == blueprint.Model && candidate.Name() == "blueprint" {
			return candidate
		}
	}
	return p.providers[0]
}

// whole makes a provider of one that only gives whole answers.
type whole struct {
	provider interface {
		Name() string
		Generate(ctx context.Context, req llm.Request) (llm.Response, error)
	}
}

func (w whole) Name() string { return w.provider.Name() }

func (w whole) Generate(ctx context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	resp, err := w.provider.Generate(ctx, req)
	if err == nil && each != nil {
		err = each(resp.Text)
	}
	return resp, err
}

func (w whole) Models(context.Context) ([]string, error) { return []string{blueprint.Model}, nil }

func (w whole) Embed(context.Context, llm.EmbeddingsRequest) (llm.Embeddings, error) {
	return llm.Embeddings{}, fault.New(fault.BadModel, "provider %s offers no embeddings", w.Name())
}

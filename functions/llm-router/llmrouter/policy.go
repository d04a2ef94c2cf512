package llmrouter

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Policy chooses who answers a request.
type Policy struct {
	Standard Provider            // answers requests that name no model, and all for embeddings
	Owners   map[string]Provider // who answers for a model that one provider alone has
	Other    Provider            // answers for every other model; nil: nobody does
}

func (p Policy) choose(model string) (Provider, error) {
	owner, owned := p.Owners[model]
	switch {
	case model == "":
		return p.Standard, nil
	case owned:
		return owner, nil
	case p.Other != nil:
		return p.Other, nil
	}
	return nil, fault.New(fault.BadModel, "no provider has the model %q; there is %s", model, strings.Join(slices.Sorted(maps.Keys(p.Owners)), ", ")).
		WithHint("set --llm-url or QL_LLM_URL to a server that has it")
}

// providers are all, each once, the standard one first.
func (p Policy) providers() []Provider {
	all := []Provider{p.Standard}
	add := func(q Provider) {
		if q != nil && !slices.ContainsFunc(all, func(have Provider) bool { return have.Name() == q.Name() }) {
			all = append(all, q)
		}
	}
	add(p.Other)
	for _, model := range slices.Sorted(maps.Keys(p.Owners)) {
		add(p.Owners[model])
	}
	return all
}

// whole makes a provider of one that only gives whole answers, of one model.
type whole struct {
	provider interface {
		Name() string
		Generate(ctx context.Context, req llm.Request) (llm.Response, error)
	}
	model string
}

func (w whole) Name() string { return w.provider.Name() }

func (w whole) Generate(ctx context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	resp, err := w.provider.Generate(ctx, req)
	if err == nil && each != nil {
		err = each(resp.Text)
	}
	return resp, err
}

func (w whole) Models(context.Context) ([]string, error) { return []string{w.model}, nil }

func (w whole) Embed(context.Context, llm.EmbeddingsRequest) (llm.Embeddings, error) {
	return llm.Embeddings{}, fault.New(fault.BadModel, "provider %s offers no embeddings", w.Name()).WithHint("set QL_LLM_URL and QL_EMBEDDING_MODEL")
}

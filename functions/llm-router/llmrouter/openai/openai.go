// Package openai is the router's provider for every server that speaks OpenAI's chat completions: OpenAI, Groq, Ollama, vLLM
// and many more. It is the only package that imports the SDK.
package openai

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// answerLimit is the longest answer in bytes; a model that runs on and on ends there.
const answerLimit = 8 << 20

// Options says which server is asked.
type Options struct {
	URL     string        // base URL, usually …/v1
	Key     string        // bearer token; empty: none is sent
	Model   string        // for requests that name none; empty: the first that the server lists
	Timeout time.Duration // for one call, retries included
	Idle    time.Duration // the longest silence in a stream, its beginning included
	Retries int           // after the first try, for what a retry may help
	Backoff time.Duration // before the first retry; doubles
}

// Provider asks one server. It is safe for concurrent use.
type Provider struct {
	options Options
	where   string // the URL, fit for messages
	client  sdk.Client
	forms   forms
	first   atomic.Pointer[string] // first model that the server listed
}

// New makes a provider.
func New(o Options) *Provider {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32 // all calls go to one host
	p := &Provider{options: o, where: o.URL}
	if u, err := url.Parse(o.URL); err == nil {
		p.where = u.Redacted()
	}
	// The SDK's constructor reads OPENAI_… variables; here everything comes from options, so that no key goes to a server
	// that it was not meant for.
	p.client = sdk.Client{Options: []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(o.URL, "/") + "/"),
		option.WithMaxRetries(0), // retries are ours, see again
		option.WithHTTPClient(&http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a POST would become a GET
		}),
		option.WithMiddleware(refusals),
	}}
	if o.Key != "" {
		p.client.Options = append(p.client.Options, option.WithAPIKey(o.Key))
	}
	return p
}

// Name is the provider's name in drops and accounts.
func (p *Provider) Name() string { return "openai" }

// Generate asks the server and gives the answer's text to each as it comes (nil: only at the end). It streams in any case, so
// that a slow model is not taken for a dead one. Errors are faults: BadModel for what only a change of configuration mends,
// ModelDown for what a later try may, BadAnswer for an answer without end.
func (p *Provider) Generate(ctx context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	ctx, cancel := p.limit(ctx)
	defer cancel()
	model, err := p.model(ctx, req.Model)
	if err != nil {
		return llm.Response{}, err
	}
	begun := false
	resp, err := again(ctx, p.options, func() (llm.Response, error) {
		resp, err := p.converse(ctx, model, req, func(text string) error {
			begun = true
			if each == nil {
				return nil
			}
			return each(text)
		})
		if begun {
			err = settled(err) // a second try would say the text twice
		}
		return resp, err
	})
	if err != nil {
		return llm.Response{}, ended(ctx, err)
	}
	resp.Provider = p.Name()
	return resp, nil
}

// limit gives a call its time.
func (p *Provider) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, p.options.Timeout, fault.New(fault.DeadlinePassed, "the model did not finish within %s", p.options.Timeout).
		WithHint("raise QL_LLM_TIMEOUT, or use a faster model"))
}

// model gives the model to ask: the request's, the configured one, or the first that the server lists.
func (p *Provider) model(ctx context.Context, asked string) (string, error) {
	if asked = cmp.Or(asked, p.options.Model); asked != "" {
		return asked, nil
	}
	if m := p.first.Load(); m != nil {
		return *m, nil
	}
	names, err := p.Models(ctx)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fault.New(fault.BadModel, "no model is named, and the server at %s lists none", p.where).WithHint("name one with --llm-model or QL_LLM_MODEL")
	}
	p.first.Store(&names[0])
	return names[0], nil
}

// Models lists what the server offers.
func (p *Provider) Models(ctx context.Context) ([]string, error) {
	var page struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := p.fetch(ctx, http.MethodGet, "models", "", nil, &page); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(page.Data))
	for _, m := range page.Data {
		names = append(names, m.ID)
	}
	return names, nil
}

// Embed makes vectors with the model of the request, which must name one: chat models make none.
func (p *Provider) Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error) {
	if req.Model == "" {
		return llm.Embeddings{}, fault.New(fault.BadModel, "no model for embeddings is named").WithHint("set QL_EMBEDDING_MODEL")
	}
	var list struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	err := p.fetch(ctx, http.MethodPost, "embeddings", req.Model, sdk.EmbeddingNewParams{Model: req.Model,
		Input: sdk.EmbeddingNewParamsInputUnion{OfArrayOfStrings: req.Input}, EncodingFormat: sdk.EmbeddingNewParamsEncodingFormatFloat}, &list)
	if err != nil {
		return llm.Embeddings{}, err
	}
	out := llm.Embeddings{Model: req.Model, Vectors: make([][]float32, len(req.Input))}
	for _, d := range list.Data {
		if d.Index < 0 || d.Index >= len(out.Vectors) {
			return llm.Embeddings{}, fault.New(fault.ModelDown, "the model server answered a vector for text %d of %d", d.Index, len(req.Input))
		}
		out.Vectors[d.Index] = d.Embedding
	}
	for i, v := range out.Vectors {
		if len(v) == 0 || len(v) != len(out.Vectors[0]) {
			return llm.Embeddings{}, fault.New(fault.ModelDown, "the model server answered a vector of %d numbers for text %d, and of %d for the first", len(v), i, len(out.Vectors[0]))
		}
	}
	return out, nil
}

// fetch gets a plain JSON answer.
func (p *Provider) fetch(ctx context.Context, method, path, model string, params, into any) error {
	ctx, cancel := p.limit(ctx)
	defer cancel()
	_, err := again(ctx, p.options, func() (struct{}, error) {
		var raw *http.Response
		if err := p.client.Execute(ctx, method, path, params, &raw); err != nil {
			return struct{}{}, p.explain(ctx, model, err)
		}
		defer raw.Body.Close()
		if err := p.isJSON(raw); err != nil {
			return struct{}{}, err
		}
		body, err := readAll(raw.Body)
		if err != nil {
			return struct{}{}, p.explain(ctx, model, err)
		}
		if err := json.Unmarshal(body, into); err != nil {
			return struct{}{}, fault.New(fault.ModelDown, "the model server answered %s with something that is not the JSON expected: %w", path, err)
		}
		return struct{}{}, nil
	})
	return ended(ctx, err)
}

// Package openai is the router's provider for every server that speaks OpenAI's chat completions: OpenAI, Groq, Ollama, vLLM
// and many more. It is the only package that imports the SDK.
package openai

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

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
	Timeout time.Duration // for one call, tries included
	Idle    time.Duration // the longest silence in a stream
	Retries int           // after the first try, for what a retry may help
	Backoff time.Duration // before the first retry; doubles
}

// Provider asks one server. It is safe for concurrent use.
type Provider struct {
	options  Options
	chat     sdk.ChatCompletionService
	models   sdk.ModelService
	embed    sdk.EmbeddingService
	dialect  atomic.Int32 // index into dialects of the first that worked
	firstOne atomic.Pointer[string]
}

// New makes a provider. The SDK's own clients read OPENAI_… variables; here everything comes from options, so that no key goes
// to a server that it was not meant for.
func New(o Options) *Provider {
	opts := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(o.URL, "/") + "/"),
		option.WithMaxRetries(0), // the policy below owns retries
		option.WithHTTPClient(&http.Client{Transport: http.DefaultTransport}),
		option.WithMiddleware(guard(o.Idle)),
	}
	if o.Key != "" {
		opts = append(opts, option.WithAPIKey(o.Key))
	}
	return &Provider{options: o, chat: sdk.NewChatCompletionService(opts...), models: sdk.NewModelService(opts...), embed: sdk.NewEmbeddingService(opts...)}
}

// Name is the provider's name in drops and accounts.
func (p *Provider) Name() string { return "openai" }

// Generate asks the server and gives the answer's text to each as it comes (nil: only at the end). It streams, so that a slow
// model is not taken for a dead one. Errors are faults: BadModel for what only a change of configuration mends, ModelDown and
// Busy for what a later try may.
func (p *Provider) Generate(ctx context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Timeout, fault.New(fault.DeadlinePassed, "the model did not finish within %s", p.options.Timeout).
		WithHint("raise QL_LLM_TIMEOUT, or use a faster model"))
	defer cancel()
	model, err := p.model(ctx, req.Model)
	if err != nil {
		return llm.Response{}, err
	}
	begun := false // once text went out, a second try would say it twice
	forward := func(text string) error {
		begun = true
		if each == nil {
			return nil
		}
		return each(text)
	}
	policy := retrypolicy.NewBuilder[llm.Response]().
		HandleIf(func(_ llm.Response, err error) bool {
			return err != nil && ctx.Err() == nil && !begun && (fault.Is(err, fault.ModelDown) || fault.Is(err, fault.Busy))
		}).
		WithMaxRetries(p.options.Retries).WithBackoff(p.options.Backoff, 16*p.options.Backoff).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[llm.Response]) time.Duration {
			if e := fault.From(exec.LastError()); e != nil && e.RetryAfter > 0 && e.RetryAfter <= 30*time.Second {
				return e.RetryAfter
			}
			return -1 // the back-off
		}).
		ReturnLastFailure().Build()
	resp, err := failsafe.With(policy).WithContext(ctx).Get(func() (llm.Response, error) {
		resp, err := p.speak(ctx, model, req, forward)
		if err != nil {
			err = p.explain(ctx, model, err)
		}
		return resp, err
	})
	resp.Provider = p.Name()
	return resp, err
}

// dialect is how much of the protocol a server understands.
type dialect struct {
	stream bool
	usage  bool // stream_options
	schema string
}

// dialects are tried in this order when a server answers 400 to a request; the first that works is remembered.
var dialects = []dialect{
	{true, true, "json_schema"}, {true, false, "json_schema"}, {true, true, "json_object"}, {true, true, "none"}, {true, false, "none"}, {false, false, "none"},
}

func (p *Provider) speak(ctx context.Context, model string, req llm.Request, each func(string) error) (llm.Response, error) {
	var first error
	for i := int(p.dialect.Load()); i < len(dialects); i++ {
		resp, err := p.complete(ctx, model, req, dialects[i], each)
		if err == nil {
			if first != nil {
				p.dialect.Store(int32(i))
				slog.WarnContext(ctx, "the model server does not understand all of the protocol", "stream", dialects[i].stream, "usage", dialects[i].usage, "response_format", dialects[i].schema, "cause", p.redact(first.Error()))
			}
			return resp, nil
		}
		var refused *sdk.Error
		if !errors.As(err, &refused) || (refused.StatusCode != http.StatusBadRequest && refused.StatusCode != http.StatusUnprocessableEntity) {
			return resp, err
		}
		if first == nil {
			first = err
		}
	}
	return llm.Response{}, first
}

func (p *Provider) params(model string, req llm.Request, d dialect) sdk.ChatCompletionNewParams {
	params := sdk.ChatCompletionNewParams{Model: model}
	for _, m := range req.Messages {
		switch m.Role {
		case llm.System:
			params.Messages = append(params.Messages, sdk.SystemMessage(m.Content))
		case llm.Assistant:
			params.Messages = append(params.Messages, sdk.AssistantMessage(m.Content))
		default:
			params.Messages = append(params.Messages, sdk.UserMessage(m.Content))
		}
	}
	if req.MaxTokens > 0 {
		params.MaxTokens = sdk.Int(int64(req.MaxTokens))
	}
	if req.Temperature != nil {
		params.Temperature = sdk.Float(*req.Temperature)
	}
	if d.usage {
		params.StreamOptions.IncludeUsage = sdk.Bool(true)
	}
	if req.Schema != nil {
		switch d.schema {
		case "json_schema":
			params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name: req.Schema.Name, Strict: sdk.Bool(true), Schema: req.Schema.Schema}}
		case "json_object":
			params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
		}
		if d.schema != "json_schema" {
			params.Messages = append(params.Messages, sdk.SystemMessage("The answer must fit this JSON Schema:\n"+string(req.Schema.Schema)))
		}
	}
	return params
}

func (p *Provider) complete(ctx context.Context, model string, req llm.Request, d dialect, each func(string) error) (llm.Response, error) {
	if !d.stream {
		return p.plain(ctx, model, p.params(model, req, d), each)
	}
	ctx, cancel := context.WithCancel(ctx) // ends the upstream connection when we leave early
	defer cancel()
	stream := p.chat.NewStreaming(context.WithValue(ctx, streaming{}, true), p.params(model, req, d))
	defer stream.Close()
	var text strings.Builder
	resp := llm.Response{Model: model}
	chunks := 0
	for stream.Next() {
		chunk := stream.Current()
		chunks++
		if chunk.Model != "" {
			resp.Model = chunk.Model
		}
		if chunk.Usage.TotalTokens > 0 {
			resp.Usage = llm.Usage{InputTokens: int(chunk.Usage.PromptTokens), OutputTokens: int(chunk.Usage.CompletionTokens)}
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		choice := chunk.Choices[0]
		if choice.FinishReason != "" {
			resp.FinishReason = finish(choice.FinishReason)
		}
		if choice.Delta.Content == "" {
			continue
		}
		if text.Len()+len(choice.Delta.Content) > answerLimit {
			return resp, tooLong()
		}
		text.WriteString(choice.Delta.Content)
		if err := each(choice.Delta.Content); err != nil {
			return resp, err
		}
	}
	resp.Text = text.String()
	if err := stream.Err(); err != nil {
		if plain := new(plainAnswer); errors.As(err, &plain) {
			return p.decodePlain(model, plain.body, each)
		}
		return resp, err
	}
	switch {
	case chunks == 0:
		return resp, fault.New(fault.ModelDown, "the model server ended its stream without an answer")
	case resp.FinishReason == "":
		return resp, fault.New(fault.ModelDown, "the model server broke off in the middle of its answer, after %d bytes", text.Len())
	}
	return resp, empty(resp)
}

func (p *Provider) plain(ctx context.Context, model string, params sdk.ChatCompletionNewParams, each func(string) error) (llm.Response, error) {
	c, err := p.chat.New(ctx, params)
	if err != nil {
		return llm.Response{}, err
	}
	return whole(model, c, each)
}

func whole(model string, c *sdk.ChatCompletion, each func(string) error) (llm.Response, error) {
	resp := llm.Response{Model: model, Usage: llm.Usage{InputTokens: int(c.Usage.PromptTokens), OutputTokens: int(c.Usage.CompletionTokens)}}
	if c.Model != "" {
		resp.Model = c.Model
	}
	if len(c.Choices) == 0 {
		return resp, fault.New(fault.ModelDown, "the model server answered without a choice")
	}
	resp.Text, resp.FinishReason = c.Choices[0].Message.Content, finish(string(c.Choices[0].FinishReason))
	if len(resp.Text) > answerLimit {
		return resp, tooLong()
	}
	if resp.FinishReason == "" {
		return resp, fault.New(fault.ModelDown, "the model server answered without a finish reason")
	}
	if err := empty(resp); err != nil {
		return resp, err
	}
	return resp, each(resp.Text)
}

func empty(resp llm.Response) error {
	if resp.FinishReason == llm.Stop && strings.TrimSpace(resp.Text) == "" {
		return fault.New(fault.ModelDown, "the model answered nothing").WithHint("try another model: some put all they say into their reasoning")
	}
	return nil
}

func tooLong() error {
	return fault.New(fault.BadAnswer, "the model's answer is over %d MiB", answerLimit>>20).WithHint("it probably repeats itself; use another model")
}

// finish maps the protocol's finish reasons. What nobody knows is no normal stop, so it counts as cut.
func finish(reason string) llm.FinishReason {
	switch reason {
	case "":
		return ""
	case "stop", "eos", "end_turn":
		return llm.Stop
	case "content_filter":
		return llm.ContentFilter
	}
	return llm.Length
}

// model gives the model to ask: the request's, the configured one, or the first that the server lists.
func (p *Provider) model(ctx context.Context, asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	if p.options.Model != "" {
		return p.options.Model, nil
	}
	if m := p.firstOne.Load(); m != nil {
		return *m, nil
	}
	names, err := p.Models(ctx)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fault.New(fault.BadModel, "no model is named, and the server at %s lists none", p.options.URL).WithHint("name one with --llm-model or QL_LLM_MODEL")
	}
	p.firstOne.Store(&names[0])
	return names[0], nil
}

// Models lists what the server offers.
func (p *Provider) Models(ctx context.Context) ([]string, error) {
	page, err := p.models.List(ctx)
	if err != nil {
		return nil, p.explain(ctx, "", err)
	}
	var names []string
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
	r, err := p.embed.New(ctx, sdk.EmbeddingNewParams{Model: req.Model, Input: sdk.EmbeddingNewParamsInputUnion{OfArrayOfStrings: req.Input}})
	if err != nil {
		return llm.Embeddings{}, p.explain(ctx, req.Model, err)
	}
	if len(r.Data) != len(req.Input) {
		return llm.Embeddings{}, fault.New(fault.ModelDown, "the model server answered %d vectors for %d texts", len(r.Data), len(req.Input))
	}
	out := llm.Embeddings{Model: req.Model, Vectors: make([][]float32, len(req.Input))}
	for _, d := range r.Data {
		if d.Index < 0 || int(d.Index) >= len(out.Vectors) {
			return llm.Embeddings{}, fault.New(fault.ModelDown, "the model server answered a vector for text %d of %d", d.Index, len(req.Input))
		}
		v := make([]float32, len(d.Embedding))
		for i, x := range d.Embedding {
			v[i] = float32(x)
		}
		out.Vectors[d.Index] = v
	}
	return out, nil
}

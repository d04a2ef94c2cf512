package openai

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// form is how much of the protocol a request uses. The zero value is all of it.
type form struct {
	schema        schemaForm
	noUsage       bool // no stream_options
	plain         bool // no stream
	newLimit      bool // max_completion_tokens in place of max_tokens, as OpenAI's reasoning models demand
	noTemperature bool // the model has one temperature
}

// schemaForm is how a schema is passed on.
type schemaForm int

const (
	asSchema schemaForm = iota // response_format json_schema, strict
	asObject                   // response_format json_object, and the schema in the system message
	asText                     // the schema in the system message alone
)

// tooLarge are words by which a 400 says that the request is too long: no other form of it would help.
var tooLarge = []string{"context_length", "context length", "context window", "maximum context", "too many tokens", "too long"}

// without gives the next form to try after a server refused this one with these words (in lower case): without the part that the
// words name, else without the next part that some servers do not know. It is false if there is nothing left to leave out.
func (f form) without(req llm.Request, words string) (form, bool) {
	names := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	schema, usage, stream := req.Schema != nil && f.schema < asText, !f.noUsage && !f.plain, !f.plain
	switch {
	case names(tooLarge...):
		return f, false
	case req.MaxTokens > 0 && !f.newLimit && names("max_completion_tokens"):
		f.newLimit = true
	case req.Temperature != nil && !f.noTemperature && names("temperature"):
		f.noTemperature = true
	case usage && names("stream_options", "include_usage"):
		f.noUsage = true
	case schema && names("response_format", "json_schema", "json_object", "structured", "guided", "grammar", "schema"):
		f.schema++
	case stream && names("stream"):
		f.plain = true
	case usage:
		f.noUsage = true
	case schema:
		f.schema++
	case stream:
		f.plain = true
	default:
		return f, false
	}
	return f, true
}

// forms remembers what worked, by model and schema: a server may refuse one schema and take another.
type forms struct {
	mu    sync.Mutex
	known map[formKey]form
}

type formKey struct {
	model  string
	schema [sha256.Size]byte
}

// formsLimit bounds what is remembered. Clients choose models and schemas, so there could be any number.
const formsLimit = 1024

func (f *forms) get(k formKey) form {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[k]
}

func (f *forms) put(k formKey, v form) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil || len(f.known) >= formsLimit {
		f.known = map[formKey]form{}
	}
	f.known[k] = v
}

// converse asks in the fullest form that the server takes. What it refuses with 400 or 422 is left out, and remembered once the
// server took the rest; if it takes nothing, the first refusal is the error.
func (p *Provider) converse(ctx context.Context, model string, req llm.Request, each func(string) error) (llm.Response, error) {
	key := formKey{model: model}
	if req.Schema != nil {
		key.schema = sha256.Sum256(req.Schema.Schema)
	}
	f := p.forms.get(key)
	var first error
	for {
		resp, err := p.call(ctx, model, req, f, each)
		var refused *refusal
		if err == nil || !errors.As(err, &refused) {
			if err == nil && first != nil {
				p.forms.put(key, f)
				slog.WarnContext(ctx, "the model server does not know all of the protocol; from now on it is asked without the rest", "model", model, "stream", !f.plain,
					"usage", !f.noUsage && !f.plain, "schema", [...]string{"json_schema", "json_object", "text"}[f.schema], "temperature", !f.noTemperature, "cause", first.Error())
			}
			return resp, err
		}
		if first == nil {
			first = err
		}
		next, ok := f.without(req, refused.words)
		if !ok {
			return llm.Response{}, first
		}
		f = next
	}
}

// call puts one request on the wire and reads its answer.
func (p *Provider) call(ctx context.Context, model string, req llm.Request, f form, each func(string) error) (llm.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the connection when we leave early
	var opts []option.RequestOption
	alive := func() {}
	if !f.plain {
		var stop func()
		alive, stop = silence(cancel, p.options.Idle)
		defer stop()
		opts = append(opts, option.WithJSONSet("stream", true), option.WithHeader("Accept", "text/event-stream, application/json"))
	}
	var raw *http.Response
	if err := p.client.Post(ctx, "chat/completions", params(model, req, f), &raw, opts...); err != nil {
		return llm.Response{}, p.explain(ctx, model, err)
	}
	defer raw.Body.Close()
	raw.Body = &watched{ReadCloser: raw.Body, alive: alive, left: wireLimit}
	resp, err := p.read(raw, model, each)
	if err != nil {
		err = p.explain(ctx, model, err)
	}
	return resp, err
}

func params(model string, req llm.Request, f form) sdk.ChatCompletionNewParams {
	out := sdk.ChatCompletionNewParams{Model: model}
	messages := req.Messages
	if req.Schema != nil {
		switch f.schema {
		case asSchema:
			out.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name: req.Schema.Name, Strict: sdk.Bool(true), Schema: req.Schema.Schema}}
		case asObject:
			out.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
		}
		if f.schema != asSchema {
			messages = withSchema(messages, req.Schema)
		}
	}
	for _, m := range messages {
		switch m.Role {
		case llm.System:
			out.Messages = append(out.Messages, sdk.SystemMessage(m.Content))
		case llm.Assistant:
			out.Messages = append(out.Messages, sdk.AssistantMessage(m.Content))
		default:
			out.Messages = append(out.Messages, sdk.UserMessage(m.Content))
		}
	}
	switch {
	case req.MaxTokens > 0 && f.newLimit:
		out.MaxCompletionTokens = sdk.Int(int64(req.MaxTokens))
	case req.MaxTokens > 0:
		out.MaxTokens = sdk.Int(int64(req.MaxTokens))
	}
	if req.Temperature != nil && !f.noTemperature {
		out.Temperature = sdk.Float(*req.Temperature)
	}
	if !f.noUsage && !f.plain {
		out.StreamOptions.IncludeUsage = sdk.Bool(true)
	}
	return out
}

// withSchema puts the schema into the system message, which comes first: many chat templates take no other.
func withSchema(messages []llm.Message, s *llm.Schema) []llm.Message {
	text := "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n" + string(s.Schema)
	if messages[0].Role == llm.System {
		return append([]llm.Message{{Role: llm.System, Content: messages[0].Content + "\n\n" + text}}, messages[1:]...)
	}
	return append([]llm.Message{{Role: llm.System, Content: text}}, messages...)
}

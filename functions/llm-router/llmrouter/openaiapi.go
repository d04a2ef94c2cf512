package llmrouter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// The shapes of OpenAI's API, as far as the router speaks it. Fields that it does not know are ignored, as clients expect.
type (
	chatRequest struct {
		Model       string        `json:"model"`
		Messages    []chatMessage `json:"messages"`
		Stream      bool          `json:"stream"`
		MaxTokens   int           `json:"max_tokens"`
		MaxNew      int           `json:"max_completion_tokens"`
		Temperature *float64      `json:"temperature"`
		Tools       []any         `json:"tools"`
		Format      *struct {
			Type       string `json:"type"`
			JSONSchema *struct {
				Name   string          `json:"name"`
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	chatMessage struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	chatUsage struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
	chatReply struct {
		ID      string       `json:"id"`
		Object  string       `json:"object"`
		Created int64        `json:"created"`
		Model   string       `json:"model"`
		Choices []chatChoice `json:"choices"`
		Usage   *chatUsage   `json:"usage,omitempty"`
	}
	chatChoice struct {
		Index        int       `json:"index"`
		Message      *chatText `json:"message,omitempty"`
		Delta        *chatText `json:"delta,omitempty"`
		FinishReason *string   `json:"finish_reason"`
	}
	chatText struct {
		Role    string `json:"role,omitempty"`
		Content string `json:"content"`
	}
)

func (r *Router) chatCompletions(w http.ResponseWriter, req *http.Request) {
	var in chatRequest
	if err := decodeOpenAI(w, req, &in); err != nil {
		writeOpenAI(w, req, err)
		return
	}
	ask, err := in.request()
	if err != nil {
		writeOpenAI(w, req, err)
		return
	}
	reply := chatReply{ID: "chatcmpl-" + uuid.NewString(), Object: "chat.completion", Created: time.Now().Unix(), Model: in.Model}
	if in.Stream {
		r.streamChat(w, req, ask, in.StreamOptions.IncludeUsage, reply)
		return
	}
	resp, err := r.Generate(req.Context(), ask)
	if err != nil {
		writeOpenAI(w, req, err)
		return
	}
	reason := string(resp.FinishReason)
	reply.Model, reply.Usage = resp.Model, usage(resp)
	reply.Choices = []chatChoice{{Message: &chatText{Role: "assistant", Content: resp.Text}, FinishReason: &reason}}
	writeJSON(w, http.StatusOK, reply)
}

func (r *Router) streamChat(w http.ResponseWriter, req *http.Request, ask llm.Request, withUsage bool, reply chatReply) {
	s := newEventStream(w)
	defer s.stop()
	reply.Object = "chat.completion.chunk"
	chunk := func(text string, reason *string) chatReply {
		c := reply
		c.Choices = []chatChoice{{Delta: &chatText{Content: text}, FinishReason: reason}}
		return c
	}
	resp, err := r.Stream(req.Context(), ask, func(text string) error { return s.send("", chunk(text, nil)) })
	if err != nil {
		e := fault.From(err)
		fault.Log(req, e)
		_ = s.send("", openAIError(e)) // nobody is left to tell if this fails
		return
	}
	reason := string(resp.FinishReason)
	err = s.send("", chunk("", &reason))
	if err == nil && withUsage {
		last := reply
		last.Choices, last.Usage = []chatChoice{}, usage(resp)
		err = s.send("", last)
	}
	if err == nil {
		err = s.line("", "[DONE]")
	}
	if err != nil {
		fault.Log(req, fault.Wrap(fault.Cancelled, err, "the client left before the stream ended"))
	}
}

func usage(resp llm.Response) *chatUsage {
	return &chatUsage{resp.Usage.InputTokens, resp.Usage.OutputTokens, resp.Usage.InputTokens + resp.Usage.OutputTokens}
}

// request turns OpenAI's shape into the router's.
func (c chatRequest) request() (llm.Request, error) {
	out := llm.Request{Model: c.Model, MaxTokens: max(c.MaxTokens, c.MaxNew), Temperature: c.Temperature}
	if len(c.Tools) > 0 {
		return out, fault.New(fault.Unprocessable, "tools are not supported")
	}
	if len(c.Messages) == 0 || len(c.Messages) > 64 {
		return out, fault.New(fault.Unprocessable, "messages: there must be 1 to 64, there are %d", len(c.Messages))
	}
	for i, m := range c.Messages {
		text, err := content(m.Content)
		if err != nil {
			return out, fault.New(fault.Unprocessable, "messages[%d]: %w", i, err)
		}
		role := llm.Role(m.Role)
		switch role {
		case llm.System, llm.User, llm.Assistant:
		case "developer":
			role = llm.System
		default:
			return out, fault.New(fault.Unprocessable, "messages[%d]: role %q is none of system, developer, user, assistant", i, m.Role)
		}
		out.Messages = append(out.Messages, llm.Message{Role: role, Content: text})
	}
	if f := c.Format; f != nil && f.Type == "json_schema" {
		if f.JSONSchema == nil || len(f.JSONSchema.Schema) == 0 {
			return out, fault.New(fault.Unprocessable, "response_format: json_schema has no schema")
		}
		out.Schema = &llm.Schema{Name: f.JSONSchema.Name, Schema: f.JSONSchema.Schema}
	}
	return out, nil
}

// content is a text, or parts that are all texts.
func content(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", errors.New("content is neither a text nor a list of parts")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", fmt.Errorf("content of type %q is not supported", p.Type)
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

func (r *Router) embeddings(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}
	err := decodeOpenAI(w, req, &in)
	ask := llm.EmbeddingsRequest{Model: in.Model}
	if err == nil && json.Unmarshal(in.Input, &ask.Input) != nil {
		var one string
		if json.Unmarshal(in.Input, &one) != nil {
			err = fault.New(fault.Unprocessable, "input is neither a text nor a list of texts")
		}
		ask.Input = []string{one}
	}
	if err == nil && (len(ask.Input) == 0 || len(ask.Input) > 256) {
		err = fault.New(fault.Unprocessable, "input: there must be 1 to 256 texts, there are %d", len(ask.Input))
	}
	var e llm.Embeddings
	if err == nil {
		if ask.Model == "" {
			ask.Model = r.embeddingModel
		}
		e, err = r.policy.choose("").Embed(req.Context(), ask)
	}
	if err != nil {
		writeOpenAI(w, req, err)
		return
	}
	type vector struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	}
	data := make([]vector, len(e.Vectors))
	for i, v := range e.Vectors {
		data[i] = vector{"embedding", i, v}
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "model": e.Model, "data": data})
}

func (r *Router) models(w http.ResponseWriter, req *http.Request) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		OwnedBy string `json:"owned_by"`
	}
	data := []model{}
	for _, p := range r.policy.providers {
		names, err := p.Models(req.Context())
		if err != nil {
			writeOpenAI(w, req, fmt.Errorf("provider %s: %w", p.Name(), err))
			return
		}
		for _, name := range names {
			data = append(data, model{name, "model", p.Name()})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
}

func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, bodyLimit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fault.New(fault.TooLarge, "the request is over %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the request broke off: %w", err)
	}
	return raw, nil
}

func decodeOpenAI(w http.ResponseWriter, req *http.Request, into any) error {
	raw, err := readBody(w, req)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.New(fault.Invalid, "the request is not the JSON expected: %w", err)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

func openAIError(e *fault.Error) map[string]any {
	return map[string]any{"error": map[string]any{"message": e.Error(), "type": "quantumlayer_error", "code": e.Code}}
}

// writeOpenAI answers an error in OpenAI's shape, which its clients read.
func writeOpenAI(w http.ResponseWriter, req *http.Request, err error) {
	e := fault.From(err)
	fault.Log(req, e)
	for k, v := range e.GetHeaders() {
		w.Header()[k] = v
	}
	writeJSON(w, e.Status(), openAIError(e))
}

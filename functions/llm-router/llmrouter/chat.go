package llmrouter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// The shapes of OpenAI's chat completions, as far as the router speaks them.
type (
	chatRequest struct {
		Model         string        `json:"model"`
		Messages      []chatMessage `json:"messages"`
		Stream        bool          `json:"stream"`
		MaxTokens     int           `json:"max_tokens"`
		MaxNew        int           `json:"max_completion_tokens"`
		Temperature   *float64      `json:"temperature"`
		Format        *chatFormat   `json:"response_format"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		chatRefused
	}
	// chatRefused are the fields that would change the answer and that the router cannot honour. Other fields that it does
	// not know are ignored, as clients expect.
	chatRefused struct {
		Tools     []any    `json:"tools"`
		Functions []any    `json:"functions"`
		N         *int     `json:"n"`
		Stop      any      `json:"stop"`
		LogProbs  bool     `json:"logprobs"`
		TopP      *float64 `json:"top_p"`
	}
	chatFormat struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
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
	resp, err := r.Generate(req.Context(), ask, nil)
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
	reply.Object = "chat.completion.chunk"
	role := "assistant" // said once, in the first chunk
	chunk := func(text string, reason *string) chatReply {
		c := reply
		c.Choices = []chatChoice{{Delta: &chatText{Role: role, Content: text}, FinishReason: reason}}
		role = ""
		return c
	}
	s, ctx := newEventStream(req.Context(), w, r.heartbeat)
	resp, err := r.Generate(ctx, ask, func(text string) error { return s.send("", chunk(text, nil)) })
	if err == nil {
		reason := string(resp.FinishReason)
		err = s.send("", chunk("", &reason))
	}
	if err == nil && withUsage {
		last := reply
		last.Choices, last.Usage = []chatChoice{}, usage(resp)
		err = s.send("", last)
	}
	if err == nil {
		err = s.sendText("", "[DONE]")
	}
	if err = s.end(req, err, "", openAIError); err != nil {
		writeOpenAI(w, req, err)
	}
}

func usage(resp llm.Response) *chatUsage {
	return &chatUsage{resp.Usage.InputTokens, resp.Usage.OutputTokens, resp.Usage.InputTokens + resp.Usage.OutputTokens}
}

var schemaName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// request turns OpenAI's shape into the router's.
func (c chatRequest) request() (llm.Request, error) {
	out := llm.Request{Model: c.Model, MaxTokens: max(c.MaxTokens, c.MaxNew), Temperature: c.Temperature}
	if name := c.refused(); name != "" {
		return out, fault.New(fault.Unprocessable, "%s is not supported", name)
	}
	if len(c.Model) > 200 || c.MaxTokens < 0 || c.MaxNew < 0 || c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2) {
		return out, fault.New(fault.Unprocessable, "model may have 200 bytes, max_tokens is at least 0, temperature 0 to 2")
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
	switch f := c.Format; {
	case f == nil || f.Type == "text":
	case f.Type == "json_schema":
		if !schemaName.MatchString(f.JSONSchema.Name) {
			return out, fault.New(fault.Unprocessable, "response_format: the name of json_schema must fit %s", schemaName)
		}
		out.Schema = &llm.Schema{Name: f.JSONSchema.Name, Schema: f.JSONSchema.Schema}
		return out, checkSchema(out.Schema)
	default:
		return out, fault.New(fault.Unprocessable, "response_format %q is not supported", f.Type).WithHint("use json_schema")
	}
	return out, nil
}

// refused names a field that asks for what the router cannot do.
func (c chatRefused) refused() string {
	switch {
	case len(c.Tools) > 0:
		return "tools"
	case len(c.Functions) > 0:
		return "functions"
	case c.N != nil && *c.N != 1:
		return "n other than 1"
	case c.Stop != nil:
		return "stop"
	case c.LogProbs:
		return "logprobs"
	case c.TopP != nil && *c.TopP != 1:
		return "top_p other than 1"
	}
	return ""
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

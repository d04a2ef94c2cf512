// Package llm is how the platform speaks to its llm-router: the request and response that every provider understands, and
// the client. What a provider's own API looks like is known to that provider's adapter alone.
package llm

import "encoding/json"

// Role says who wrote a message.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn.
type Message struct {
	Role    Role   `json:"role" enum:"system,user,assistant"`
	Content string `json:"content"`
}

// Schema asks for an answer that is one JSON value under a JSON Schema (the subset that all providers share: objects with
// every property required, arrays, strings, numbers, booleans, enums, null). The router passes it on in the provider's own way;
// the caller validates the answer all the same.
type Schema struct {
	Name   string          `json:"name" pattern:"^[a-z][a-z0-9_]{0,63}$"`
	Schema json.RawMessage `json:"schema"`
}

// Request is one call. Model empty: the router's default. MaxTokens 0: the provider's limit. Temperature nil: the provider's default.
type Request struct {
	Model       string            `json:"model,omitempty" maxLength:"200"`
	Messages    []Message         `json:"messages" minItems:"1" maxItems:"64"`
	Schema      *Schema           `json:"schema,omitempty"`
	MaxTokens   int               `json:"max_tokens,omitempty" minimum:"0"`
	Temperature *float64          `json:"temperature,omitempty" minimum:"0" maximum:"2"`
	NoCache     bool              `json:"no_cache,omitempty" doc:"Ask the provider even if the cache has an answer"`
	Labels      map[string]string `json:"labels,omitempty" doc:"For logs and accounts: workflow, stage, prompt. Never sent to the provider"`
}

// FinishReason says why the answer ended. Only Stop is a whole answer.
type FinishReason string

// The finish reasons; adapters map what their provider says onto them and never mask Length.
const (
	Stop          FinishReason = "stop"
	Length        FinishReason = "length"         // cut by a token limit
	ContentFilter FinishReason = "content_filter" // withheld by the provider
)

// Usage is what the call took. Estimated: the provider did not say, the router's tokenizer counted.
type Usage struct {
	InputTokens  int  `json:"input_tokens"`
	OutputTokens int  `json:"output_tokens"`
	Estimated    bool `json:"estimated,omitempty"`
}

// Response is a finished answer.
type Response struct {
	Text         string       `json:"text"`
	FinishReason FinishReason `json:"finish_reason"`
	Usage        Usage        `json:"usage"`
	Provider     string       `json:"provider"`
	Model        string       `json:"model" doc:"Model that answered"`
	Cached       bool         `json:"cached,omitempty" doc:"From the router's cache: nothing was paid"`
}

// Delta is one event of a stream: either Text is set, or Done, which ends it.
type Delta struct {
	Text string    `json:"text,omitempty"`
	Done *Response `json:"done,omitempty"`
}

// EmbeddingsRequest asks for one vector a text.
type EmbeddingsRequest struct {
	Model string   `json:"model,omitempty"`
	Input []string `json:"input" minItems:"1" maxItems:"256"`
}

// Embeddings are the vectors in the order of the texts.
type Embeddings struct {
	Model   string      `json:"model"`
	Vectors [][]float32 `json:"vectors"`
}

package llmrouter

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/tokens"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

type embeddingsRequest struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Encoding   string          `json:"encoding_format"`
	Dimensions *int            `json:"dimensions"`
}

// request turns OpenAI's shape into the router's.
func (in embeddingsRequest) request() (llm.EmbeddingsRequest, error) {
	out := llm.EmbeddingsRequest{Model: in.Model}
	var one string
	switch {
	case json.Unmarshal(in.Input, &one) == nil:
		out.Input = []string{one}
	case json.Unmarshal(in.Input, &out.Input) != nil:
		return out, fault.New(fault.Unprocessable, "input is neither a text nor a list of texts")
	}
	switch {
	case len(out.Input) == 0 || len(out.Input) > 256:
		return out, fault.New(fault.Unprocessable, "input: there must be 1 to 256 texts, there are %d", len(out.Input))
	case in.Dimensions != nil:
		return out, fault.New(fault.Unprocessable, "dimensions is not supported")
	case in.Encoding != "" && in.Encoding != "float" && in.Encoding != "base64":
		return out, fault.New(fault.Unprocessable, "encoding_format %q is neither float nor base64", in.Encoding)
	}
	return out, nil
}

func (r *Router) embeddings(w http.ResponseWriter, req *http.Request) {
	var in embeddingsRequest
	err := decodeOpenAI(w, req, &in)
	var ask llm.EmbeddingsRequest
	if err == nil {
		ask, err = in.request()
	}
	var e llm.Embeddings
	if err == nil {
		e, err = r.Embed(req.Context(), ask)
	}
	if err != nil {
		writeOpenAI(w, req, err)
		return
	}
	type vector struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding any    `json:"embedding"`
	}
	data := make([]vector, len(e.Vectors))
	for i, v := range e.Vectors {
		data[i] = vector{"embedding", i, v}
		if in.Encoding == "base64" { // what OpenAI's own clients ask for
			data[i].Embedding = packed(v)
		}
	}
	count := 0
	for _, text := range ask.Input {
		count += tokens.Count(text)
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "model": e.Model, "data": data,
		"usage": map[string]int{"prompt_tokens": count, "total_tokens": count}})
}

// packed gives a vector as base64 of its numbers, little endian.
func packed(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (r *Router) models(w http.ResponseWriter, req *http.Request) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	data := []model{}
	for _, p := range r.policy.providers() {
		names, err := p.Models(req.Context())
		if err != nil {
			writeOpenAI(w, req, fmt.Errorf("provider %s: %w", p.Name(), err))
			return
		}
		for _, name := range names {
			data = append(data, model{ID: name, Object: "model", OwnedBy: p.Name()})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
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

func openAIError(e *fault.Error) any {
	kind := "invalid_request_error"
	if e.Status() >= 500 {
		kind = "server_error"
	}
	return map[string]any{"error": map[string]any{"message": e.Error(), "type": kind, "param": nil, "code": e.Code}}
}

// writeOpenAI answers an error in OpenAI's shape, which its clients read, unless the client reads problem documents.
func writeOpenAI(w http.ResponseWriter, req *http.Request, err error) {
	if wantsProblem(req) {
		fault.Write(w, req, err)
		return
	}
	e := fault.From(err)
	fault.Log(req, e)
	for k, v := range e.GetHeaders() {
		w.Header()[k] = v
	}
	writeJSON(w, e.Status(), openAIError(e))
}

// Package llmclient calls the platform's llm-router.
package llmclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// silence is how long nothing may come from the router, which says something every 15 s even if the model is silent.
const silence = time.Minute

// Client calls one router. ctx is the only time limit for a model, since models may be slow; its end reaches the model.
type Client struct {
	http    *httpclient.Client
	silence time.Duration
}

// New makes a client for the router at base.
func New(base string) *Client {
	return &Client{http: httpclient.New("llm-router", base), silence: silence}
}

// Generate asks for a whole answer. It streams all the same: a connection without a byte for minutes is cut by what lies between.
func (c *Client) Generate(ctx context.Context, req llm.Request) (llm.Response, error) {
	return c.Stream(ctx, req, nil)
}

// Stream asks for an answer piece by piece: each is called for every piece of text, in order (nil: nobody listens). An error of
// each ends the call. Other errors are the router's faults, or Unavailable if it cannot be reached or breaks off.
func (c *Client) Stream(ctx context.Context, req llm.Request, each func(text string) error) (llm.Response, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return llm.Response{}, fmt.Errorf("encoding the request to llm-router: %w", err)
	}
	watch, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.silence, func() {
		cancel(fault.New(fault.Unavailable, "llm-router has said nothing for %s", c.silence))
	})
	defer timer.Stop()
	hr, err := http.NewRequestWithContext(watch, http.MethodPost, c.http.Base+"/stream", bytes.NewReader(body))
	if err != nil {
		return llm.Response{}, fmt.Errorf("request to llm-router: %w", err)
	}
	hr.Header.Set("Content-Type", "application/json")
	hr.Header.Set("Accept", "text/event-stream, "+fault.ProblemType)
	resp, err := c.http.Do(hr)
	if err == nil {
		defer resp.Body.Close()
		var answer llm.Response
		if answer, err = read(resp.Body, func() { timer.Reset(c.silence) }, each); err == nil {
			return answer, nil
		}
	}
	var silent *fault.Error
	switch {
	case ctx.Err() != nil:
		return llm.Response{}, fmt.Errorf("calling llm-router: %w", ctx.Err())
	case watch.Err() != nil && errors.As(context.Cause(watch), &silent):
		return llm.Response{}, silent
	}
	return llm.Response{}, err
}

// Embed asks for one vector a text. The error is fault.BadModel where no model offers embeddings.
func (c *Client) Embed(ctx context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error) {
	// The OpenAI shape: the router has no other for embeddings.
	var resp struct {
		Model string `json:"model"`
		Data  []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := c.http.JSON(ctx, http.MethodPost, "/v1/embeddings", req, &resp); err != nil {
		return llm.Embeddings{}, err
	}
	out := llm.Embeddings{Model: resp.Model, Vectors: make([][]float32, len(req.Input))}
	for _, d := range resp.Data {
		if d.Index < 0 || d.Index >= len(out.Vectors) {
			return llm.Embeddings{}, fault.New(fault.Unavailable, "llm-router answered a vector for text %d of %d", d.Index, len(req.Input))
		}
		out.Vectors[d.Index] = d.Embedding
	}
	for i, v := range out.Vectors {
		if len(v) == 0 {
			return llm.Embeddings{}, fault.New(fault.Unavailable, "llm-router answered no vector for text %d", i)
		}
	}
	return out, nil
}

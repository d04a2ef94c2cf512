// Package llmclient calls the platform's llm-router.
package llmclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Client calls one router. ctx is the only time limit, since models may be slow; its end reaches the model.
type Client struct{ http *httpclient.Client }

// New makes a client for the router at base.
func New(base string) *Client { return &Client{httpclient.New("llm-router", base)} }

// Generate asks for a whole answer.
func (c *Client) Generate(ctx context.Context, req llm.Request) (llm.Response, error) {
	var resp llm.Response
	err := c.http.JSON(ctx, http.MethodPost, "/generate", req, &resp)
	return resp, err
}

// Embed asks for one vector a text.
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

// eventLimit bounds one event of a stream, in bytes: the last one holds the whole answer.
const eventLimit = 16 << 20

// Stream asks for an answer piece by piece: each is called for every piece of text, in order. An error of each ends the call.
func (c *Client) Stream(ctx context.Context, req llm.Request, each func(text string) error) (llm.Response, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return llm.Response{}, fmt.Errorf("encoding the request to llm-router: %w", err)
	}
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, c.http.Base+"/stream", bytes.NewReader(body))
	if err != nil {
		return llm.Response{}, fmt.Errorf("request to llm-router: %w", err)
	}
	hr.Header.Set("Content-Type", "application/json")
	hr.Header.Set("Accept", "text/event-stream")
	resp, err := c.http.Do(hr)
	if err != nil {
		return llm.Response{}, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), eventLimit)
	event := ""
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if event == "error" {
			var p fault.Problem
			if err := json.Unmarshal([]byte(data), &p); err != nil {
				return llm.Response{}, fault.New(fault.Unavailable, "llm-router broke off with an error that cannot be read: %w", err)
			}
			return llm.Response{}, &fault.Error{Code: p.Code, Detail: p.Detail, Hint: p.Hint, Fields: p.Errors}
		}
		var d llm.Delta
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			return llm.Response{}, fault.New(fault.Unavailable, "llm-router streamed something that is no delta: %w", err)
		}
		if d.Done != nil {
			return *d.Done, nil
		}
		if err := each(d.Text); err != nil {
			return llm.Response{}, err
		}
	}
	if ctx.Err() != nil {
		return llm.Response{}, fmt.Errorf("streaming from llm-router: %w", ctx.Err())
	}
	return llm.Response{}, fault.New(fault.Unavailable, "llm-router's stream ended before the answer did: %w", endOf(lines.Err()))
}

func endOf(err error) error {
	if err == nil {
		return fmt.Errorf("unexpected end")
	}
	return err
}

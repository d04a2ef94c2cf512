// Package workflowclient calls workflow-api: it starts runs, follows their events over broken connections and fetches what they
// made.
package workflowclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Client calls one workflow-api. Make it with New. It is safe for concurrent use; its errors are faults.
type Client struct{ http *httpclient.Client }

// New makes a client of the workflow-api at an absolute base URL.
func New(base string) *Client { return &Client{httpclient.New("workflow-api", base)} }

const runsPath = "/v1/workflows"

func path(id string) string { return runsPath + "/" + url.PathEscape(id) }

// Create starts a run. With a key it does so once, however often it is called with the same request; an empty key always
// starts another. The same key with another request is fault.Conflict.
func (c *Client) Create(ctx context.Context, start workflow.Start, key string) (workflow.Run, error) {
	var run workflow.Run
	raw, err := json.Marshal(start)
	if err != nil {
		return run, fmt.Errorf("encoding the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.http.Base+runsPath, bytes.NewReader(raw))
	if err != nil {
		return run, fmt.Errorf("request to %s: %w", c.http.Service, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	body, err := c.body(req)
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(body, &run); err != nil {
		return run, fmt.Errorf("decoding the run that was started: %w", err)
	}
	return run, nil
}

// Get gives a run as it stands.
func (c *Client) Get(ctx context.Context, id string) (workflow.Run, error) {
	var run workflow.Run
	return run, c.http.JSON(ctx, http.MethodGet, path(id), nil, &run)
}

// List gives a page of runs. An empty status selects all, an empty cursor the first page, limit 0 the server's default.
func (c *Client) List(ctx context.Context, status workflow.Status, cursor string, limit int) (workflow.Page, error) {
	var page workflow.Page
	return page, c.http.JSON(ctx, http.MethodGet, runsPath+query("status", string(status), "cursor", cursor, "limit", number(limit)), nil, &page)
}

// Cancel asks a run to end. It returns before the run has.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.http.JSON(ctx, http.MethodDelete, path(id), nil, nil)
}

// Retry lets an ended run go on.
func (c *Client) Retry(ctx context.Context, id string, change workflow.Retry) (workflow.Run, error) {
	var run workflow.Run
	return run, c.http.JSON(ctx, http.MethodPost, path(id)+"/retry", change, &run)
}

// Drops gives a page of a run's drops without their artefacts, oldest first. Empty stage and kind select all.
func (c *Client) Drops(ctx context.Context, id, stage string, kind drop.Type, cursor string) (drop.Page, error) {
	var page struct {
		Drops  []drop.Drop `json:"drops"`
		Cursor string      `json:"cursor"`
	}
	err := c.http.JSON(ctx, http.MethodGet, path(id)+"/drops"+query("stage", stage, "type", string(kind), "cursor", cursor), nil, &page)
	return drop.Page{Drops: page.Drops, Next: page.Cursor}, err
}

// Files gives the files of a run's project as far as there are any, by path.
func (c *Client) Files(ctx context.Context, id string) ([]workflow.FileRef, error) {
	var list workflow.FileIndex
	err := c.http.JSON(ctx, http.MethodGet, path(id)+"/files", nil, &list)
	return list.Files, err
}

// File gives the content of a file of a run's project.
func (c *Client) File(ctx context.Context, id, file string) ([]byte, error) {
	segments := strings.Split(file, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.http.Base+path(id)+"/files/"+strings.Join(segments, "/"), nil)
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", c.http.Service, err)
	}
	return c.body(req)
}

// Capsule copies a run's capsule to w.
func (c *Client) Capsule(ctx context.Context, id string, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.http.Base+path(id)+"/capsule", nil)
	if err != nil {
		return fmt.Errorf("request to %s: %w", c.http.Service, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("downloading the capsule: %w", err)
	}
	return nil
}

func (c *Client) body(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return c.http.Body(resp)
}

// query makes the query part of a URL out of names and values; empty values are left out.
func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

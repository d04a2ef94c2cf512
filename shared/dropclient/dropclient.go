// Package dropclient calls the quantum-drops function.
package dropclient

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// Client calls one quantum-drops. Make it with New. Its errors are faults; one
// for a drop that is not there wraps drop.ErrNotFound too.
type Client struct{ http *httpclient.Client }

// New makes a client of the quantum-drops at an absolute base URL.
func New(base string) *Client { return &Client{httpclient.New("quantum-drops", base)} }

// Store keeps sealed drops, at most 256 with 64 MiB of JSON, all or none. Those
// that are there already stay as they are and are no error.
func (c *Client) Store(ctx context.Context, drops []drop.Drop) error {
	if len(drops) == 0 {
		return nil
	}
	body := struct {
		Drops []drop.Drop `json:"drops"`
	}{drops}
	if err := c.http.JSON(ctx, http.MethodPost, "/v1/drops/batch", body, nil); err != nil {
		return fmt.Errorf("storing %d drops: %w", len(drops), err)
	}
	return nil
}

// Get returns a drop with its artifact, if it belongs to the tenant; an empty
// tenant stands for any. The artifact was checked against the ID asked for.
func (c *Client) Get(ctx context.Context, tenant, id string) (drop.Drop, error) {
	d, err := c.one(ctx, "/v1/drops/"+url.PathEscape(id)+parameters(map[string]string{"tenant": tenant}))
	if err != nil {
		return drop.Drop{}, fmt.Errorf("reading drop %s: %w", id, err)
	}
	if d.ID != id {
		return drop.Drop{}, fault.New(fault.Unavailable, "quantum-drops answered drop %s when asked for %s", d.ID, id)
	}
	return d, nil
}

// Latest returns, with its artifact, the drop of the last round of a workflow's
// stage. An empty tenant is drop.DefaultTenant.
func (c *Client) Latest(ctx context.Context, tenant, workflowID, stage string, kind drop.Type) (drop.Drop, error) {
	d, err := c.one(ctx, fmt.Sprintf("/v1/workflows/%s/stages/%s/latest%s", url.PathEscape(workflowID), url.PathEscape(stage),
		parameters(map[string]string{"tenant": tenant, "type": string(kind)})))
	if err != nil {
		return drop.Drop{}, fmt.Errorf("reading the latest %s of %s: %w", kind, stage, err)
	}
	return d, nil
}

// one reads a drop and checks that its parts belong together.
func (c *Client) one(ctx context.Context, path string) (drop.Drop, error) {
	var d drop.Drop
	if err := c.http.JSON(ctx, http.MethodGet, path, nil, &d); err != nil {
		return drop.Drop{}, notFound(err)
	}
	if err := d.Validate(); err != nil {
		return drop.Drop{}, fault.New(fault.Unavailable, "quantum-drops answered a damaged drop: %w", err)
	}
	return d, nil
}

// Find returns one page of the drops that a query selects.
func (c *Client) Find(ctx context.Context, q drop.Query) (drop.Page, error) {
	values := map[string]string{
		"tenant": q.Tenant, "workflow": q.WorkflowID, "stage": q.Stage, "type": string(q.Type), "q": q.Text, "cursor": q.Cursor,
	}
	if q.Version != nil {
		values["version"] = strconv.Itoa(*q.Version)
	}
	if q.WithArtifacts {
		values["artifacts"] = "true"
	}
	if q.Limit != 0 {
		values["limit"] = strconv.Itoa(q.Limit)
	}
	var page struct {
		Drops  []drop.Drop `json:"drops"`
		Cursor string      `json:"cursor"`
	}
	if err := c.http.JSON(ctx, http.MethodGet, "/v1/drops"+parameters(values), nil, &page); err != nil {
		return drop.Page{}, fmt.Errorf("listing drops: %w", err)
	}
	return drop.Page{Drops: page.Drops, Next: page.Cursor}, nil
}

// All walks the drops that a query selects, page by page; q.Limit is the size of
// a page. It ends after the first error.
func (c *Client) All(ctx context.Context, q drop.Query) iter.Seq2[drop.Drop, error] {
	return func(yield func(drop.Drop, error) bool) {
		for {
			page, err := c.Find(ctx, q)
			if err != nil {
				yield(drop.Drop{}, err)
				return
			}
			for _, d := range page.Drops {
				if !yield(d, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Cursor = page.Next
		}
	}
}

// Artifact returns the bare artifact of a drop, whatever its tenant.
func (c *Client) Artifact(ctx context.Context, id string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.http.Base+"/v1/drops/"+url.PathEscape(id)+"/artifact", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the artifact of %s: %w", id, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading the artifact of %s: %w", id, notFound(err))
	}
	defer resp.Body.Close()
	return c.http.Body(resp)
}

// Stages sums up what each stage of a workflow has stored. An empty tenant is
// drop.DefaultTenant.
func (c *Client) Stages(ctx context.Context, tenant, workflowID string) ([]drop.StageSummary, error) {
	var out struct {
		Stages []drop.StageSummary `json:"stages"`
	}
	path := "/v1/workflows/" + url.PathEscape(workflowID) + "/stages" + parameters(map[string]string{"tenant": tenant})
	if err := c.http.JSON(ctx, http.MethodGet, path, nil, &out); err != nil {
		return nil, fmt.Errorf("summing up the stages of %s: %w", workflowID, err)
	}
	return out.Stages, nil
}

// parameters is the query part of a URL with the values that are set.
func parameters(values map[string]string) string {
	query := url.Values{}
	for key, value := range values {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

// notFound adds drop.ErrNotFound to the fault that says so.
func notFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fmt.Errorf("%w: %w", drop.ErrNotFound, err)
	}
	return err
}

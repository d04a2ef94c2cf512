package analysis

import (
	"context"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// The parser's routes.
const (
	AnalysesPath     = "/v1/analyses"
	RequirementsPath = "/v1/requirements"
)

// Client asks the parser function. It does not retry. Its errors are faults: the parser's own, or unavailable when it
// cannot be reached.
type Client struct{ http *httpclient.Client }

// NewClient makes a client for the parser at an absolute base URL.
func NewClient(base string) *Client { return &Client{http: httpclient.New("parser", base)} }

// Analyse sends files and gets the report on them.
func (c *Client) Analyse(ctx context.Context, req Request) (Report, error) {
	var report Report
	err := c.http.JSON(ctx, http.MethodPost, AnalysesPath, req, &report)
	return report, err
}

// Requirements reads a functional requirements document. What is wrong with the document stands in its issues.
func (c *Client) Requirements(ctx context.Context, markdown string) (pipeline.Requirements, error) {
	var read pipeline.Requirements
	err := c.http.JSON(ctx, http.MethodPost, RequirementsPath, RequirementsRequest{Markdown: markdown}, &read)
	return read, err
}

// Package workflowclient talks to workflow-api as a program outside of the platform does: runs, their events, files, drops and
// capsules. Its errors are faults, in words for the person who gave the address.
package workflowclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	runs = "/v1/workflows"
	// dialTimeout bounds the wait for a server that does not answer at all; an answer may take longer.
	dialTimeout   = 10 * time.Second
	redirectLimit = 3
	headerTimeout = time.Minute
	pageSize      = 100
)

// Client calls one workflow-api. It is safe for concurrent use.
type Client struct {
	base  string
	http  *http.Client
	token string // empty: none is sent
}

// New makes a client for the workflow-api at base, an absolute http or https URL. Proxies of the environment are used,
// as the server may be anywhere.
func New(base string) (*Client, error) {
	if err := httpclient.CheckURL(base); err != nil {
		return nil, fault.New(fault.Invalid, "the server's address is wrong: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dial
	transport.ResponseHeaderTimeout = headerTimeout
	if u, err := url.Parse(base); err == nil && local(u.Hostname()) {
		transport.Proxy = nil // net/http knows localhost, and not the names under it
	}
	return &Client{base: strings.TrimSuffix(base, "/"), http: &http.Client{Transport: transport, CheckRedirect: sameHost}}, nil
}

// sameHost follows a redirect to https, say, and none to another host: workflow-api gives none at all, but a login does.
func sameHost(next *http.Request, before []*http.Request) error {
	if len(before) >= redirectLimit || next.URL.Hostname() != before[0].URL.Hostname() {
		return http.ErrUseLastResponse
	}
	return nil
}

// tokenLimit is the longest token in bytes; servers take headers of 8 KiB and more.
const tokenLimit = 8 << 10

// WithToken makes a client that sends a bearer token (RFC 6750) with every request, for a proxy in front of the platform that asks
// for one. Whoever reads it on its way can use it, so it goes by https, and by http within this machine alone, and no
// redirect is followed. The fault is Invalid.
func (c *Client) WithToken(token string) (*Client, error) {
	u, err := url.Parse(c.base)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the server's address is wrong: %w", err)
	}
	switch {
	case token == "" || len(token) > tokenLimit || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fault.New(fault.Invalid, "the token for %s is none: it has to be 1 to %d visible ASCII characters without spaces", c.base, tokenLimit)
	case u.Scheme != "https" && !local(u.Hostname()):
		return nil, fault.New(fault.Invalid, "the token would go to %s in clear text", c.base).WithHint("use the server's https address")
	}
	// A redirect can lead to another place, or out of https.
	stay := &http.Client{Transport: c.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Client{base: c.base, http: stay, token: token}, nil
}

// local tells whether a host is this machine by its name alone.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// dial takes names under .localhost for this machine, as RFC 6761 says: routes of a cluster on it have such names, which not
// every resolver knows.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("localhost", port)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
}

// Base is the URL that the client calls.
func (c *Client) Base() string { return c.base }

// Ready says whether the server takes requests.
func (c *Client) Ready(ctx context.Context) error {
	resp, err := c.content(ctx, "/readyz")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Start starts a run. The same key starts one run however often it is sent, and with another request it is fault.Conflict;
// an empty key always starts another run.
func (c *Client) Start(ctx context.Context, start workflow.Start, key string) (workflow.Run, error) {
	body, err := json.Marshal(start)
	if err != nil {
		return workflow.Run{}, fmt.Errorf("encoding the request: %w", err)
	}
	header := jsonBody()
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return c.run(ctx, http.MethodPost, runs, header, body)
}

func jsonBody() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// Get gives a run as it stands.
func (c *Client) Get(ctx context.Context, id string) (workflow.Run, error) {
	return c.run(ctx, http.MethodGet, path(id), nil, nil)
}

func (c *Client) run(ctx context.Context, method, target string, header http.Header, body []byte) (workflow.Run, error) {
	var run workflow.Run
	if err := c.json(ctx, method, target, header, body, &run); err != nil {
		return workflow.Run{}, err
	}
	if run.ID == "" {
		return workflow.Run{}, c.stranger("an answer that is no run")
	}
	return run, nil
}

// Page gives a page of runs. An empty status selects all, an empty cursor the first page, limit 0 the server's default.
func (c *Client) Page(ctx context.Context, status workflow.Status, cursor string, limit int) (workflow.Page, error) {
	query := url.Values{}
	if status != "" {
		query.Set("status", string(status))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	var page workflow.Page
	return page, c.json(ctx, http.MethodGet, runs+"?"+query.Encode(), nil, nil, &page)
}

// DeadLetters gives the events that could not be delivered, the oldest first.
func (c *Client) DeadLetters(ctx context.Context) ([]workflow.DeadLetter, error) {
	all := []workflow.DeadLetter{}
	for cursor := ""; ; {
		var page workflow.DeadLetters
		if err := c.json(ctx, http.MethodGet, "/v1/dead-letters?cursor="+url.QueryEscape(cursor), nil, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Events...)
		if cursor = page.Cursor; cursor == "" {
			return all, nil
		}
	}
}

// List gives at most limit runs, newest first.
func (c *Client) List(ctx context.Context, limit int) ([]workflow.Summary, error) {
	all := []workflow.Summary{}
	for cursor := ""; len(all) < limit; {
		page, err := c.Page(ctx, "", cursor, min(limit-len(all), pageSize))
		if err != nil {
			return nil, err
		}
		all = append(all, page.Runs...)
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	return all[:min(len(all), limit)], nil
}

// Cancel asks a run to end. It returns before the run has.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, path(id), nil, nil, nil)
}

// Retry lets a run that ended without success go on: its finished stages stay as they are. It gives the new attempt.
func (c *Client) Retry(ctx context.Context, id string, change workflow.Retry) (workflow.Run, error) {
	body, err := json.Marshal(change)
	if err != nil {
		return workflow.Run{}, fmt.Errorf("encoding the request: %w", err)
	}
	return c.run(ctx, http.MethodPost, path(id)+"/retry", jsonBody(), body)
}

// Drops gives the drops of a run without their artifacts, oldest first; stage and kind may be empty.
func (c *Client) Drops(ctx context.Context, id string, stage pipeline.Stage, kind drop.Type) ([]drop.Drop, error) {
	all := []drop.Drop{}
	query := url.Values{}
	if stage != "" {
		query.Set("stage", string(stage))
	}
	if kind != "" {
		query.Set("type", string(kind))
	}
	for {
		var page struct {
			Drops  []drop.Drop `json:"drops"`
			Cursor string      `json:"cursor"`
		}
		if err := c.json(ctx, http.MethodGet, path(id)+"/drops?"+query.Encode(), nil, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Drops...)
		if page.Cursor == "" || len(page.Drops) == 0 {
			return all, nil
		}
		query.Set("cursor", page.Cursor)
	}
}

// Drop gives a drop of a run with its artifact, which was checked against the drop's digest.
func (c *Client) Drop(ctx context.Context, id, dropID string) (drop.Drop, error) {
	var d drop.Drop
	if err := c.json(ctx, http.MethodGet, path(id)+"/drops/"+url.PathEscape(dropID), nil, nil, &d); err != nil {
		return drop.Drop{}, err
	}
	if err := d.Validate(); err != nil {
		return drop.Drop{}, c.stranger("a drop that is damaged (" + err.Error() + ")")
	}
	if d.ID != dropID {
		return drop.Drop{}, c.stranger("drop " + d.ID + " when asked for " + dropID)
	}
	return d, nil
}

// Files gives the files of a run's project as far as there are any, by path.
func (c *Client) Files(ctx context.Context, id string) ([]workflow.FileRef, error) {
	var list workflow.FileIndex
	err := c.json(ctx, http.MethodGet, path(id)+"/files", nil, nil, &list)
	return list.Files, err
}

// File gives the content of a file of a run's project.
func (c *Client) File(ctx context.Context, id, file string) ([]byte, error) {
	segments := strings.Split(file, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	resp, err := c.content(ctx, path(id)+"/files/"+strings.Join(segments, "/"))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, httpclient.ResponseLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("downloading %s: %w", file, err)
	case len(content) > httpclient.ResponseLimit:
		return nil, c.stranger(fmt.Sprintf("a file of more than %d MiB", httpclient.ResponseLimit>>20))
	}
	return content, nil
}

// Capsule copies a run's capsule to w.
func (c *Client) Capsule(ctx context.Context, id string, w io.Writer) error {
	resp, err := c.content(ctx, path(id)+"/capsule")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("downloading the capsule: %w", err)
	}
	return nil
}

// do sends a request. An answer that is not 2xx becomes the fault it carries; else the caller closes the body.
func (c *Client) do(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", c.base, err)
	}
	for key, values := range header {
		req.Header[key] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("calling %s: %w", c.base, ctx.Err())
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL stands in our own message
		}
		return nil, fault.New(fault.Unavailable, "no platform can be reached at %s: %w", c.base, err).
			WithHint("check the address, or start a platform: ql up")
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	switch status := resp.StatusCode; {
	case mediaType(resp) == fault.ProblemType:
		return nil, fault.FromResponse(resp, c.base)
	case status/100 == 3, status == http.StatusUnauthorized, status == http.StatusForbidden:
		said := resp.Status
		if to, err := resp.Location(); err == nil {
			said += ", to " + to.Host
		}
		return nil, fault.New(fault.Unauthorized, "%s wants a login: it answers %s", c.base, said).
			WithHint("a token that it takes goes into QL_SERVER_TOKEN")
	}
	return nil, c.stranger(resp.Status)
}

// content asks for what is no JSON. A page is none of the platform's, which has one for whoever asks for HTML alone.
func (c *Client) content(ctx context.Context, target string) (*http.Response, error) {
	resp, err := c.do(ctx, http.MethodGet, target, nil, nil)
	if err == nil && mediaType(resp) == "text/html" {
		resp.Body.Close()
		return nil, c.stranger("a page")
	}
	return resp, err
}

// mediaType is empty for an answer that names none.
func mediaType(resp *http.Response) string {
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return media
}

// json sends a request and decodes the answer into out; nil: it is not read.
func (c *Client) json(ctx context.Context, method, target string, header http.Header, body []byte, out any) error {
	resp, err := c.do(ctx, method, target, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, httpclient.ResponseLimit)).Decode(out); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("reading from %s: %w", c.base, ctx.Err())
		}
		return c.stranger("an answer that is not the JSON expected (" + err.Error() + ")")
	}
	return nil
}

// stranger is the fault of a server that does not answer as workflow-api does.
func (c *Client) stranger(what string) error {
	return fault.New(fault.Unavailable, "%s gave %s", c.base, what).WithHint("is it the address of a QuantumLayer platform? A token for a login in front of one goes into QL_SERVER_TOKEN")
}

func path(id string) string { return runs + "/" + url.PathEscape(id) }

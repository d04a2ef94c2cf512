// Package httpclient is how functions call each other: JSON over HTTP, faults carried across, sizes bounded, no retries
// (retries have one owner, and it is the worker).
package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// ResponseLimit is the largest answer that is read, in bytes.
const ResponseLimit = 128 << 20

// Client calls one service. The zero HTTP client is one without a time limit: the context has it, since models are slow.
type Client struct {
	Service string // name for errors, e.g. llm-router
	Base    string // e.g. http://llm-router.quantumlayer.svc.cluster.local, without a slash at the end
	HTTP    *http.Client
}

// transport is shared so that connections are: the default one keeps only two idle connections a host, and in one process
// all services are one host.
var transport = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	t.Proxy = nil // services of the platform are never behind a proxy
	t.IdleConnTimeout = 30 * time.Second
	return t
}()

// New makes a client for a service. The base URL must be absolute; New panics on none, as configuration was checked before.
func New(service, base string) *Client {
	return &Client{Service: service, Base: strings.TrimSuffix(base, "/"), HTTP: &http.Client{Transport: transport}}
}

// CheckURL says whether base can be a service's URL; configuration structs use it.
func CheckURL(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%q must be an absolute http or https URL", u.Redacted())
	}
	return nil
}

// JSON sends in as JSON (nil: no body) and decodes the answer into out (nil: not read). Errors are faults: the service's own,
// or Unavailable when it cannot be reached or breaks off.
func (c *Client) JSON(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding the request to %s: %w", c.Service, err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return fmt.Errorf("request to %s: %w", c.Service, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, "+fault.ProblemType)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	raw, err := c.Body(resp)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fault.New(fault.Unavailable, "%s answered something that is not the JSON expected: %w", c.Service, err)
	}
	return nil
}

// Do sends a request. An answer that is not 2xx becomes the fault it carries; else the caller closes the body.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if ctxErr := req.Context().Err(); ctxErr != nil {
			return nil, fmt.Errorf("calling %s: %w", c.Service, ctxErr)
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fault.New(fault.Unavailable, "%s at %s cannot be reached: %w", c.Service, c.Base, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, fault.FromResponse(resp, c.Service)
	}
	return resp, nil
}

// Body reads an answer's body up to ResponseLimit.
func (c *Client) Body(resp *http.Response) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, ResponseLimit+1))
	if err != nil {
		if ctxErr := resp.Request.Context().Err(); ctxErr != nil {
			return nil, fmt.Errorf("reading from %s: %w", c.Service, ctxErr)
		}
		return nil, fault.New(fault.Unavailable, "%s broke off its answer: %w", c.Service, err)
	}
	if len(raw) > ResponseLimit {
		return nil, fault.New(fault.Unavailable, "%s answered more than %d MiB", c.Service, ResponseLimit>>20)
	}
	return raw, nil
}

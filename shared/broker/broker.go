// Package broker sends events to a Knative Broker, or to any other receiver of CloudEvents over HTTP.
package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// Event is a CloudEvent with JSON data.
type Event struct {
	ID, Type, Source, Subject string
	Time                      time.Time
	Data                      json.RawMessage
	Extensions                map[string]string // names of lower-case letters and digits
}

// Client sends to one receiver. It is safe for concurrent use and never retries.
type Client struct{ http *httpclient.Client }

// New makes a client. The URL is the one that Knative puts into K_SINK; it must have been checked by httpclient.CheckURL.
func New(url string) *Client { return &Client{httpclient.New("the Broker", url)} }

// Send returns nil when the receiver has accepted the event. Errors are faults, and the context's end. It has no time limit of its
// own: a Broker on in-memory channels accepts an event when every subscriber has had it or was tried often enough, which may take
// more than a minute.
func (c *Client) Send(ctx context.Context, e Event) error {
	out := ce.New()
	out.SetID(e.ID)
	out.SetType(e.Type)
	out.SetSource(e.Source)
	out.SetSubject(e.Subject)
	out.SetTime(e.Time)
	for name, value := range e.Extensions {
		out.SetExtension(name, value)
	}
	if err := out.SetData(ce.ApplicationJSON, e.Data); err != nil {
		return fmt.Errorf("event %s: %w", e.Type, err)
	}
	if err := out.Validate(); err != nil {
		return fault.New(fault.Invalid, "event %s: %w", e.Type, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.http.Base, nil)
	if err != nil {
		return fmt.Errorf("request to the Broker: %w", err)
	}
	if err := cehttp.WriteRequest(binding.WithForceBinary(ctx), (*binding.EventMessage)(&out), req); err != nil {
		return fmt.Errorf("event %s: %w", e.Type, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("sending %s: %w", e.Type, err)
	}
	return resp.Body.Close()
}

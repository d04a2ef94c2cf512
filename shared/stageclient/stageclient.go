// Package stageclient calls stage functions: a stage's requested event goes out as a CloudEvent in binary mode, the completed
// event comes back as the response. Data over event.InlineLimit travels as a reference to quantum-drops, both ways.
package stageclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/dataref"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// placeholder stands for the stage's name in the URL template.
const placeholder = "{stage}"

// Client calls the stage functions of one platform. It is safe for concurrent use and never retries.
type Client struct {
	template   string
	source     string
	references *dataref.Store
}

// New makes a client. template is the URL of the stage functions with {stage} in it, dropsURL the base URL of the quantum-drops
// that holds large data, source the URI reference of the caller that the events carry.
func New(template, dropsURL, source string) (*Client, error) {
	if err := CheckTemplate(template); err != nil {
		return nil, err
	}
	if err := httpclient.CheckURL(dropsURL); err != nil {
		return nil, fmt.Errorf("quantum-drops: %w", err)
	}
	return &Client{template: template, source: source, references: dataref.New(strings.TrimSuffix(dropsURL, "/"))}, nil
}

// CheckTemplate says whether template can be the URL of stage functions.
func CheckTemplate(template string) error {
	if !strings.Contains(template, placeholder) {
		return fmt.Errorf("%q must have %s where the stage's name goes", template, placeholder)
	}
	return httpclient.CheckURL(URL(template, "stage"))
}

// URL is where a template of stage functions says that a stage is.
func URL(template string, stage pipeline.Stage) string {
	return strings.ReplaceAll(template, placeholder, string(stage))
}

// Call names a call of a stage.
type Call struct {
	ID         string // of the event; the same for every try of the same work, so that a receiver can tell
	WorkflowID string
	Stage      pipeline.Stage
}

// Do calls a stage and waits for its answer, for as long as ctx lets it: models are slow. Errors are faults: the stage's own,
// or Unavailable when it cannot be reached, breaks off or answers something else than the completed event.
func Do[In, Out any](ctx context.Context, c *Client, call Call, in In) (Out, error) {
	var out Out
	raw, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("encoding the request to stage %s: %w", call.Stage, err)
	}
	request, err := c.request(ctx, call, raw)
	if err != nil {
		return out, fmt.Errorf("request to stage %s: %w", call.Stage, err)
	}
	answer, err := c.send(ctx, call, request)
	if err != nil {
		return out, err
	}
	out, err = runner.NewSchema[Out]().Decode(answer)
	if err != nil {
		return out, fault.New(fault.Unavailable, "stage %s answered data that does not fit its schema: %w", call.Stage, err)
	}
	return out, nil
}

// request makes the requested event.
func (c *Client) request(ctx context.Context, call Call, data []byte) (*ce.Event, error) {
	e := ce.New()
	e.SetID(call.ID)
	e.SetType(event.StageType(call.Stage, event.Requested))
	e.SetSource(c.source)
	e.SetSubject(call.WorkflowID)
	if len(data) <= event.InlineLimit {
		if err := e.SetData(ce.ApplicationJSON, data); err != nil {
			return nil, err
		}
	} else {
		ref, err := c.references.Save(ctx, call.WorkflowID, string(call.Stage), data)
		if err != nil {
			return nil, err
		}
		e.SetDataContentType(ce.ApplicationJSON)
		e.SetExtension(event.DataRef, ref)
	}
	return &e, e.Validate()
}

// send posts the event and gives the data of the answer.
func (c *Client) send(ctx context.Context, call Call, request *ce.Event) ([]byte, error) {
	service := httpclient.New("stage "+string(call.Stage), URL(c.template, call.Stage))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, service.Base, nil)
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", service.Service, err)
	}
	if err := cehttp.WriteRequest(binding.WithForceBinary(ctx), (*binding.EventMessage)(request), req); err != nil {
		return nil, fmt.Errorf("request to %s: %w", service.Service, err)
	}
	resp, err := service.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body := &boundedBody{ReadCloser: resp.Body, left: httpclient.ResponseLimit}
	resp.Body = body
	answer, err := binding.ToEvent(ctx, cehttp.NewMessageFromHttpResponse(resp))
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("reading from %s: %w", service.Service, ctx.Err())
	case body.err != nil:
		return nil, fault.New(fault.Unavailable, "%s broke off its answer: %w", service.Service, body.err)
	case err != nil:
		return nil, fault.New(fault.Unavailable, "%s answered %s that is no CloudEvent: %w", service.Service, resp.Status, err)
	}
	if want := event.StageType(call.Stage, event.Completed); answer.Type() != want || answer.Subject() != call.WorkflowID {
		return nil, fault.New(fault.Unavailable, "%s answered event %q about %q, not %q about %q", service.Service,
			answer.Type(), answer.Subject(), want, call.WorkflowID)
	}
	ref, ok := answer.Extensions()[event.DataRef].(string)
	if !ok {
		return answer.Data(), nil
	}
	data, err := c.references.Load(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("answer of %s: %w", service.Service, err)
	}
	return data, nil
}

// boundedBody remembers why reading failed, which the CloudEvents SDK hides, and ends answers over a limit.
type boundedBody struct {
	io.ReadCloser
	left int64
	err  error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		err = fmt.Errorf("it has over %d MiB", int64(httpclient.ResponseLimit)>>20)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

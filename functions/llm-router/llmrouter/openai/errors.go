package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// retryWindow is how long a call is tried again: what lasts longer is for the worker, which keeps the run's state meanwhile.
const retryWindow = 30 * time.Second

// transient wraps a fault that the same request may not meet in a moment.
type transient struct {
	error
	after time.Duration // the server's Retry-After; 0: it said nothing
}

func (t *transient) Unwrap() error { return t.error }

func transientFault(after time.Duration, err *fault.Error) error {
	if after > 0 {
		err = err.WithRetryAfter(after)
	}
	return &transient{err, after}
}

// settled takes the mark of a transient error off.
func settled(err error) error {
	if t := (*transient)(nil); errors.As(err, &t) {
		return t.error
	}
	return err
}

// again asks until there is an answer, an error that is not transient, or no try or time left.
func again[R any](ctx context.Context, o Options, ask func() (R, error)) (R, error) {
	begin := time.Now()
	policy := retrypolicy.NewBuilder[R]().
		HandleIf(func(_ R, err error) bool {
			t := (*transient)(nil)
			return errors.As(err, &t) && ctx.Err() == nil && time.Since(begin)+t.after <= retryWindow
		}).
		WithMaxRetries(o.Retries).
		WithBackoff(max(o.Backoff, 1), max(8*o.Backoff, 8)).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[R]) time.Duration {
			if t := (*transient)(nil); errors.As(exec.LastError(), &t) && t.after > 0 {
				return t.after
			}
			return -1 // the back-off
		}).
		ReturnLastFailure().Build()
	return failsafe.With(policy).WithContext(ctx).Get(ask)
}

// ended gives the reason why ctx ended, if it did, in place of what that did to the call.
func ended(ctx context.Context, err error) error {
	var reason *fault.Error
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.As(context.Cause(ctx), &reason):
		return reason
	}
	return ctx.Err()
}

// status is an answer that is not 2xx.
type status struct {
	code   int
	header http.Header
	body   []byte
}

func (s *status) Error() string { return fmt.Sprintf("status %d", s.code) }

// refusal is a request that the server does not take in this form.
type refusal struct {
	error
	words string // what the server said, in lower case
}

func (r *refusal) Unwrap() error { return r.error }

// explain turns what came of a call into a fault that says what to do.
func (p *Provider) explain(ctx context.Context, model string, err error) error {
	var known *fault.Error
	var answered *status
	var where *url.Error
	switch {
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ended(ctx, err)
	case errors.As(err, &answered):
		return p.refused(model, answered)
	case errors.As(err, &where):
		err = where.Err // the URL is in the message already
	}
	said := "broke off"
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		said = "cannot be reached"
	}
	return transientFault(0, fault.New(fault.ModelDown, "the model server at %s %s: %s", p.where, said, p.clean(err.Error())).
		WithHint("start it, or check --llm-url or QL_LLM_URL"))
}

// refused maps the statuses of an answer.
func (p *Provider) refused(model string, s *status) error {
	said := p.clean(errorMessage(s.body))
	words := strings.ToLower(string(s.body))
	media, _, _ := mime.ParseMediaType(s.header.Get("Content-Type")) // a wrong header is no web page
	switch {
	case media == "text/html" && (s.code == http.StatusNotImplemented || s.code == http.StatusMethodNotAllowed || s.code == http.StatusNotFound):
		return fault.New(fault.BadModel, "%s is a web server, no model server: it answers %d with a page", p.where, s.code).
			WithHint("check --llm-url or QL_LLM_URL; it usually ends in /v1")
	case s.code < 400:
		return fault.New(fault.BadModel, "the model server at %s is elsewhere (%d): %s", p.where, s.code, p.clean(s.header.Get("Location"))).
			WithHint("set --llm-url or QL_LLM_URL to where it is")
	case s.code == http.StatusUnauthorized || s.code == http.StatusForbidden:
		e := fault.New(fault.BadModel, "the model server refuses the key (%d): %s", s.code, said)
		if p.options.Key == "" {
			e = fault.New(fault.BadModel, "the model server wants a key (%d): %s", s.code, said)
		}
		return e.WithHint("set QL_LLM_API_KEY, or QL_LLM_API_KEY_FILE to a file that holds it")
	case s.code == http.StatusPaymentRequired || strings.Contains(words, "insufficient_quota"):
		return fault.New(fault.BadModel, "the account of the model server's key has no credit (%d): %s", s.code, said).WithHint("add credit, or use another key")
	case s.code == http.StatusNotFound:
		return fault.New(fault.BadModel, "the model server at %s knows no model %q, or the URL is wrong (404): %s", p.where, model, said).
			WithHint("name a model that the server has with --llm-model or QL_LLM_MODEL; the URL usually ends in /v1")
	case s.code == http.StatusTooManyRequests:
		return transientFault(retryAfter(s.header), fault.New(fault.ModelDown, "the model server is over its limit (429): %s", said).
			WithHint("wait, or use another model or key"))
	case s.code >= 500 || s.code == http.StatusRequestTimeout:
		return transientFault(retryAfter(s.header), fault.New(fault.ModelDown, "the model server failed (%d): %s", s.code, said).
			WithHint("try again later; the server's log says more"))
	}
	e := fault.New(fault.BadModel, "the model server does not take the request (%d): %s", s.code, said)
	for _, w := range tooLarge {
		if strings.Contains(words, w) {
			return e.WithHint("use a model with a larger context window, or a smaller project")
		}
	}
	if s.code == http.StatusBadRequest || s.code == http.StatusUnprocessableEntity {
		return &refusal{e, words}
	}
	return e
}

// said maps an error that came inside an answer, after the status was sent; null and none are no error.
func (p *Provider) said(model string, raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var e struct {
		Code int `json:"code"` // some servers put the status here, others a word
	}
	_ = json.Unmarshal(raw, &e) // a word: the status stays unknown
	if e.Code < 400 || e.Code > 599 {
		e.Code = http.StatusInternalServerError
	}
	err := p.refused(model, &status{code: e.Code, body: []byte(`{"error":` + string(raw) + `}`)})
	if r := (*refusal)(nil); errors.As(err, &r) {
		return r.error // the server took the request, so its form is not at fault
	}
	return err
}

// errorMessage finds the message in an error's body: in OpenAI's shape, in those of servers that say it elsewhere, else all of it.
func errorMessage(body []byte) string {
	var shape struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return string(body)
	}
	var inner struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(shape.Error, &inner) == nil && inner.Message != "" {
		return inner.Message
	}
	var text string
	if json.Unmarshal(shape.Error, &text) == nil && text != "" {
		return text
	}
	if shape.Message != "" {
		return shape.Message
	}
	return string(body)
}

// retryAfter reads the header in both of its forms; 0: it is not there or not readable.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// clean makes one short line of a server's words, without the key, which servers like to repeat.
func (p *Provider) clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if p.options.Key != "" {
		s = strings.ReplaceAll(s, p.options.Key, "[key]")
	}
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	if s == "" {
		return "(it says no more)"
	}
	return s
}

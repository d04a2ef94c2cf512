package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// plainAnswer is a whole completion that a server sent where a stream was asked for.
type plainAnswer struct{ body []byte }

func (*plainAnswer) Error() string { return "a whole answer instead of a stream" }

func (p *Provider) decodePlain(model string, body []byte, each func(string) error) (llm.Response, error) {
	var c sdk.ChatCompletion
	if err := json.Unmarshal(body, &c); err != nil {
		return llm.Response{}, fault.New(fault.ModelDown, "the model server answered JSON that is no chat completion: %w", err)
	}
	return whole(model, &c, each)
}

// streaming marks the context of a call that asked for a stream.
type streaming struct{}

// guard looks at every answer before the SDK does: a web page is no model, a whole answer is taken where a stream was asked for,
// and a stream that is silent for longer than idle is ended.
func guard(idle time.Duration) option.Middleware {
	return func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		ctx, cancel := context.WithCancelCause(req.Context())
		timer := time.AfterFunc(idle, func() {
			cancel(fault.New(fault.ModelDown, "the model server said nothing for %s", idle).WithHint("raise QL_LLM_IDLE_TIMEOUT if the model is only slow"))
		})
		resp, err := next(req.WithContext(ctx))
		if err != nil {
			timer.Stop()
			defer cancel(nil)
			if cause := context.Cause(ctx); cause != nil && req.Context().Err() == nil {
				return resp, cause
			}
			return resp, err
		}
		resp.Body = &watched{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: timer, idle: idle}
		if resp.StatusCode/100 != 2 {
			return resp, nil
		}
		media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // a wrong header is the last case
		stream := req.Context().Value(streaming{}) != nil
		switch {
		case media == "text/event-stream", media == "application/json" && !stream:
			return resp, nil
		case media == "application/json":
			defer resp.Body.Close()
			body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
			if err != nil {
				return nil, err
			}
			return nil, &plainAnswer{body}
		}
		defer resp.Body.Close()
		start, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only for the message
		return nil, fault.New(fault.ModelDown, "%s answers %q, not a model's answer: %s", req.URL.Redacted(), media, oneLine(string(start))).
			WithHint("the URL of an OpenAI-compatible server usually ends in /v1")
	}
}

// watched is a body that starts the timer of its stream anew with every byte.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if n > 0 {
		w.timer.Reset(w.idle)
	}
	if err != nil && err != io.EOF {
		var silent *fault.Error
		if errors.As(context.Cause(w.ctx), &silent) {
			err = silent
		}
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.ReadCloser.Close()
}

// explain turns what came of a call into a fault that says what to do.
func (p *Provider) explain(ctx context.Context, model string, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		if errors.As(context.Cause(ctx), &known) {
			return known
		}
		return ctx.Err()
	}
	var api *sdk.Error
	if !errors.As(err, &api) {
		return fault.New(fault.ModelDown, "the model server at %s cannot be reached or broke off: %s", p.options.URL, p.redact(err.Error())).
			WithHint("start it, or check --llm-url or QL_LLM_URL")
	}
	said := p.redact(oneLine(api.Message))
	if said == "" {
		said = p.redact(oneLine(api.RawJSON()))
	}
	switch code := api.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fault.New(fault.BadModel, "the model server refuses the key (%d): %s", code, said).WithHint("set QL_LLM_API_KEY, or QL_LLM_API_KEY_FILE to a file that holds it")
	case code == http.StatusNotFound:
		return fault.New(fault.BadModel, "the model server at %s knows no model %q, or the URL is wrong (404): %s", p.options.URL, model, said).
			WithHint("name a model that the server has with --llm-model; the URL usually ends in /v1")
	case code == http.StatusTooManyRequests:
		e := fault.New(fault.Busy, "the model server is over its limit (429): %s", said).WithHint("wait, or use another model or key")
		if s, err := strconv.Atoi(api.Response.Header.Get("Retry-After")); err == nil && s > 0 {
			e = e.WithRetryAfter(time.Duration(s) * time.Second)
		}
		return e
	case code >= 500 || code == http.StatusRequestTimeout:
		return fault.New(fault.ModelDown, "the model server failed (%d): %s", code, said)
	default:
		return fault.New(fault.BadModel, "the model server does not take the request (%d): %s", code, said)
	}
}

// redact takes the key out of a message; servers like to repeat it.
func (p *Provider) redact(s string) string {
	if p.options.Key == "" {
		return s
	}
	return strings.ReplaceAll(s, p.options.Key, "[key]")
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

package fault

import (
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// ProblemType is the media type of a problem document.
const ProblemType = "application/problem+json"

// problemLimit bounds what is read of another server's error answer, in bytes.
const problemLimit = 64 << 10

// Problem is the wire form of a fault: RFC 9457 with code, hint and errors as extension members.
type Problem struct {
	Type   string  `json:"type" doc:"URI of the kind of problem: urn:quantumlayer:problem:CODE"`
	Title  string  `json:"title" doc:"The status in words"`
	Status int     `json:"status" doc:"HTTP status"`
	Detail string  `json:"detail" doc:"What happened, for a person"`
	Code   Code    `json:"code" doc:"Stable code of the fault"`
	Hint   string  `json:"hint,omitempty" doc:"What to do next"`
	Errors []Field `json:"errors,omitempty" doc:"The wrong fields"`
}

// Problem gives the wire form.
func (e *Error) Problem() *Problem {
	title := http.StatusText(e.Status())
	if e.Code == Cancelled {
		title = "Client Closed Request"
	}
	return &Problem{Type: "urn:quantumlayer:problem:" + string(e.Code), Title: title, Status: e.Status(),
		Detail: e.Detail, Code: e.Code, Hint: e.Hint, Errors: e.Fields}
}

// Error, GetStatus and ContentType let huma answer with a Problem as it is.
func (p *Problem) Error() string             { return p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) ContentType(string) string { return ProblemType }

// Write answers with err as a problem document and logs what the client is not told. It is the one place that does.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	e := From(err)
	Log(r, e)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", retryAfter(e.RetryAfter))
	}
	w.Header().Set("Content-Type", ProblemType)
	w.WriteHeader(e.Status())
	_ = json.NewEncoder(w).Encode(e.Problem()) // the client may be gone: nobody is left to tell
}

// Log writes one line about a fault that a request met: an error for 5xx, a warning for 429, else info.
func Log(r *http.Request, e *Error) {
	level := slog.LevelInfo
	switch s := e.Status(); {
	case s >= 500:
		level = slog.LevelError
	case s == http.StatusTooManyRequests:
		level = slog.LevelWarn
	}
	attrs := []any{"code", e.Code, "status", e.Status(), "detail", e.Error(), "method", r.Method, "path", r.URL.Path}
	if e.err != nil {
		attrs = append(attrs, "cause", e.err.Error())
	}
	slog.Log(r.Context(), level, "request failed", attrs...)
}

// FromResponse reads the fault out of a response whose status is not 2xx; service is the name that the detail gives the server.
// An answer that is no problem document (a proxy's HTML page) becomes Unavailable for 5xx and 429, else Internal.
// It reads at most 64 KiB and does not close the body.
func FromResponse(resp *http.Response, service string) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, problemLimit))
	if err != nil {
		return New(Unavailable, "%s answered %s and broke off: %w", service, resp.Status, err)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // a wrong header is the default case below
	var p Problem
	if media == ProblemType && json.Unmarshal(body, &p) == nil && p.Code != "" {
		e := &Error{Code: p.Code, Detail: p.Detail, Hint: p.Hint, Fields: p.Errors}
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			e.RetryAfter = time.Duration(s) * time.Second
		}
		return e
	}
	code := Internal
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		code = Unavailable
	}
	return New(code, "%s answered %s: %s", service, resp.Status, excerpt(body))
}

func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	if s == "" {
		return "(empty body)"
	}
	return s
}

// GetHeaders lets huma send Retry-After with a fault that a handler returned.
func (e *Error) GetHeaders() http.Header {
	h := http.Header{}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", retryAfter(e.RetryAfter))
	}
	return h
}

func retryAfter(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

// UseInHuma makes huma answer its own findings (validation, limits) as problem documents of ours, and handlers' errors by From.
// It sets process-wide hooks of huma, the first time that it is called.
func UseInHuma() { useInHuma() }

var useInHuma = sync.OnceFunc(func() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(status, msg, errs).Problem()
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		e := fromHuma(status, msg, errs)
		if ctx != nil {
			u := ctx.URL()
			Log(&http.Request{Method: ctx.Method(), URL: &u}, e)
		}
		return e.Problem()
	}
})

// fromHuma: huma reports a handler's error as status 500 with that one error, its own findings with details.
func fromHuma(status int, msg string, errs []error) *Error {
	if status == http.StatusInternalServerError && len(errs) == 1 {
		return From(errs[0])
	}
	e := &Error{Code: codeOf(status), Detail: msg}
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok {
			e.Fields = append(e.Fields, Field{Location: d.ErrorDetail().Location, Message: d.ErrorDetail().Message})
		} else if err != nil {
			e.Fields = append(e.Fields, Field{Message: err.Error()})
		}
	}
	return e
}

func codeOf(status int) Code {
	switch status {
	case 400, 405, 406:
		return Invalid
	case 401, 403:
		return Unauthorized
	case 404:
		return NotFound
	case 408, 504:
		return DeadlinePassed
	case 409, 412:
		return Conflict
	case 413:
		return TooLarge
	case 415:
		return Unsupported
	case 422:
		return Unprocessable
	case 429:
		return Busy
	case 503, 502:
		return Unavailable
	}
	if status < 500 {
		return Invalid
	}
	return Internal
}

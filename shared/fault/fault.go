// Package fault is the one table of what can go wrong, and the one place that puts it on the wire.
//
// A fault crosses processes as an RFC 9457 problem document (application/problem+json) with a stable code.
// Its HTTP status is chosen by what a retry would do: 4xx says "the same request fails again" (429 aside),
// 503 says "a dependency is broken, try later". Knative's and Temporal's retries both read it so.
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Code names a kind of fault. Codes are append-only: clients and saved workflow histories hold them.
type Code string

// The codes, each with the status that Status gives it.
const (
	Invalid        Code = "invalid"             // 400: the request cannot be read (no JSON, wrong type, not UTF-8)
	Unauthorized   Code = "unauthorized"        // 401: no or a wrong credential
	NotFound       Code = "not_found"           // 404: the resource of the URL does not exist
	Conflict       Code = "conflict"            // 409: the state of the resource forbids it
	Unsupported    Code = "unsupported_media"   // 415: the content type is none of those offered
	TooLarge       Code = "too_large"           // 413: over a documented limit
	Unprocessable  Code = "unprocessable"       // 422: well-formed, but its meaning is wrong
	UnknownEvent   Code = "unknown_event"       // 422: an event type that this function does not take
	Refused        Code = "prompt_refused"      // 422: the prompt describes no software that can be built
	BadAnswer      Code = "model_bad_answer"    // 422: the model's answer was still wrong after every re-ask
	Truncated      Code = "model_truncated"     // 422: the model's answer hit its length limit and could not be continued
	BadModel       Code = "model_misconfigured" // 422: the model server refuses key, model name or request
	Verification   Code = "verification"        // 422: build or tests of the project do not pass
	BudgetSpent    Code = "budget_spent"        // 402: the run's budget is used up
	Busy           Code = "busy"                // 429: over capacity, with Retry-After
	Cancelled      Code = "cancelled"           // 499: the caller went away
	Internal       Code = "internal"            // 500: a defect of ours
	Unavailable    Code = "unavailable"         // 503: a dependency is broken or not reachable
	ModelDown      Code = "model_unavailable"   // 503: the model server is not reachable or answers nonsense
	NoIsolation    Code = "no_isolation"        // 503: the machine offers nothing to hold untrusted code
	DeadlinePassed Code = "deadline"            // 504: a time limit passed
)

var statuses = map[Code]int{
	Invalid: 400, Unauthorized: 401, BudgetSpent: 402, NotFound: 404, Conflict: 409, TooLarge: 413, Unsupported: 415,
	Unprocessable: 422, UnknownEvent: 422, Refused: 422, BadAnswer: 422, Truncated: 422, BadModel: 422, Verification: 422,
	Busy: 429, Cancelled: 499, Internal: 500, Unavailable: 503, ModelDown: 503, NoIsolation: 503, DeadlinePassed: 504,
}

// Field is one wrong field of a request.
type Field struct {
	Location string `json:"location"` // e.g. body.language
	Message  string `json:"message"`
}

// Error is a fault with what the person who sees it needs. Detail goes to the client; the wrapped error only to the log.
type Error struct {
	Code       Code
	Detail     string        // one sentence, for the client
	Hint       string        // what to do next; may be empty
	Fields     []Field       // wrong fields; may be empty
	RetryAfter time.Duration // 0: not said
	err        error
}

// New returns a fault whose detail is formatted as by fmt.Errorf: %w wraps the cause, and its text is part of the detail.
func New(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Detail: err.Error(), err: errors.Unwrap(err)}
}

// Wrap returns a fault whose detail is said to the client while cause is only logged.
func Wrap(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...), err: cause}
}

// WithHint sets what the reader can do next and returns the fault.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithFields sets the wrong fields and returns the fault.
func (e *Error) WithFields(fields ...Field) *Error {
	e.Fields = append(e.Fields, fields...)
	return e
}

// WithRetryAfter says when a retry makes sense and returns the fault.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Error gives detail, wrong fields and hint in one line.
func (e *Error) Error() string {
	s := e.Detail
	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		s += sep + f.Location + ": " + f.Message
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap gives the cause, or nil.
func (e *Error) Unwrap() error { return e.err }

// Status is the HTTP status of the fault's code; 500 for a code that is not in the table.
func (e *Error) Status() int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Retryable says whether the same request may succeed later without anyone changing anything.
func (e *Error) Retryable() bool {
	switch e.Code {
	case Busy, Internal, Unavailable, ModelDown, DeadlinePassed:
		return true
	}
	return false
}

// From gives the fault in err's chain. A context's end becomes Cancelled or DeadlinePassed; anything else is Internal,
// with a detail that tells the client nothing of the inside. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &tooLarge):
		return Wrap(TooLarge, err, "the request is over %d bytes", tooLarge.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(DeadlinePassed, err, "the time limit passed")
	case errors.Is(err, context.Canceled):
		return Wrap(Cancelled, err, "cancelled")
	}
	return Wrap(Internal, err, "internal error; the log has the details")
}

// About says of an error what it is about, e.g. the variable that names the server which does not answer. A fault stays one, with
// its code and hint. About(nil, …) is nil.
func About(err error, what string) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fmt.Errorf("%s: %w", what, err)
	}
	about := *e
	about.Detail = what + ": " + e.Detail
	return &about
}

// Is says whether err carries a fault of this code.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

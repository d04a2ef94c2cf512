package openai

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3/option"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

const (
	// wireLimit bounds one answer on the wire, in bytes: a stream puts some 200 bytes around each token, and thoughts come
	// on top of the answer.
	wireLimit = 256 << 20
	// errorLimit bounds what is read of an error's body, in bytes.
	errorLimit = 64 << 10
)

// refusals takes answers that are not 2xx away from the SDK, which would read them without a limit and keep the request, key
// included, in its error.
func refusals(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	resp, err := next(req)
	if err != nil || resp.StatusCode/100 == 2 {
		return resp, err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, errorLimit)) // the status is the error, whatever is left of the words
	return nil, &status{resp.StatusCode, resp.Header, body}
}

// silence cancels a call after idle, unless alive is called before that; each call of it starts the time anew.
func silence(cancel context.CancelCauseFunc, idle time.Duration) (alive, stop func()) {
	timer := time.AfterFunc(idle, func() {
		cancel(fault.New(fault.ModelDown, "the model server said nothing for %s", idle).WithHint("raise QL_LLM_IDLE_TIMEOUT if the model is only slow"))
	})
	return func() { timer.Reset(idle) }, func() { timer.Stop() }
}

// watched is a body that tells of every byte and ends at a limit.
type watched struct {
	io.ReadCloser
	alive func()
	left  int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if n > 0 {
		w.alive()
	}
	if w.left -= int64(n); w.left < 0 {
		return n, fault.New(fault.BadAnswer, "the model server sent more than %d MiB for one answer", wireLimit>>20)
	}
	return n, err
}

// readAll reads a plain answer, which is no longer than an answer in JSON can be.
func readAll(r io.Reader) ([]byte, error) {
	const limit = 6 * answerLimit // JSON takes at most six bytes for one
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && len(body) > limit {
		err = fault.New(fault.BadAnswer, "the model server's answer is over %d MiB", limit>>20)
	}
	return body, err
}

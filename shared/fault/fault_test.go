package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

func TestFrom(t *testing.T) {
	cause := errors.New("dial tcp: refused, password=hunter2")
	for name, tc := range map[string]struct {
		err  error
		code fault.Code
		// what the client reads must not hold the cause
		hides string
	}{
		"a fault in the chain": {fmt.Errorf("storing: %w", fault.Wrap(fault.Unavailable, cause, "the store is down")), fault.Unavailable, "hunter2"},
		"a deadline":           {fmt.Errorf("x: %w", context.DeadlineExceeded), fault.DeadlinePassed, "x:"},
		"a cancellation":       {context.Canceled, fault.Cancelled, "context"},
		"anything else":        {cause, fault.Internal, "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			e := fault.From(tc.err)
			if e.Code != tc.code {
				t.Errorf("code %s, want %s", e.Code, tc.code)
			}
			if strings.Contains(e.Problem().Detail, tc.hides) {
				t.Errorf("the client is told %q", e.Problem().Detail)
			}
		})
	}
	if fault.From(nil) != nil {
		t.Error("From(nil) is no nil")
	}
}

func TestStatusSaysWhetherARetryHelps(t *testing.T) {
	for _, code := range []fault.Code{fault.Invalid, fault.Unprocessable, fault.NotFound, fault.TooLarge, fault.BadAnswer, fault.BadModel, fault.BudgetSpent, fault.Refused} {
		if e := fault.New(code, "x"); e.Retryable() || e.Status() < 400 || e.Status() >= 500 {
			t.Errorf("%s: status %d, retryable %v; want 4xx and not", code, e.Status(), e.Retryable())
		}
	}
	for _, code := range []fault.Code{fault.Busy, fault.Unavailable, fault.ModelDown} {
		if e := fault.New(code, "x"); !e.Retryable() {
			t.Errorf("%s is not retryable", code)
		}
	}
}

func TestAFaultCrossesTheWire(t *testing.T) {
	sent := fault.New(fault.Busy, "the queue is full").WithHint("wait").WithFields(fault.Field{Location: "body.n", Message: "too many"}).WithRetryAfter(1500 * time.Millisecond)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fault.Write(w, r, sent) }))
	t.Cleanup(server.Close)
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" || resp.Header.Get("Content-Type") != fault.ProblemType {
		t.Errorf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	var got *fault.Error
	if !errors.As(fault.FromResponse(resp, "sandbox-runner"), &got) {
		t.Fatal("no fault came back")
	}
	want := fault.New(fault.Busy, "the queue is full").WithHint("wait").WithFields(fault.Field{Location: "body.n", Message: "too many"}).WithRetryAfter(2 * time.Second)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(fault.Error{})); diff != "" {
		t.Errorf("fault (-want +got):\n%s", diff)
	}
}

func TestAnAnswerThatIsNoProblemDocument(t *testing.T) {
	for status, code := range map[int]fault.Code{502: fault.Unavailable, 503: fault.Unavailable, 429: fault.Unavailable, 404: fault.Internal, 400: fault.Internal} {
		resp := &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html>proxy</html>"))}
		err := fault.FromResponse(resp, "parser")
		if !fault.Is(err, code) || !strings.Contains(err.Error(), "parser answered") {
			t.Errorf("%d: %v, want %s", status, err, code)
		}
	}
}

func TestHumaAnswersInOurForm(t *testing.T) {
	fault.UseInHuma()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("t", "1"))
	huma.Post(api, "/x", func(_ context.Context, in *struct {
		Body struct {
			N int `json:"n" maximum:"3"`
		}
	}) (*struct{}, error) {
		switch in.Body.N {
		case 1:
			return nil, fmt.Errorf("doing it: %w", fault.New(fault.Conflict, "already done").WithRetryAfter(time.Second))
		case 2:
			return nil, errors.New("secret")
		}
		return nil, nil
	})
	for body, want := range map[string]string{
		`{"n":1}`: `409 "code":"conflict"`,
		`{"n":2}`: `500 "code":"internal"`,
		`{"n":4}`: `422 "code":"unprocessable"`,
		`{"n":`:   `400 "code":"invalid"`,
	} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		mux.ServeHTTP(rec, req)
		status, code, _ := strings.Cut(want, " ")
		if got := rec.Body.String(); fmt.Sprint(rec.Code) != status || !strings.Contains(got, code) || strings.Contains(got, "secret") || rec.Header().Get("Content-Type") != fault.ProblemType {
			t.Errorf("%s: %d %s, want %s", body, rec.Code, got, want)
		}
	}
}

func TestAbout(t *testing.T) {
	t.Parallel()
	if fault.About(nil, "x") != nil {
		t.Error("of no error it makes one")
	}
	own := fault.New(fault.Unavailable, "nobody answers").WithHint("start it")
	err := fault.About(fmt.Errorf("opening: %w", own), "QL_X")
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Unavailable || f.Detail != "QL_X: nobody answers" || f.Hint != "start it" || own.Detail != "nobody answers" {
		t.Errorf("got %v of %v", err, own)
	}
	plain := errors.New("broken")
	if err := fault.About(plain, "QL_X"); !errors.Is(err, plain) || err.Error() != "QL_X: broken" {
		t.Errorf("got %v", err)
	}
}

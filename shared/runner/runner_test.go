package runner_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

func TestConfigNamesEveryWrongVariable(t *testing.T) {
	_, err := runner.Config[runner.Server](runner.Environ{"PORT": "http", "QL_DRAIN": "soon"})
	if err == nil || !strings.Contains(err.Error(), "PORT") || !strings.Contains(err.Error(), "QL_DRAIN") {
		t.Errorf("got %v, want both variables named", err)
	}
	_, err = runner.Config[services.URLs](runner.Environ{"QL_PARSER_URL": "parser", "QL_SANDBOX_RUNNER_URL": "ftp://x"})
	if err == nil || !strings.Contains(err.Error(), "QL_PARSER_URL") || !strings.Contains(err.Error(), "QL_SANDBOX_RUNNER_URL") {
		t.Errorf("got %v, want both variables named", err)
	}
	cfg, err := runner.Config[services.URLs](runner.Environ{})
	if err != nil || cfg.Router != "http://llm-router.quantumlayer.svc.cluster.local" {
		t.Errorf("defaults: %+v, %v", cfg, err)
	}
}

func TestHandlerGuards(t *testing.T) {
	stopping, stop := context.WithCancel(t.Context())
	ready := true
	h := runner.Handler(stopping, &runner.Service{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/panic" {
				panic("secret")
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				fault.Write(w, r, fault.New(fault.TooLarge, "too large"))
			}
		}),
		Ready: func(context.Context) error {
			if !ready {
				return fault.New(fault.Unavailable, "no database")
			}
			return nil
		},
	}, 10)
	get := func(path, body string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, strings.NewReader(body)))
		return rec
	}
	for _, step := range []struct {
		path, body string
		before     func()
		status     int
		says       string
	}{
		{"/healthz", "", nil, 200, "ok"},
		{"/readyz", "", nil, 200, "ready"},
		{"/readyz", "", func() { ready = false }, 503, "no database"},
		{"/panic", "", nil, 500, "internal"},
		{"/", "0123456789a", nil, 413, "too large"},
		{"/", "0123456789", nil, 200, ""},
		{"/readyz", "", func() { ready = true; stop() }, 503, "draining"},
		{"/healthz", "", nil, 200, "ok"},
	} {
		if step.before != nil {
			step.before()
		}
		rec := get(step.path, step.body)
		if rec.Code != step.status || !strings.Contains(rec.Body.String(), step.says) || strings.Contains(rec.Body.String(), "secret") {
			t.Errorf("%s: %d %q, want %d %q", step.path, rec.Code, rec.Body, step.status, step.says)
		}
	}
}

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	t.Parallel()
	h := runner.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 0)
	for name, tc := range map[string]struct {
		method string
		header http.Header
		want   int
	}{
		"a program":                       {"POST", nil, 200},
		"our own page":                    {"POST", http.Header{"Origin": {"https://ql.example"}}, 200},
		"our own page behind a proxy":     {"POST", http.Header{"Origin": {"https://login.example"}, "Sec-Fetch-Site": {"same-origin"}}, 200},
		"another site's form":             {"POST", http.Header{"Origin": {"https://evil.example"}}, 401},
		"another site's form, as it says": {"DELETE", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 401},
		"another site's link":             {"GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), tc.method, "https://ql.example/v1/workflows/run-1/retry", nil)
			for key, values := range tc.header {
				r.Header[key] = values
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("status %d, want %d: %s", w.Code, tc.want, w.Body)
			}
		})
	}
}

// A request that runs when the signal comes gets its answer; then the service is closed.
func TestServeDrains(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	entered, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- runner.Serve(ctx, ln, &runner.Service{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				close(entered)
				<-release
				io.WriteString(w, "done")
			}),
			Close: func(context.Context) error { close(closed); return nil },
		}, runner.Server{Drain: 10 * time.Second})
	}()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	select {
	case <-closed:
		t.Error("closed while a request was running")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the running request got %q", got)
	}
	<-closed
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

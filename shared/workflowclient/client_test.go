package workflowclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// serve gives a client of a server on loopback that answers as handle says.
func serve(t *testing.T, handle http.HandlerFunc) *workflowclient.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	c, err := workflowclient.New(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "localhost:8080", "ftp://x", "http://", "http://a b"} {
		if _, err := workflowclient.New(base); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, want invalid", base, err)
		}
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := `{"prompt":"p","language":"go"}`
		if r.Method != http.MethodPost || r.URL.Path != "/v1/workflows" || r.Header.Get("Idempotency-Key") != "k" || string(body) != want {
			t.Errorf("got %s %s, key %q, %s", r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), body)
		}
		answer(http.StatusAccepted, "application/json", `{"id":"r1","status":"running"}`)(w, r)
	})
	run, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: "p", Language: "go"}}, "k")
	if err != nil || run.ID != "r1" || run.Status != workflow.Running {
		t.Fatalf("got %+v, %v", run, err)
	}
}

// What is not our server is said to be not our server, whatever it answers.
func TestStrangers(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"a page":              answer(200, "text/html", "<html>"),
		"another page":        answer(404, "text/html", "<html>"),
		"other JSON":          answer(200, "application/json", `{"hello":"world"}`),
		"JSON of other types": answer(200, "application/json", `{"id":7}`),
		"half an answer":      answer(200, "application/json", `{"id":"r1","sta`),
		"nothing":             answer(200, "application/json", ""),
		"a proxy's error":     answer(502, "text/plain", "bad gateway"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, handle)
			if _, err := c.Get(t.Context(), "r1"); !fault.Is(err, fault.Unavailable) {
				t.Errorf("Get: %v, want unavailable", err)
			}
		})
	}
}

func TestFaultsCross(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fault.Write(w, r, fault.New(fault.Conflict, "the run has ended").WithHint("start another"))
	})
	var f *fault.Error
	if err := c.Cancel(t.Context(), "r1"); !errors.As(err, &f) || f.Code != fault.Conflict || f.Hint != "start another" {
		t.Fatalf("got %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	c, err := workflowclient.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if err := c.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); q.Get("cursor") {
		case "":
			answer(200, "application/json", `{"runs":[{"id":"a"},{"id":"b"}],"cursor":"n"}`)(w, r)
		case "n":
			answer(200, "application/json", `{"runs":[{"id":"c"},{"id":"d"}]}`)(w, r)
		default:
			t.Errorf("cursor %q", q.Get("cursor"))
		}
	})
	for limit, want := range map[int][]string{1: {"a"}, 3: {"a", "b", "c"}, 9: {"a", "b", "c", "d"}} {
		runs, err := c.List(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("limit %d: %s", limit, diff)
		}
	}
}

func TestDrops(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("stage") != "code-generation" || q.Get("type") != "file" {
			t.Errorf("query %v", q)
		}
		if r.URL.Query().Get("cursor") == "" {
			answer(200, "application/json", `{"drops":[{"id":"drop_1","workflow_id":"r1","stage":"code-generation","type":"file"}],"cursor":"n"}`)(w, r)
			return
		}
		answer(200, "application/json", `{"drops":[{"id":"drop_2","workflow_id":"r1","stage":"code-generation","type":"file"}]}`)(w, r)
	})
	drops, err := c.Drops(t.Context(), "r1", "code-generation", "file")
	if err != nil || len(drops) != 2 || drops[1].ID != "drop_2" {
		t.Fatalf("got %+v, %v", drops, err)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]string{"": `{}`, "m": `{"model":"m"}`} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || r.URL.Path != "/v1/workflows/r1/retry" || string(body) != want {
				t.Errorf("got %s %s %s", r.Method, r.URL.Path, body)
			}
			answer(http.StatusAccepted, "application/json", `{"id":"r1","attempt":2,"status":"running"}`)(w, r)
		})
		var change workflow.Retry
		if model != "" {
			change.Model = &model
		}
		if run, err := c.Retry(t.Context(), "r1", change); err != nil || run.Attempt != 2 {
			t.Errorf("got %+v, %v", run, err)
		}
	}
}

func TestCapsuleBreaksOff(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	if err := c.Capsule(t.Context(), "r1", io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v, want unexpected EOF", err)
	}
}

func TestFilePathsAreEscaped(t *testing.T) {
	t.Parallel()
	seen := ""
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.EscapedPath()
		answer(200, "text/plain", "text")(w, r)
	})
	content, err := c.File(t.Context(), "r1", "a b/c?d.go")
	if err != nil || string(content) != "text" {
		t.Fatalf("got %q, %v", content, err)
	}
	if want := "/v1/workflows/r1/files/a%20b/c%3Fd.go"; seen != want {
		t.Errorf("asked for %s, want %s", seen, want)
	}
}

func TestTokenGoesWithEveryRequestAndNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	t.Cleanup(other.Close)
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		switch {
		case len(got) == 1:
			answer(200, "text/plain", "text")(w, r)
		case len(got) == 2 || len(got) == 3:
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "login.localhost", 1), http.StatusFound)
		default:
			http.Error(w, "log in", http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	plain, err := workflowclient.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := plain.WithToken("abc.DEF-123")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.File(t.Context(), "r1", "go.mod"); err != nil {
		t.Error(err)
	}
	if _, err := c.File(t.Context(), "r1", "go.mod"); err == nil || elsewhere != 0 {
		t.Errorf("a redirect was followed: %v", err)
	}
	for range 2 { // one that redirects, one that says so
		if _, err := plain.File(t.Context(), "r1", "go.mod"); !fault.Is(err, fault.Unauthorized) || !strings.Contains(fault.From(err).Hint, "QL_SERVER_TOKEN") || elsewhere != 0 {
			t.Errorf("without a login: %v", err)
		}
	}
	if want := []string{"Bearer abc.DEF-123", "Bearer abc.DEF-123", "", ""}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// A login may answer with its page at once. The names under .localhost are this machine, and no proxy sees what is for it.
func TestLoginPagesAndProxies(t *testing.T) {
	c := serve(t, answer(200, "text/html; charset=utf-8", "<h1>Log in</h1>"))
	for name, err := range map[string]error{"ready": c.Ready(t.Context()), "capsule": c.Capsule(t.Context(), "r1", io.Discard)} {
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.From(err).Hint, "QL_SERVER_TOKEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
	seen := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("Authorization") + r.RequestURI }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	plain, err := workflowclient.New("http://ql.localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	c, err = plain.WithToken("abc")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); !fault.Is(err, fault.Unavailable) || seen != "" {
		t.Errorf("the proxy saw %q: %v", seen, err)
	}
}

func TestTokensThatAreNotSent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ base, token, says string }{
		{"http://quantumlayer.example.com", "abc", "in clear text"},
		{"http://127.0.0.1.example.com", "abc", "in clear text"},
		{"https://quantumlayer.example.com", "", "is none"},
		{"https://quantumlayer.example.com", "abc\r\nX: y", "is none"},
		{"https://quantumlayer.example.com", strings.Repeat("a", 8<<10+1), "is none"},
	} {
		c, err := workflowclient.New(tc.base)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WithToken(tc.token); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.says) || tc.token != "" && strings.Contains(err.Error(), tc.token) {
			t.Errorf("%s, %.20q: %v", tc.base, tc.token, err)
		}
	}
	for _, base := range []string{"https://quantumlayer.example.com", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080", "http://workflow-api.test.localhost:18000"} {
		c, err := workflowclient.New(base)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WithToken("abc"); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestNamesUnderLocalhostAreThisMachine(t *testing.T) {
	t.Parallel()
	var host string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := workflowclient.New("http://workflow-api.test.localhost:" + port)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context()); err != nil || host != "workflow-api.test.localhost:"+port {
		t.Errorf("asked %q: %v", host, err)
	}
}

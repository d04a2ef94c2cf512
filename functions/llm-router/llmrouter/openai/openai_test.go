package openai_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/openai"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

const key = "sk-very-secret"

// scripted is a provider at a scripted server on loopback.
func scripted(t *testing.T, h http.HandlerFunc) *openai.Provider {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return provider(server.URL + "/v1")
}

func provider(url string) *openai.Provider {
	return openai.New(openai.Options{URL: url, Key: key, Model: "m", Timeout: 20 * time.Second, Idle: 5 * time.Second, Retries: 2, Backoff: time.Millisecond})
}

var question = llm.Request{Messages: []llm.Message{{Role: llm.System, Content: "s"}, {Role: llm.User, Content: "u"}}}

func sse(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, l := range lines {
		io.WriteString(w, l+"\n\n")
	}
	w.(http.Flusher).Flush()
}

const (
	hello = `data: {"id":"1","object":"chat.completion.chunk","model":"m-2","choices":[{"index":0,"delta":{"content":"hello"}}]}`
	stop  = `data: {"id":"1","object":"chat.completion.chunk","model":"m-2","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	done  = `data: [DONE]`
)

// The recordings are streams in the form of real servers, differing in what each adds to the protocol.
func TestRecordedStreamsOfScriptedServers(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			body, err := os.ReadFile("testdata/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
				w.Write(body)
			})
			var pieces strings.Builder
			got, err := p.Generate(t.Context(), question, func(s string) error { pieces.WriteString(s); return nil })
			if err != nil {
				t.Fatal(err)
			}
			want := llm.Response{Text: "Hello, world", FinishReason: llm.Stop, Usage: llm.Usage{InputTokens: 9, OutputTokens: 3}, Provider: "openai", Model: "recorded-1"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if pieces.String() != got.Text {
				t.Errorf("the pieces are %q", pieces.String())
			}
		})
	}
}

func TestWhatIsSentToAScriptedServer(t *testing.T) {
	var got map[string]any
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s, authorization %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		sse(w, hello, stop, done)
	})
	req := question
	req.Schema = &llm.Schema{Name: "x", Schema: json.RawMessage(`{"type":"object"}`)}
	req.Labels = map[string]string{"workflow": "run-1"}
	if _, err := p.Generate(t.Context(), req, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"model": "m", "stream": true, "stream_options": map[string]any{"include_usage": true},
		"messages":        []any{map[string]any{"role": "system", "content": "s"}, map[string]any{"role": "user", "content": "u"}},
		"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "x", "strict": true, "schema": map[string]any{"type": "object"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Each failure becomes a fault with a code that tells whether a retry helps, and words that say what to do.
func TestFailuresOfScriptedServers(t *testing.T) {
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    fault.Code
		says    string
	}{
		"a wrong key":            {answer(401, "application/json", `{"error":{"message":"Incorrect API key provided: `+key+`"}}`), fault.BadModel, "QL_LLM_API_KEY"},
		"an unknown model":       {answer(404, "application/json", `{"error":{"message":"model m does not exist"}}`), fault.BadModel, "--llm-model"},
		"over the limit":         {answer(429, "application/json", `{"error":{"message":"slow down"}}`), fault.Busy, "slow down"},
		"a server error":         {answer(500, "application/json", `{"error":{"message":"oops"}}`), fault.ModelDown, "oops"},
		"a server error in HTML": {answer(502, "text/html", `<h1>Bad gateway</h1>`), fault.ModelDown, "502"},
		"a web page":             {answer(200, "text/html", `<!doctype html><title>Welcome</title>`), fault.ModelDown, "/v1"},
		"a refused request":      {answer(400, "application/json", `{"error":{"message":"context too long"}}`), fault.BadModel, "context too long"},
		"no answer at all":       {func(w http.ResponseWriter, _ *http.Request) { sse(w) }, fault.ModelDown, "without an answer"},
		"an empty answer":        {func(w http.ResponseWriter, _ *http.Request) { sse(w, stop, done) }, fault.ModelDown, "answered nothing"},
		"no finish reason":       {func(w http.ResponseWriter, _ *http.Request) { sse(w, hello, done) }, fault.ModelDown, "broke off"},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			sse(w, hello)
			panic(http.ErrAbortHandler)
		}, fault.ModelDown, "broke off"},
		"JSON that is no completion": {answer(200, "application/json", `{"x":`), fault.ModelDown, "no chat completion"},
		"no choices":                 {answer(200, "application/json", `{"choices":[]}`), fault.ModelDown, "without a choice"},
		"an error in the stream": {func(w http.ResponseWriter, _ *http.Request) {
			sse(w, hello, `data: {"error":{"message":"GPU on fire"}}`)
		}, fault.ModelDown, "GPU on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scripted(t, tc.handler).Generate(t.Context(), question, nil)
			if !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %s that says %q", err, tc.code, tc.says)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), key) {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := provider(url+"/v1").Generate(t.Context(), question, nil)
	if !fault.Is(err, fault.ModelDown) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("got %v", err)
	}
}

func TestFinishReasonsAreNotMasked(t *testing.T) {
	for reason, want := range map[string]llm.FinishReason{"length": llm.Length, "content_filter": llm.ContentFilter, "stop": llm.Stop, "something_new": llm.Length} {
		p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
			sse(w, hello, fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{},"finish_reason":%q}]}`, reason), done)
		})
		got, err := p.Generate(t.Context(), question, nil)
		if err != nil || got.FinishReason != want {
			t.Errorf("%s: %s, %v; want %s", reason, got.FinishReason, err, want)
		}
	}
}

func TestTransientFailuresAreRetried(t *testing.T) {
	var calls atomic.Int32
	p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(503)
			return
		}
		sse(w, hello, stop, done)
	})
	if got, err := p.Generate(t.Context(), question, nil); err != nil || got.Text != "hello" || calls.Load() != 3 {
		t.Errorf("%+v, %v after %d calls", got, err, calls.Load())
	}
}

// Once text went out, a second try would say it twice.
func TestNoRetryAfterTheFirstText(t *testing.T) {
	var calls atomic.Int32
	p := scripted(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); sse(w, hello) })
	if _, err := p.Generate(t.Context(), question, func(string) error { return nil }); err == nil || calls.Load() != 1 {
		t.Errorf("%v after %d calls, want one", err, calls.Load())
	}
}

func TestAServerThatKnowsLessOfTheProtocol(t *testing.T) {
	for name, refuse := range map[string]string{"no response_format": "response_format", "no stream_options": "stream_options", "no json_schema": "json_schema", "no streams": `"stream":true`} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				switch {
				case strings.Contains(string(body), refuse):
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(400)
					io.WriteString(w, `{"error":{"message":"unknown field"}}`)
				case strings.Contains(string(body), `"stream":true`):
					sse(w, hello, stop, done)
				default:
					w.Header().Set("Content-Type", "application/json")
					io.WriteString(w, `{"model":"m-2","choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
				}
			})
			req := question
			req.Schema = &llm.Schema{Name: "x", Schema: json.RawMessage(`{"type":"object"}`)}
			if got, err := p.Generate(t.Context(), req, nil); err != nil || got.Text != "hello" {
				t.Fatalf("%+v, %v", got, err)
			}
			before := calls.Load()
			if _, err := p.Generate(t.Context(), req, nil); err != nil || calls.Load() != before+1 {
				t.Errorf("%v; the second time took %d calls, want 1", err, calls.Load()-before)
			}
		})
	}
}

func TestAWholeAnswerWhereAStreamWasAskedFor(t *testing.T) {
	p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}`)
	})
	if got, err := p.Generate(t.Context(), question, nil); err != nil || got.Text != "hello" || got.FinishReason != llm.Stop {
		t.Errorf("%+v, %v", got, err)
	}
}

// A caller that leaves takes the connection to the model with it.
func TestCancellationReachesTheServer(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		sse(w, hello)
		close(entered)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := p.Generate(ctx, question, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the server still has the connection")
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sse(w, hello)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: time.Minute, Idle: 100 * time.Millisecond})
	_, err := p.Generate(t.Context(), question, func(string) error { return nil })
	if !fault.Is(err, fault.ModelDown) || !strings.Contains(err.Error(), "said nothing for 100ms") {
		t.Errorf("got %v", err)
	}
}

// Comments keep a slow model's stream alive.
func TestAServerThatBeats(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 8 {
			sse(w, ": waiting")
			time.Sleep(50 * time.Millisecond)
		}
		sse(w, hello, stop, done)
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: time.Minute, Idle: 250 * time.Millisecond})
	if got, err := p.Generate(t.Context(), question, nil); err != nil || got.Text != "hello" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnAnswerWithoutEnd(t *testing.T) {
	line := `data: {"choices":[{"index":0,"delta":{"content":"` + strings.Repeat("a", 1<<20) + `"}}]}` + "\n\n"
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		b := bufio.NewWriter(w)
		for i := 0; i < 64 && r.Context().Err() == nil; i++ {
			if _, err := b.WriteString(line); err != nil {
				return
			}
		}
	})
	if _, err := p.Generate(t.Context(), question, nil); !fault.Is(err, fault.BadAnswer) || !strings.Contains(err.Error(), "8 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestTheFirstModelOfTheServerIsTaken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/models") {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"object":"list","data":[{"id":"first","object":"model"},{"id":"second","object":"model"}]}`)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), `"model":"first"`) {
			t.Errorf("asked with %s, %v", body, err)
		}
		sse(w, hello, stop, done)
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Timeout: time.Minute, Idle: time.Minute})
	if _, err := p.Generate(t.Context(), question, nil); err != nil {
		t.Error(err)
	}
}

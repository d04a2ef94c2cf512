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
	"path/filepath"
	"strings"
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
	t.Parallel()
	files, err := filepath.Glob("testdata/*.sse")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(f)
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
	t.Parallel()
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

func TestAWholeAnswerWhereAStreamWasAskedFor(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

// Comments keep a slow model's stream alive.
func TestAServerThatBeats(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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

// The answer ends with [DONE], whatever the server does with the connection.
func TestAServerThatKeepsTheConnection(t *testing.T) {
	t.Parallel()
	left := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sse(w, hello, stop, done)
		select {
		case <-r.Context().Done():
			left <- true
		case <-time.After(5 * time.Second):
			left <- false
		}
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: time.Minute, Idle: time.Minute})
	if got, err := p.Generate(t.Context(), question, nil); err != nil || got.Text != "hello" {
		t.Errorf("%+v, %v", got, err)
	}
	if !<-left {
		t.Error("the provider waited for more")
	}
}

// A model may refuse to answer under a schema; its reason comes in a field of its own.
func TestARefusalIsNoAnswer(t *testing.T) {
	t.Parallel()
	p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		sse(w, `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"refusal":"I can't."}}]}`, stop, done)
	})
	if got, err := p.Generate(t.Context(), question, nil); err != nil || got.FinishReason != llm.ContentFilter || got.Text != "I can't." {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFinishReasonsAreNotMasked(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]llm.FinishReason{"length": llm.Length, "content_filter": llm.ContentFilter, "stop": llm.Stop, "eos_token": llm.Stop, "something_new": llm.Length} {
		for name, text := range map[string]string{"with text": "hello", "without": ""} {
			if text == "" && want == llm.Stop {
				continue // an empty answer is an error
			}
			p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
				sse(w, fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%q},"finish_reason":%q}]}`, text, reason), done)
			})
			if got, err := p.Generate(t.Context(), question, nil); err != nil || got.FinishReason != want || got.Text != text {
				t.Errorf("%s %s: %+v, %v; want %s", reason, name, got, err, want)
			}
		}
	}
}

func TestEmbed(t *testing.T) {
	t.Parallel()
	ask := llm.EmbeddingsRequest{Model: "e", Input: []string{"a", "b"}}
	for name, tc := range map[string]struct {
		body string
		code fault.Code
	}{
		"out of order":      {`{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}]}`, ""},
		"one too few":       {`{"data":[{"index":0,"embedding":[1,0]}]}`, fault.ModelDown},
		"one unknown":       {`{"data":[{"index":0,"embedding":[1,0]},{"index":2,"embedding":[1,0]}]}`, fault.ModelDown},
		"lengths differ":    {`{"data":[{"index":0,"embedding":[1,0]},{"index":1,"embedding":[1]}]}`, fault.ModelDown},
		"something else":    {`[]`, fault.ModelDown},
		"an error, not 2xx": {"", fault.BadModel},
	} {
		p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if tc.body == "" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, tc.body)
		})
		got, err := p.Embed(t.Context(), ask)
		if tc.code != "" && !fault.Is(err, tc.code) {
			t.Errorf("%s: %+v, %v; want %s", name, got, err, tc.code)
		}
		if diff := cmp.Diff(llm.Embeddings{Model: "e", Vectors: [][]float32{{1, 0}, {0, 1}}}, got); tc.code == "" && (err != nil || diff != "") {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := provider("http://127.0.0.1:1").Embed(t.Context(), llm.EmbeddingsRequest{Input: []string{"a"}}); !fault.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "QL_EMBEDDING_MODEL") {
		t.Errorf("without a model: %v", err)
	}
}

// The SDK would read these variables, and send their key to whatever server is configured.
func TestTheEnvironmentOfTheSDKIsNotRead(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-of-someone-else")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
	t.Setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: yes")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Leak") != "" {
			t.Errorf("headers %v", r.Header)
		}
		sse(w, hello, stop, done)
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: time.Minute, Idle: time.Minute})
	if _, err := p.Generate(t.Context(), question, nil); err != nil {
		t.Error(err)
	}
}

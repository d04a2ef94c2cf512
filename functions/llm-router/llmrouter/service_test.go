package llmrouter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// provider says "hello, world" in two pieces, or fails.
type provider struct {
	calls atomic.Int32
	err   error
}

func (*provider) Name() string { return "scripted" }

func (p *provider) Generate(_ context.Context, req llm.Request, each func(string) error) (llm.Response, error) {
	p.calls.Add(1)
	if each == nil {
		each = func(string) error { return nil }
	}
	for _, s := range []string{"hello, ", "world"} {
		if err := each(s); err != nil {
			return llm.Response{}, err
		}
	}
	return llm.Response{Text: "hello, world", FinishReason: llm.Stop, Provider: "scripted", Model: "s-1"}, p.err
}

func (*provider) Models(context.Context) ([]string, error) { return []string{"s-1"}, nil }

func (*provider) Embed(_ context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error) {
	return llm.Embeddings{Model: req.Model, Vectors: [][]float32{{1, 0}, {0, 1}}[:len(req.Input)]}, nil
}

func start(t *testing.T, p *provider) (*httptest.Server, *llmclient.Client) {
	answers, err := cache.Open("memory:", 1<<20, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(llmrouter.NewRouter(answers, "e-1", p).Handler())
	t.Cleanup(server.Close)
	return server, llmclient.New(server.URL)
}

var question = llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "Say hello."}}}

func TestGenerateCountsAndCaches(t *testing.T) {
	p := &provider{}
	_, c := start(t, p)
	for i := range 2 {
		got, err := c.Generate(t.Context(), question)
		if err != nil {
			t.Fatal(err)
		}
		want := llm.Response{Text: "hello, world", FinishReason: llm.Stop, Provider: "scripted", Model: "s-1", Cached: i == 1, Usage: llm.Usage{InputTokens: 3, OutputTokens: 3, Estimated: true}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("time %d (-want +got):\n%s", i+1, diff)
		}
	}
	fresh := question
	fresh.NoCache = true
	if got, err := c.Generate(t.Context(), fresh); err != nil || got.Cached || p.calls.Load() != 2 {
		t.Errorf("without cache: %+v, %v after %d calls", got, err, p.calls.Load())
	}
}

func TestStream(t *testing.T) {
	_, c := start(t, &provider{})
	var pieces []string
	got, err := c.Stream(t.Context(), question, func(s string) error { pieces = append(pieces, s); return nil })
	if err != nil || got.Text != "hello, world" {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"hello, ", "world"}, pieces); diff != "" {
		t.Errorf("pieces (-want +got):\n%s", diff)
	}
}

func TestFaultsCrossBothWays(t *testing.T) {
	_, c := start(t, &provider{err: fault.New(fault.BadModel, "no such model").WithHint("name another")})
	_, err := c.Generate(t.Context(), question)
	_, streamErr := c.Stream(t.Context(), question, func(string) error { return nil })
	for _, err := range []error{err, streamErr} {
		if e := fault.From(err); e.Code != fault.BadModel || e.Hint != "name another" {
			t.Errorf("got %v", err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	server, _ := start(t, &provider{})
	for path, body := range map[string]string{"/generate": `{"messages":[]}`, "/stream": `{"messages":"x"}`, "/v1/chat/completions": `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`,
		"/v1/embeddings": `{"input":[]}`} {
		resp, err := http.Post(server.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 422 {
			t.Errorf("%s: status %d, want 422", path, resp.StatusCode)
		}
	}
}

func post(t *testing.T, url, body string) string {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, err, raw)
	}
	return string(raw)
}

func TestOpenAIShapes(t *testing.T) {
	server, c := start(t, &provider{})
	var chat struct {
		Object, Model string
		Choices       []struct {
			Message      struct{ Role, Content string }
			FinishReason string `json:"finish_reason"`
		}
		Usage map[string]int
	}
	if err := json.Unmarshal([]byte(post(t, server.URL+"/v1/chat/completions", `{"model":"x","messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"u"}]}],"unknown":1}`)), &chat); err != nil {
		t.Fatal(err)
	}
	if chat.Object != "chat.completion" || chat.Choices[0].Message.Content != "hello, world" || chat.Choices[0].FinishReason != "stop" || chat.Usage["total_tokens"] != 5 {
		t.Errorf("chat: %+v", chat)
	}
	stream := post(t, server.URL+"/v1/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"u"}]}`)
	for _, want := range []string{`"content":"hello, "`, `"finish_reason":"stop"`, `"choices":[],"usage":{`, "data: [DONE]"} {
		if !strings.Contains(stream, want) {
			t.Errorf("the stream lacks %s:\n%s", want, stream)
		}
	}
	e, err := c.Embed(t.Context(), llm.EmbeddingsRequest{Input: []string{"a", "b"}})
	if diff := cmp.Diff(llm.Embeddings{Model: "e-1", Vectors: [][]float32{{1, 0}, {0, 1}}}, e); err != nil || diff != "" {
		t.Errorf("%v, embeddings (-want +got):\n%s", err, diff)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		environ runner.Environ
		says    string
	}{
		"no URL":           {runner.Environ{"QL_LLM_URL": "localhost:11434"}, "QL_LLM_URL"},
		"two keys":         {runner.Environ{"QL_LLM_API_KEY": "sk-a", "QL_LLM_API_KEY_FILE": "/dev/null"}, "set one"},
		"no key file":      {runner.Environ{"QL_LLM_API_KEY_FILE": "/nonexistent"}, "QL_LLM_API_KEY_FILE"},
		"an empty file":    {runner.Environ{"QL_LLM_API_KEY_FILE": file}, "is empty"},
		"an unknown cache": {runner.Environ{"QL_CACHE_URL": "redis://x"}, "QL_CACHE_URL"},
		"a bad key":        {runner.Environ{"QL_LLM_API_KEY": "sk secret"}, "white space"},
	} {
		_, err := llmrouter.New(t.Context(), tc.environ)
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want one that says %s", name, err, tc.says)
		}
	}
}

// The key goes to the model server and nowhere else.
func TestTheKeyIsNeverLogged(t *testing.T) {
	const key = "sk-never-to-be-seen"
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"bad key %s"}}`, key)
	}))
	t.Cleanup(upstream.Close)
	s, err := llmrouter.New(t.Context(), runner.Environ{"QL_LLM_URL": upstream.URL, "QL_LLM_API_KEY": key, "QL_LLM_MODEL": "m"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler)
	t.Cleanup(server.Close)
	_, err = llmclient.New(server.URL).Generate(t.Context(), question)
	if !fault.Is(err, fault.BadModel) || strings.Contains(err.Error(), key) {
		t.Errorf("got %v", err)
	}
	if log.Len() == 0 || strings.Contains(log.String(), key) {
		t.Errorf("the log (%d bytes) holds the key", log.Len())
	}
}

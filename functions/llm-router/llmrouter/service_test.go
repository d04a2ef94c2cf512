package llmrouter_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/memory"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

// provider says "hello, world" in two pieces, waits before the second if it is told to, or fails, before or after the first.
type provider struct {
	calls    atomic.Int32
	wait     chan struct{}
	err      error
	errLater error
	usage    llm.Usage
}

func (*provider) Name() string { return "scripted" }

func (p *provider) Generate(ctx context.Context, _ llm.Request, each func(string) error) (llm.Response, error) {
	p.calls.Add(1)
	if p.err != nil {
		return llm.Response{}, p.err
	}
	for i, s := range []string{"hello, ", "world"} {
		if i == 1 && p.wait != nil {
			select {
			case <-p.wait:
			case <-ctx.Done():
				close(p.wait)
				return llm.Response{}, ctx.Err()
			}
		}
		if i == 1 && p.errLater != nil {
			return llm.Response{}, p.errLater
		}
		if err := each(s); err != nil {
			return llm.Response{}, err
		}
	}
	return llm.Response{Text: "hello, world", FinishReason: llm.Stop, Provider: "scripted", Model: "s-1", Usage: p.usage}, nil
}

func (*provider) Models(context.Context) ([]string, error) { return []string{"s-1"}, nil }

func (*provider) Embed(_ context.Context, req llm.EmbeddingsRequest) (llm.Embeddings, error) {
	if req.Model == "" {
		return llm.Embeddings{}, fault.New(fault.BadModel, "no embeddings here").WithHint("set QL_EMBEDDING_MODEL")
	}
	return llm.Embeddings{Model: req.Model, Vectors: [][]float32{{1, 0}, {0, 1}}[:len(req.Input)]}, nil
}

// start serves a router over p as the runner does.
func start(t *testing.T, p *provider) (*httptest.Server, *llmclient.Client) {
	return startWith(t, p, "e-1", 0)
}

func startWith(t *testing.T, p *provider, embeddingModel string, beat time.Duration) (*httptest.Server, *llmclient.Client) {
	store, err := memory.Open(1<<20, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	answers := cache.New(store)
	r := llmrouter.NewRouter(answers, embeddingModel, llmrouter.Policy{Standard: p, Other: p})
	if beat > 0 {
		r.Beat(beat)
	}
	server := httptest.NewServer(runner.Handler(t.Context(), &runner.Service{Handler: r.Handler()}, 1<<30))
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := answers.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return server, llmclient.New(server.URL)
}

var question = llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "Say hello."}}}

func TestGenerateCountsAndCaches(t *testing.T) {
	t.Parallel()
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

// The count of a provider that says it is taken as it is.
func TestUsageOfTheProvider(t *testing.T) {
	t.Parallel()
	p := &provider{usage: llm.Usage{InputTokens: 7, OutputTokens: 8}}
	_, c := start(t, p)
	if got, err := c.Generate(t.Context(), question); err != nil || got.Usage != p.usage {
		t.Errorf("%+v, %v", got.Usage, err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		environ runner.Environ
		says    string
	}{
		"no URL":            {runner.Environ{"QL_LLM_URL": "localhost:11434"}, "QL_LLM_URL"},
		"a key in the URL":  {runner.Environ{"QL_LLM_URL": "https://user:secret@host/v1"}, "QL_LLM_API_KEY"},
		"a model, no URL":   {runner.Environ{"QL_LLM_MODEL": "gpt-5"}, "QL_LLM_URL"},
		"two keys":          {runner.Environ{"QL_LLM_API_KEY": "sk-a", "QL_LLM_API_KEY_FILE": "/dev/null"}, "set one"},
		"no key file":       {runner.Environ{"QL_LLM_API_KEY_FILE": "/nonexistent"}, "QL_LLM_API_KEY_FILE"},
		"an empty file":     {runner.Environ{"QL_LLM_API_KEY_FILE": file}, "is empty"},
		"an endless file":   {runner.Environ{"QL_LLM_API_KEY_FILE": "/dev/zero"}, "too large"},
		"an unknown cache":  {runner.Environ{"QL_CACHE_URL": "memcached://user:secret@host"}, "QL_CACHE_URL: write memory: or redis://"},
		"a cache's folder":  {runner.Environ{"QL_CACHE_URL": "memory:/tmp"}, "QL_CACHE_URL: write memory: or redis://"},
		"a wrong Redis":     {runner.Environ{"QL_CACHE_URL": "redis://user:secret@host/x"}, "QL_CACHE_URL: write redis://"},
		"a wrong Redis too": {runner.Environ{"QL_CACHE_URL": "redis://user:secret@host:x", "QL_CACHE_BYTES": "0"}, "QL_CACHE_URL: write redis://"},
		"a negative cache":  {runner.Environ{"QL_CACHE_BYTES": "-1"}, "QL_CACHE_BYTES"},
		"a timeless cache":  {runner.Environ{"QL_CACHE_TTL": "0s"}, "QL_CACHE_TTL"},
		"a bad key":         {runner.Environ{"QL_LLM_API_KEY": "sk secret"}, "white space"},
		"no time":           {runner.Environ{"QL_LLM_TIMEOUT": "0s", "QL_LLM_IDLE_TIMEOUT": "1m"}, "QL_LLM_TIMEOUT"},
		"a time of no kind": {runner.Environ{"QL_LLM_IDLE_TIMEOUT": "soon"}, "QL_LLM_IDLE_TIMEOUT"},
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

// Without a server the built-in provider answers, for its own model only.
func TestBlueprintIsTheDefault(t *testing.T) {
	t.Parallel()
	s, err := llmrouter.New(t.Context(), runner.Environ{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler)
	t.Cleanup(server.Close)
	c := llmclient.New(server.URL)
	section, err := prompt.JSON("task", map[string]string{"task": "prompt-enhancement", "language": "go"})
	if err != nil {
		t.Fatal(err)
	}
	_, user, _ := prompt.Render(prompt.Template{Text: "x"}, []prompt.Section{section, {Name: "prompt", Format: "text", Body: "A REST API for books."}})
	req := llm.Request{Messages: []llm.Message{{Role: llm.System, Content: "x"}, {Role: llm.User, Content: user}}}
	for _, model := range []string{"", "blueprint-1"} {
		req.Model = model
		got, err := c.Generate(t.Context(), req)
		if err != nil || got.Provider != "blueprint" || got.Model != "blueprint-1" || !got.Usage.Estimated || got.Usage.OutputTokens == 0 {
			t.Errorf("model %q: %+v, %v", model, got, err)
		}
	}
	req.Model = "gpt-5"
	if _, err := c.Generate(t.Context(), req); !fault.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "QL_LLM_URL") {
		t.Errorf("another's model: %v", err)
	}
	if _, err := c.Embed(t.Context(), llm.EmbeddingsRequest{Input: []string{"a"}}); !fault.Is(err, fault.BadModel) {
		t.Errorf("embeddings: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// With a server, it answers for every model but the built-in one.
func TestTheServerIsTheDefault(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Model string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		asked.Store(in.Model)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(upstream.Close)
	s, err := llmrouter.New(t.Context(), runner.Environ{"QL_LLM_URL": upstream.URL + "/v1", "QL_LLM_MODEL": "m"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler)
	t.Cleanup(server.Close)
	c, req := llmclient.New(server.URL), question
	for model, want := range map[string]string{"": "m", "other": "other"} {
		req.Model = model
		if got, err := c.Generate(t.Context(), req); err != nil || got.Provider != "openai" || asked.Load() != want {
			t.Errorf("model %q: %+v, %v, asked for %v", model, got, err, asked.Load())
		}
	}
	req.Model = "blueprint-1"
	if _, err := c.Generate(t.Context(), req); err == nil || !strings.Contains(err.Error(), "blueprint") {
		t.Errorf("the built-in model: %v", err)
	}
}

// Two routers on one Redis pay once; QL_CACHE_BYTES=0 keeps nothing there either.
func TestReplicasShareTheRedisOfTheirURL(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(upstream.Close)
	generate := func(model, size string) bool {
		s, err := llmrouter.New(t.Context(), runner.Environ{"QL_LLM_URL": upstream.URL + "/v1", "QL_LLM_MODEL": model,
			"QL_CACHE_URL": testservices.Redis(t), "QL_CACHE_TTL": "1m", "QL_CACHE_BYTES": size})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(s.Handler)
		defer server.Close()
		req := question
		req.Model = model
		got, err := llmclient.New(server.URL).Generate(t.Context(), req)
		if err := errors.Join(err, s.Close(t.Context())); err != nil || got.Text != "hi" {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Cached
	}
	shared, alone := rand.Text(), rand.Text() // models, so that the questions are new ones
	if generate(shared, "1") || !generate(shared, "1") || asked.Load() != 1 {
		t.Errorf("the second router does not take the answer of the first: %d calls", asked.Load())
	}
	for range 2 {
		if generate(alone, "0") {
			t.Error("an answer is kept")
		}
	}
}

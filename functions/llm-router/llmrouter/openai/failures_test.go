package openai_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/openai"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// answer is a handler that says one thing.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// stream is a handler that streams these events.
func stream(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { sse(w, events...) }
}

// Each failure becomes a fault with a code that tells whether a retry helps, and words that say what to do. Tries is how often
// the server is asked: once, or once and twice again for what may pass.
func TestFailuresOfScriptedServers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    fault.Code
		says    string
		tries   int32
	}{
		"a wrong key":              {answer(401, "application/json", `{"error":{"message":"Incorrect API key provided: `+key+`"}}`), fault.BadModel, "QL_LLM_API_KEY", 1},
		"an unknown model":         {answer(404, "application/json", `{"error":{"message":"model m does not exist"}}`), fault.BadModel, "--llm-model", 1},
		"over the limit":           {answer(429, "application/json", `{"error":{"message":"slow down"}}`), fault.ModelDown, "slow down", 3},
		"no credit":                {answer(429, "application/json", `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`), fault.BadModel, "credit", 1},
		"a server error":           {answer(500, "application/json", `{"error":{"message":"oops"}}`), fault.ModelDown, "oops", 3},
		"a server error in a word": {answer(500, "application/json", `{"error":"out of memory"}`), fault.ModelDown, "failed (500): out of memory", 3},
		"a server error in HTML":   {answer(502, "text/html", `<h1>Bad gateway</h1>`), fault.ModelDown, "502", 3},
		"an error without end":     {answer(500, "text/plain", strings.Repeat("x", 1<<20)), fault.ModelDown, "xxx", 3},
		"a web page":               {answer(200, "text/html", `<!doctype html><title>Welcome</title>`), fault.BadModel, "/v1", 1},
		"another address": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.test/", http.StatusFound)
		}, fault.BadModel, "https://elsewhere.test/", 1},
		"a long request":             {answer(400, "application/json", `{"error":{"message":"maximum context length is 8192 tokens"}}`), fault.BadModel, "larger context window", 1},
		"no answer at all":           {stream(), fault.ModelDown, "without an answer", 3},
		"an empty answer":            {stream(stop, done), fault.ModelDown, "answered nothing", 1},
		"thoughts and no answer":     {stream(`data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}`, stop, done), fault.ModelDown, "reasoning", 1},
		"no finish reason":           {stream(hello, done), fault.ModelDown, "broke off", 1},
		"half an event":              {stream(hello, `data: {"choices":[{"del`), fault.ModelDown, "no part of an answer", 1},
		"JSON that is no completion": {answer(200, "application/json", `{"x":`), fault.ModelDown, "no chat completion", 1},
		"no choices":                 {answer(200, "application/json", `{"choices":[]}`), fault.ModelDown, "without a choice", 1},
		"a whole one, no reason":     {answer(200, "application/json", `{"choices":[{"message":{"content":"x"}}]}`), fault.ModelDown, "without a finish reason", 1},
		"an error with status 200":   {answer(200, "application/json", `{"error":{"message":"Invalid key","code":401}}`), fault.BadModel, "QL_LLM_API_KEY", 1},
		"an error in the stream":     {stream(hello, `data: {"error":{"message":"GPU on fire"}}`), fault.ModelDown, "GPU on fire", 1},
		"an error before any text":   {stream(`data: {"error":{"message":"GPU on fire","code":"server_error"}}`), fault.ModelDown, "GPU on fire", 3},
		"a refusal in the stream":    {stream(hello, `data: {"error":{"message":"stream_options","code":400}}`), fault.BadModel, "stream_options", 1},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			sse(w, hello)
			panic(http.ErrAbortHandler)
		}, fault.ModelDown, "broke off", 1},
		"cut before any text": {func(w http.ResponseWriter, _ *http.Request) {
			sse(w, `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`)
			panic(http.ErrAbortHandler)
		}, fault.ModelDown, "broke off", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			p := scripted(t, func(w http.ResponseWriter, r *http.Request) { tries.Add(1); tc.handler(w, r) })
			_, err := p.Generate(t.Context(), question, nil)
			if !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want %s that says %q", err, tc.code, tc.says)
			}
			if tries.Load() != tc.tries {
				t.Errorf("asked %d times, want %d", tries.Load(), tc.tries)
			}
			if e := fault.From(err); strings.Contains(fmt.Sprintf("%v %+v %v", err, e, e.Unwrap()), key) || len(err.Error()) > 1000 {
				t.Errorf("the key is in the error, or it is too long: %v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := provider(url+"/v1").Generate(t.Context(), question, nil)
	if !fault.Is(err, fault.ModelDown) || !strings.Contains(err.Error(), "cannot be reached") || !strings.Contains(err.Error(), "QL_LLM_URL") {
		t.Errorf("got %v", err)
	}
}

func TestTransientFailuresAreRetried(t *testing.T) {
	t.Parallel()
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

// A server that names a time is not asked before it; one that names a long time is not waited for, and the caller is told.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	begin := time.Now()
	p := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
			return
		}
		if time.Since(begin) < time.Second {
			t.Error("asked again too soon")
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	})
	_, err := p.Generate(t.Context(), question, nil)
	if e := fault.From(err); e.Code != fault.ModelDown || e.RetryAfter != time.Hour || calls.Load() != 2 {
		t.Errorf("%v, retry after %s, %d calls", err, e.RetryAfter, calls.Load())
	}
}

func wholeAnswer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"model":"m-2","choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
}

// A server that refuses a part of the protocol, in words that name it or not, is asked without it, and from then on at once.
func TestAServerThatKnowsLessOfTheProtocol(t *testing.T) {
	t.Parallel()
	cold := 0.0
	req := question
	req.Schema = &llm.Schema{Name: "x", Schema: json.RawMessage(`{"type":"object"}`)}
	req.MaxTokens, req.Temperature = 100, &cold
	for name, tc := range map[string]struct{ refuses, words, sends string }{
		"no response_format":           {`"response_format"`, "unknown field", "fits this JSON Schema"},
		"no response_format, named":    {`"response_format"`, "response_format is not supported", `"include_usage":true`},
		"no json_schema":               {`"json_schema"`, "'json_schema' is not one of text, json_object", `"json_object"`},
		"no stream_options":            {`"stream_options"`, "bad request", `"stream":true`},
		"no stream_options, named":     {`"stream_options"`, "stream_options: extra fields not permitted", `"json_schema"`},
		"no streams":                   {`"stream":true`, "", "messages"},
		"no streams, named":            {`"stream":true`, "streaming is not supported", `"json_schema"`},
		"max_completion_tokens":        {`"max_tokens"`, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", `"max_completion_tokens":100`},
		"one temperature":              {`"temperature"`, "Unsupported value: 'temperature' does not support 0.", `"max_tokens":100`},
		"neither streams nor a schema": {`"stream":true,"response_format"`, "unknown field", "fits this JSON Schema"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			var last atomic.Value
			p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				last.Store(string(body))
				for _, refused := range strings.Split(tc.refuses, ",") {
					if strings.Contains(string(body), refused) {
						answer(400, "application/json", fmt.Sprintf(`{"error":{"message":%q}}`, tc.words))(w, r)
						return
					}
				}
				if strings.Contains(string(body), `"stream":true`) {
					sse(w, hello, stop, done)
					return
				}
				wholeAnswer(w)
			})
			if got, err := p.Generate(t.Context(), req, nil); err != nil || got.Text != "hello" {
				t.Fatalf("%+v, %v", got, err)
			}
			before := calls.Load()
			if _, err := p.Generate(t.Context(), req, nil); err != nil || calls.Load() != before+1 {
				t.Errorf("%v; the second time took %d calls, want 1", err, calls.Load()-before)
			}
			if sent := last.Load().(string); !strings.Contains(sent, tc.sends) {
				t.Errorf("in the end this lacks %s: %s", tc.sends, sent)
			}
		})
	}
}

// A schema that a server does not take says nothing of the next one.
func TestABadSchemaIsNoBadServer(t *testing.T) {
	t.Parallel()
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch s := string(body); {
		case strings.Contains(s, `"json_schema"`) && strings.Contains(s, "bad"):
			answer(400, "application/json", `{"error":{"message":"Invalid schema for response_format 'x': bad"}}`)(w, r)
		case strings.Contains(s, `"json_schema"`):
			sse(w, `data: {"choices":[{"delta":{"content":"under the schema"}}]}`, stop, done)
		default:
			sse(w, `data: {"choices":[{"delta":{"content":"without"}}]}`, stop, done)
		}
	})
	for _, step := range [][2]string{{`{"title":"bad"}`, "without"}, {`{"title":"good"}`, "under the schema"}} {
		req := question
		req.Schema = &llm.Schema{Name: "x", Schema: json.RawMessage(step[0])}
		if got, err := p.Generate(t.Context(), req, nil); err != nil || got.Text != step[1] {
			t.Errorf("%s: %q, %v; want %q", step[0], got.Text, err, step[1])
		}
	}
}

// A server that takes nothing is told by its first refusal, and not remembered.
func TestARefusalOfEverything(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	p := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		answer(400, "application/json", fmt.Sprintf(`{"error":{"message":"no %d"}}`, calls.Add(1)))(w, r)
	})
	_, err := p.Generate(t.Context(), question, nil)
	if !fault.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "no 1") || calls.Load() != 3 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string][]string{"after some text": {hello}, "before the headers": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if begin != nil {
					sse(w, begin...)
				}
				<-r.Context().Done()
				close(left)
			}))
			t.Cleanup(server.Close)
			p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: time.Minute, Idle: 100 * time.Millisecond})
			_, err := p.Generate(t.Context(), question, nil)
			if !fault.Is(err, fault.ModelDown) || !strings.Contains(err.Error(), "said nothing for 100ms") || !strings.Contains(err.Error(), "QL_LLM_IDLE_TIMEOUT") {
				t.Errorf("got %v", err)
			}
			<-left
		})
	}
}

func TestAModelThatIsTooSlow(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			sse(w, ": waiting")
			time.Sleep(5 * time.Millisecond)
		}
	}))
	t.Cleanup(server.Close)
	p := openai.New(openai.Options{URL: server.URL, Model: "m", Timeout: 100 * time.Millisecond, Idle: time.Minute, Retries: 3, Backoff: time.Millisecond})
	if _, err := p.Generate(t.Context(), question, nil); !fault.Is(err, fault.DeadlinePassed) || !strings.Contains(err.Error(), "QL_LLM_TIMEOUT") {
		t.Errorf("got %v", err)
	}
}

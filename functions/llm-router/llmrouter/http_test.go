package llmrouter_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// call posts body and gives status, content type and answer.
func call(t *testing.T, method, url, body string, header ...string) (int, string, string) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return resp.StatusCode, media, string(raw)
}

const ask = `{"messages":[{"role":"user","content":"Say hello."}]}`

func TestGenerateOverHTTP(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	status, media, body := call(t, "POST", server.URL+"/generate", ask)
	want := `{"text":"hello, world","finish_reason":"stop","usage":{"input_tokens":3,"output_tokens":3,"estimated":true},"provider":"scripted","model":"s-1"}`
	if status != 200 || media != "application/json" || strings.TrimSpace(body) != want {
		t.Errorf("%d %s %s", status, media, body)
	}
}

func TestStreamOverHTTP(t *testing.T) {
	t.Parallel()
	server, c := start(t, &provider{})
	_, media, body := call(t, "POST", server.URL+"/stream", ask)
	if media != "text/event-stream" || !strings.HasPrefix(body, "event: delta\ndata: {\"text\":\"hello, ") || !strings.Contains(body, "\n\nevent: done\ndata: {\"done\":{\"text\":\"hello, world\"") {
		t.Errorf("%s\n%s", media, body)
	}
	var pieces strings.Builder
	got, err := c.Stream(t.Context(), question, func(s string) error { pieces.WriteString(s); return nil })
	if err != nil || !got.Cached || got.Text != "hello, world" || pieces.String() != got.Text {
		t.Errorf("the second time, from the cache: %+v, %q, %v", got, pieces.String(), err)
	}
}

// A fault before the first event is a status, so that clients and gateways see it; a later one is an event.
func TestFaultsCrossBothWays(t *testing.T) {
	t.Parallel()
	bad := fault.New(fault.BadModel, "no such model").WithHint("name another")
	early, earlyClient := start(t, &provider{err: bad})
	late, lateClient := start(t, &provider{errLater: bad})
	_, e1 := earlyClient.Generate(t.Context(), question)
	_, e2 := earlyClient.Stream(t.Context(), question, func(string) error { return nil })
	_, e3 := lateClient.Stream(t.Context(), question, nil)
	for i, err := range []error{e1, e2, e3} {
		if e := fault.From(err); e == nil || e.Code != fault.BadModel || e.Hint != "name another" {
			t.Errorf("%d: got %v", i+1, err)
		}
	}
	for _, path := range []string{"/generate", "/stream"} {
		if status, media, body := call(t, "POST", early.URL+path, ask); status != 422 || media != fault.ProblemType || !strings.Contains(body, "name another") {
			t.Errorf("%s: %d %s %s", path, status, media, body)
		}
	}
	if status, media, body := call(t, "POST", late.URL+"/stream", ask); status != 200 || media != "text/event-stream" || !strings.Contains(body, "\n\nevent: error\ndata: {\"type\":\"urn:quantumlayer:problem:model_misconfigured\"") {
		t.Errorf("late: %d %s %s", status, media, body)
	}
	chat := strings.Replace(ask, "{", `{"stream":true,`, 1)
	if status, media, body := call(t, "POST", early.URL+"/v1/chat/completions", chat); status != 422 || media != "application/json" || !strings.HasPrefix(body, `{"error":{"code":"model_misconfigured","message":"no such model (name another)"`) {
		t.Errorf("chat: %d %s %s", status, media, body)
	}
	if status, _, body := call(t, "POST", late.URL+"/v1/chat/completions", chat); status != 200 || !strings.Contains(body, `data: {"error":{"code":"model_misconfigured"`) || strings.Contains(body, "[DONE]") {
		t.Errorf("late chat: %d %s", status, body)
	}
	if status, media, _ := call(t, "POST", early.URL+"/v1/chat/completions", ask, "Accept", "application/json, "+fault.ProblemType); status != 422 || media != fault.ProblemType {
		t.Errorf("who reads problem documents got %d %s", status, media)
	}
}

// A model that is silent does not make the connection look dead, and a client that leaves takes the call with it.
func TestHeartbeatsAndLeaving(t *testing.T) {
	t.Parallel()
	p := &provider{wait: make(chan struct{})}
	server, _ := startWith(t, p, "", 20*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/stream", strings.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	beats := 0
	for lines := bufio.NewScanner(resp.Body); beats < 3 && lines.Scan(); {
		if lines.Text() == ": waiting" {
			beats++
		}
	}
	if beats != 3 {
		t.Errorf("%d heartbeats", beats)
	}
	cancel()
	select {
	case <-p.wait: // the provider closes it when its context ends
	case <-time.After(10 * time.Second):
		t.Error("the call goes on with nobody there")
	}
}

// The same for whole answers, where the client writes nothing and reads nothing while it waits.
func TestLeavingAWholeAnswer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/generate", "/v1/chat/completions"} {
		p := &provider{wait: make(chan struct{})}
		server, _ := start(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, strings.NewReader(ask))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		go func() {
			for p.calls.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if resp, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
		select {
		case <-p.wait:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the call goes on with nobody there", path)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	user := `"messages":[{"role":"user","content":"u"}]`
	for _, tc := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/generate", `{"messages":[]}`, 422, "body.messages"},
		{"/generate", `{`, 400, "invalid"},
		{"/generate", `{"messages":[{"role":"tool","content":"x"}]}`, 422, "role"},
		{"/generate", `{` + user + `,"schema":{"name":"x","schema":[]}}`, 422, "schema"},
		{"/generate", strings.Repeat(" ", 17<<20), 413, "too_large"},
		{"/stream", `{"messages":"x"}`, 422, "data.messages"},
		{"/stream", `{` + user + `,"schema":{"name":"x","schema":3}}`, 422, "schema"},
		{"/stream", strings.Repeat(" ", 17<<20), 413, "16777216 bytes"},
		{"/other", ``, 404, "llm-router has no POST /other"},
		{"/v1/other", ``, 404, `{"error":`},
		{"/v1/chat/completions", `{`, 400, `{"error":`},
		{"/v1/chat/completions", strings.Repeat(" ", 17<<20), 413, `{"error":`},
		{"/v1/chat/completions", `{"messages":[]}`, 422, "1 to 64"},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 422, "image_url"},
		{"/v1/chat/completions", `{"messages":[{"role":"tool","content":"x"}]}`, 422, "tool"},
		{"/v1/chat/completions", `{` + user + `,"tools":[{}]}`, 422, "tools"},
		{"/v1/chat/completions", `{` + user + `,"n":2}`, 422, "n other than 1"},
		{"/v1/chat/completions", `{` + user + `,"stop":["x"]}`, 422, "stop"},
		{"/v1/chat/completions", `{` + user + `,"temperature":3}`, 422, "temperature"},
		{"/v1/chat/completions", `{` + user + `,"response_format":{"type":"json_object"}}`, 422, "json_schema"},
		{"/v1/chat/completions", `{` + user + `,"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}`, 422, "schema"},
		{"/v1/embeddings", `{"input":[]}`, 422, "1 to 256"},
		{"/v1/embeddings", `{"input":[1,2]}`, 422, "list of texts"},
		{"/v1/embeddings", `{"input":"a","dimensions":3}`, 422, "dimensions"},
	} {
		if status, _, body := call(t, "POST", server.URL+tc.path, tc.body); status != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s %.80s: %d %s, want %d that says %q", tc.path, tc.body, status, body, tc.status, tc.says)
		}
	}
}

// The rest of a request that is too large must not be taken for the next request.
func TestTheConnectionOfALargeRequestEnds(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	for _, path := range []string{"/generate", "/stream", "/v1/chat/completions"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%sGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n", path, 17<<20, strings.Repeat(" ", 17<<20-38))
		from := bufio.NewReader(conn)
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != 413 || !resp.Close {
			t.Errorf("%s: %d, and the connection stays: %v", path, resp.StatusCode, !resp.Close)
		}
		var timeout net.Error
		if next, err := http.ReadResponse(from, nil); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: after it came %v, %v; want the end", path, next, err)
		}
	}
}

func TestChatCompletions(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	var chat struct {
		Object, Model string
		Choices       []struct {
			Message      struct{ Role, Content string }
			FinishReason string `json:"finish_reason"`
		}
		Usage map[string]int
	}
	_, _, body := call(t, "POST", server.URL+"/v1/chat/completions", `{"model":"x","messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"u"}]}],"n":1,"top_p":1,"user":"me"}`)
	if err := json.Unmarshal([]byte(body), &chat); err != nil {
		t.Fatal(err)
	}
	if chat.Object != "chat.completion" || chat.Model != "s-1" || chat.Choices[0].Message.Role != "assistant" || chat.Choices[0].Message.Content != "hello, world" ||
		chat.Choices[0].FinishReason != "stop" || chat.Usage["total_tokens"] != 5 {
		t.Errorf("chat: %+v", chat)
	}
	_, media, stream := call(t, "POST", server.URL+"/v1/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"u"}]}`)
	for _, want := range []string{`"delta":{"role":"assistant","content":"hello, `, `"finish_reason":"stop"`, `"choices":[],"usage":{`, "data: [DONE]\n\n"} {
		if media != "text/event-stream" || strings.Count(stream, want) != 1 {
			t.Errorf("%s, and %s is not there once:\n%s", media, want, stream)
		}
	}
}

// A schema goes through to the provider, and makes another question of it.
func TestChatCompletionsWithASchema(t *testing.T) {
	t.Parallel()
	p := &provider{}
	server, _ := start(t, p)
	for _, format := range []string{"", `,"response_format":{"type":"text"}`, `,"response_format":{"type":"json_schema","json_schema":{"name":"Answer-1","strict":true,"schema":{"type":"object"}}}`} {
		if status, _, body := call(t, "POST", server.URL+"/v1/chat/completions", `{"messages":[{"role":"user","content":"u"}]`+format+`}`); status != 200 {
			t.Errorf("%s: %d %s", format, status, body)
		}
	}
	if p.calls.Load() != 2 {
		t.Errorf("%d calls, want 2: without a schema and with one", p.calls.Load())
	}
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	server, c := start(t, &provider{})
	e, err := c.Embed(t.Context(), llm.EmbeddingsRequest{Input: []string{"a", "b"}})
	if diff := cmp.Diff(llm.Embeddings{Model: "e-1", Vectors: [][]float32{{1, 0}, {0, 1}}}, e); err != nil || diff != "" {
		t.Errorf("%v, embeddings (-want +got):\n%s", err, diff)
	}
	_, _, body := call(t, "POST", server.URL+"/v1/embeddings", `{"input":"a","encoding_format":"base64"}`)
	one := base64.StdEncoding.EncodeToString([]byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0}) // 1 and 0
	if want := `{"data":[{"object":"embedding","index":0,"embedding":"` + one + `"}],"model":"e-1","object":"list","usage":{"prompt_tokens":1,"total_tokens":1}}`; strings.TrimSpace(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	_, none := startWith(t, &provider{}, "", 0)
	if _, err := none.Embed(t.Context(), llm.EmbeddingsRequest{Input: []string{"a"}}); !fault.Is(err, fault.BadModel) || fault.From(err).Hint == "" {
		t.Errorf("no embeddings: %v", err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	if _, _, body := call(t, "GET", server.URL+"/v1/models", ""); strings.TrimSpace(body) != `{"data":[{"id":"s-1","object":"model","created":0,"owned_by":"scripted"}],"object":"list"}` {
		t.Error(body)
	}
}

func TestTheDocumentOfTheAPI(t *testing.T) {
	t.Parallel()
	server, _ := start(t, &provider{})
	if status, _, body := call(t, "GET", server.URL+"/openapi.json", ""); status != 200 || !strings.Contains(body, `"/generate"`) {
		t.Errorf("%d %s", status, body)
	}
}

// Whatever a client sends, it gets an answer that is no 5xx.
func FuzzChatCompletions(f *testing.F) {
	for _, s := range []string{ask, `{"messages":[{"role":"user","content":[{"type":"text","text":"u"}]}],"stream":true}`, `{"messages":null,"response_format":{}}`, `[]`, ``} {
		f.Add(s)
	}
	p := &provider{}
	server := llmrouter.NewRouter(cache.New(nil), "", llmrouter.Policy{Standard: p, Other: p}).Handler()
	f.Fuzz(func(t *testing.T, body string) {
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body)))
		if rec.Code >= 500 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}

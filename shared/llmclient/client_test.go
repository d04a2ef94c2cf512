package llmclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// router is a client of a scripted router. The real one is tested with this client in functions/llm-router.
func router(t *testing.T, h http.HandlerFunc) *Client {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return New(server.URL)
}

func events(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, text)
	w.(http.Flusher).Flush()
}

var question = llm.Request{Messages: []llm.Message{{Role: llm.User, Content: "u"}}}

const whole = "event: delta\ndata: {\"text\":\"hel\"}\n\n: waiting\n\nevent: delta\ndata: {\"text\":\"lo\"}\n\nevent: done\ndata: {\"done\":{\"text\":\"hello\",\"finish_reason\":\"stop\"}}\n\n"

func TestStreamAndGenerate(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"as the router writes": whole, "without names and spaces": strings.NewReplacer("event: delta\n", "", "event: done\n", "", "data: ", "data:", "\n", "\r\n").Replace(whole)} {
		c := router(t, func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err != nil || r.URL.Path != "/stream" || string(body) != `{"messages":[{"role":"user","content":"u"}]}` {
				t.Errorf("%s %s, %v", r.URL.Path, body, err)
			}
			events(w, text)
		})
		var pieces []string
		want := llm.Response{Text: "hello", FinishReason: llm.Stop}
		got, err := c.Stream(t.Context(), question, func(s string) error { pieces = append(pieces, s); return nil })
		if diff := cmp.Diff(want, got); err != nil || diff != "" || strings.Join(pieces, "|") != "hel|lo" {
			t.Errorf("%s: %v, pieces %q (-want +got):\n%s", name, err, pieces, diff)
		}
		if got, err := c.Generate(t.Context(), question); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    fault.Code
		says    string
	}{
		"a problem document": {func(w http.ResponseWriter, r *http.Request) {
			fault.Write(w, r, fault.New(fault.BadModel, "no key").WithHint("set one"))
		}, fault.BadModel, "no key (set one)"},
		"an error event": {func(w http.ResponseWriter, _ *http.Request) {
			events(w, "event: error\ndata: {\"code\":\"model_unavailable\",\"detail\":\"down\",\"hint\":\"wait\"}\n\n")
		}, fault.ModelDown, "down (wait)"},
		"an error that is none": {func(w http.ResponseWriter, _ *http.Request) { events(w, "event: error\ndata: oops\n\n") }, fault.Unavailable, "cannot be read"},
		"no end":                {func(w http.ResponseWriter, _ *http.Request) { events(w, "data: {\"text\":\"x\"}\n\n") }, fault.Unavailable, "ended before the answer"},
		"half an event":         {func(w http.ResponseWriter, _ *http.Request) { events(w, "data: {\"text\":") }, fault.Unavailable, "no part of an answer"},
		"a broken connection": {func(w http.ResponseWriter, _ *http.Request) {
			events(w, ": waiting\n\n")
			panic(http.ErrAbortHandler)
		}, fault.Unavailable, "ended before the answer"},
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, fault.Unavailable, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := router(t, tc.handler).Generate(t.Context(), question); !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %s that says %q", err, tc.code, tc.says)
			}
		})
	}
}

func TestNoRouter(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := New(server.URL).Generate(t.Context(), question); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "llm-router") {
		t.Errorf("got %v", err)
	}
}

// A caller that leaves, by its context or by an error of its function, takes the call with it.
func TestLeaving(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(t.Context())
	for name, tc := range map[string]struct {
		ctx  context.Context
		each func(string) error
		want error
	}{
		"by the context":  {ctx, func(string) error { cancel(); return nil }, context.Canceled},
		"by the function": {t.Context(), func(string) error { return enough }, enough},
	} {
		left := make(chan struct{})
		c := router(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			events(w, "data: {\"text\":\"x\"}\n\n")
			<-r.Context().Done()
			close(left)
		})
		if _, err := c.Stream(tc.ctx, question, tc.each); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
		select {
		case <-left:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the router still has the connection", name)
		}
	}
}

// A router that says nothing at all is dead; one that beats is not.
func TestSilence(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"before the headers": "", "after some text": "data: {\"text\":\"x\"}\n\n"} {
		c := router(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if begin != "" {
				events(w, begin)
			}
			<-r.Context().Done()
		})
		c.silence = 100 * time.Millisecond
		if _, err := c.Generate(t.Context(), question); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "said nothing for 100ms") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c := router(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 8 {
			events(w, ": waiting\n\n")
			time.Sleep(50 * time.Millisecond)
		}
		events(w, whole)
	})
	c.silence = 300 * time.Millisecond
	if got, err := c.Generate(t.Context(), question); err != nil || got.Text != "hello" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEmbed(t *testing.T) {
	t.Parallel()
	ask := llm.EmbeddingsRequest{Input: []string{"a", "b"}}
	for body, ok := range map[string]bool{
		`{"model":"e","data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}]}`: true,
		`{"model":"e","data":[{"index":0,"embedding":[1,0]}]}`:                               false,
		`{"model":"e","data":[{"index":2,"embedding":[1,0]}]}`:                               false,
		`{"model":"e","data":[{"index":-1,"embedding":[1,0]}]}`:                              false,
	} {
		c := router(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		got, err := c.Embed(t.Context(), ask)
		if diff := cmp.Diff(llm.Embeddings{Model: "e", Vectors: [][]float32{{1, 0}, {0, 1}}}, got); ok && (err != nil || diff != "") {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
		if !ok && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// Whatever comes, there is an answer or a fault; nothing panics.
func FuzzRead(f *testing.F) {
	for _, s := range []string{whole, "event: error\ndata: {}\n\n", "data: {\"done\":null}\n\n", "data\n", ":\n\n", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := read(strings.NewReader(text), func() {}, func(string) error { return nil })
		if err != nil && fault.From(err).Code == fault.Internal {
			t.Errorf("no fault: %v", err)
		}
	})
}

package metaprompt_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/metaprompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func TestTheIndexIsChosenByItsURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "memory:", "memory:" + t.TempDir(), "qdrant://localhost", "qdrants://:key@localhost:6334"} {
		s, err := metaprompt.New(t.Context(), runner.Environ{"QL_VECTORS_URL": url})
		if err != nil {
			t.Errorf("%q: %v", url, err)
		} else if err := s.Close(t.Context()); err != nil {
			t.Errorf("%q: closing: %v", url, err)
		}
	}
	for url, says := range map[string]string{
		"mysql://user:secret@host":     "QL_VECTORS_URL: write memory:, memory:DIR or qdrant://",
		"secret":                       "QL_VECTORS_URL: write memory:, memory:DIR or qdrant://",
		"memory":                       "QL_VECTORS_URL: write memory:, memory:DIR or qdrant://",
		"qdrant://:secret@host:a-port": "QL_VECTORS_URL: write qdrant://",
	} {
		if _, err := metaprompt.New(t.Context(), runner.Environ{"QL_VECTORS_URL": url}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want one that says %q", url, err, says)
		}
	}
}

// Another try may help, so it is told as 503.
func TestAnIndexThatIsAway(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	listener.Close()
	// The router is away too: then vectors are lexical.
	s, err := metaprompt.New(t.Context(), runner.Environ{"QL_VECTORS_URL": "qdrant://:secret@" + nobody, "QL_LLM_ROUTER_URL": "http://" + nobody})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	req := httptest.NewRequest(http.MethodPut, "/v1/collections/prompts/documents/a", strings.NewReader(`{"text":"x"}`))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	s.Handler.ServeHTTP(rec, req)
	if body := rec.Body.String(); rec.Code != http.StatusServiceUnavailable || !strings.Contains(body, "similar texts") || strings.Contains(body, "secret") || strings.Contains(body, nobody) {
		t.Errorf("%d %s", rec.Code, body)
	}
}

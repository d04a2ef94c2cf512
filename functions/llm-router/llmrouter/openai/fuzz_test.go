package openai

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Whatever a server answers, there is an answer whose text is the pieces, or a fault; nothing panics.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sse")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw), true)
	}
	f.Add(`{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}]}`, false)
	f.Add(`{"error":{"message":"x","code":429}}`, false)
	p := New(Options{URL: "http://model.test/v1", Model: "m"})
	f.Fuzz(func(t *testing.T, body string, stream bool) {
		media := "application/json"
		if stream {
			media = "text/event-stream"
		}
		raw := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(body)),
			Request: httptest.NewRequest(http.MethodPost, "http://model.test/v1/chat/completions", nil)}
		var pieces strings.Builder
		got, err := p.read(raw, "m", func(s string) error { pieces.WriteString(s); return nil })
		if err != nil {
			err = p.explain(t.Context(), "m", err)
		}
		if err == nil && (got.Text != pieces.String() || got.FinishReason == "") {
			t.Errorf("%+v, pieces %q", got, pieces.String())
		}
		var known *fault.Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("no fault: %v", err)
		}
	})
}

package llmrouter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

const (
	// bodyLimit is the largest request in bytes: a conversation with many files in it.
	bodyLimit = 16 << 20
	// bodyTime is how long a request may take to arrive.
	bodyTime = time.Minute
)

// The hooks are variables of huma, so they are set before any handler can read them.
func init() { fault.UseInHuma() }

// Handler is the HTTP interface.
func (r *Router) Handler() http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("llm-router", "1")
	cfg.Components.Schemas = runner.SchemaRegistry()
	cfg.CreateHooks = nil // no $schema in answers
	cfg.DocsPath = ""
	api := humago.New(mux, cfg)
	huma.Register(api, huma.Operation{OperationID: "generate", Method: http.MethodPost, Path: "/generate", Summary: "A whole answer",
		MaxBodyBytes: -1, BodyReadTimeout: bodyTime, // its size is limited below
	}, func(ctx context.Context, in *struct{ Body llm.Request }) (*struct{ Body llm.Response }, error) {
		if err := checkSchema(in.Body.Schema); err != nil {
			return nil, err
		}
		resp, err := r.Generate(ctx, in.Body, nil)
		if err != nil {
			return nil, err
		}
		return &struct{ Body llm.Response }{resp}, nil
	})
	mux.HandleFunc("POST /stream", r.stream)
	mux.HandleFunc("POST /v1/chat/completions", r.chatCompletions)
	mux.HandleFunc("POST /v1/embeddings", r.embeddings)
	mux.HandleFunc("GET /v1/models", r.models)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, req *http.Request) { writeOpenAI(w, req, unknown(req)) })
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { fault.Write(w, req, unknown(req)) })
	return http.MaxBytesHandler(mux, bodyLimit) // which ends the connection of a larger request, unlike huma's limit
}

func unknown(req *http.Request) error {
	return fault.New(fault.NotFound, "llm-router has no %s %s", req.Method, req.URL.Path)
}

var requestSchema = runner.NewSchema[llm.Request]()

// stream answers with server-sent events: delta for each piece, done with the whole answer, or error with a problem document.
// What goes wrong before the first event is answered with a status.
func (r *Router) stream(w http.ResponseWriter, req *http.Request) {
	in, err := decodeRequest(w, req)
	if err != nil {
		fault.Write(w, req, err)
		return
	}
	s, ctx := newEventStream(req.Context(), w, r.heartbeat)
	resp, err := r.Generate(ctx, in, func(text string) error { return s.send("delta", llm.Delta{Text: text}) })
	if err == nil {
		err = s.send("done", llm.Delta{Done: &resp})
	}
	if err = s.end(req, err, "error", func(e *fault.Error) any { return e.Problem() }); err != nil {
		fault.Write(w, req, err)
	}
}

func decodeRequest(w http.ResponseWriter, req *http.Request) (llm.Request, error) {
	raw, err := readBody(w, req)
	if err != nil {
		return llm.Request{}, err
	}
	in, err := requestSchema.Decode(raw)
	if err != nil {
		return in, err
	}
	return in, checkSchema(in.Schema)
}

// checkSchema wants an object: no provider takes another schema. Its meaning is the provider's to judge.
func checkSchema(s *llm.Schema) error {
	var object map[string]json.RawMessage
	if s != nil && (json.Unmarshal(s.Schema, &object) != nil || object == nil) {
		return fault.New(fault.Unprocessable, "the schema is no JSON object")
	}
	return nil
}

// readBody reads a request within bodyTime; its size is limited already.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime)) // a writer that has no connection has no slow clients either
	raw, err := io.ReadAll(req.Body)
	_ = conn.SetReadDeadline(time.Time{}) // as above; the answer may take longer than the request
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, err // as it is: fault has the words
	case err != nil:
		return nil, fault.New(fault.Invalid, "the request broke off: %w", err)
	}
	return raw, nil
}

// wantsProblem says whether the client reads problem documents, as the platform's own do; OpenAI's read OpenAI's errors.
func wantsProblem(req *http.Request) bool {
	return strings.Contains(req.Header.Get("Accept"), fault.ProblemType)
}

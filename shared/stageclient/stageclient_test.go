package stageclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/stageclient"
)

type (
	in  = pipeline.RequirementsParsingIn
	out = pipeline.RequirementsParsingOut
)

// drops stands in for quantum-drops: the two routes that references use.
func drops(t *testing.T) string {
	t.Helper()
	var kept sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/drops", func(_ http.ResponseWriter, r *http.Request) {
		var d drop.Drop
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		kept.Store(d.ID, d.Artifact)
	})
	mux.HandleFunc("GET /v1/drops/{id}/artifact", func(w http.ResponseWriter, r *http.Request) {
		body, ok := kept.Load(r.PathValue("id"))
		if !ok {
			fault.Write(w, r, fault.New(fault.NotFound, "no drop %s", r.PathValue("id")))
			return
		}
		w.Write(body.([]byte))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// client calls the stages that a handler serves.
func client(t *testing.T, dropsURL string, handler http.Handler) *stageclient.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := stageclient.New(server.URL+"/stages/{stage}", dropsURL, "/test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var call = stageclient.Call{ID: "run-1/1", WorkflowID: "run-1", Stage: pipeline.RequirementsParsing}

func parse(ctx context.Context, c *stageclient.Client, markdown string) (out, error) {
	return stageclient.Do[in, out](ctx, c, call, in{Markdown: markdown})
}

func echo(_ context.Context, in in) (out, error) {
	return out{Requirements: pipeline.Requirements{Title: in.Markdown, Requirements: []pipeline.Requirement{}}}, nil
}

func TestCallsARealStage(t *testing.T) {
	t.Parallel()
	dropsURL := drops(t)
	stage, err := runner.Stage(runner.Environ{"QL_QUANTUM_DROPS_URL": dropsURL}, pipeline.RequirementsParsing, echo)
	if err != nil {
		t.Fatal(err)
	}
	var seen http.Header
	var length int64
	c := client(t, dropsURL, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stages/requirements-parsing" {
			t.Errorf("called at %s", r.URL.Path)
		}
		seen, length = r.Header, r.ContentLength
		stage.Handler.ServeHTTP(w, r)
	}))
	for name, text := range map[string]string{
		"small": "# FRD", "at the limit": strings.Repeat("x", event.InlineLimit-len(`{"markdown":""}`)),
		"over the limit": strings.Repeat("y", event.InlineLimit), "much": strings.Repeat("ü", 1<<20),
	} {
		got, err := parse(t.Context(), c, text)
		if err != nil || got.Title != text {
			t.Errorf("%s: got %d bytes back (%v), want %d", name, len(got.Title), err, len(text))
		}
		want := map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "run-1/1", "Ce-Source": "/test", "Ce-Subject": "run-1",
			"Ce-Type": "dev.quantumlayer.stage.requirements-parsing.requested", "Content-Type": "application/json"}
		for key, value := range want {
			if seen.Get(key) != value {
				t.Errorf("%s: header %s is %q, want %q", name, key, seen.Get(key), value)
			}
		}
		byReference := len(text) >= event.InlineLimit
		if (seen.Get("ce-dataref") != "") != byReference || (length > 0) == byReference {
			t.Errorf("%s: dataref %q with %d bytes of data", name, seen.Get("ce-dataref"), length)
		}
	}
}

func TestFaultsOfTheStage(t *testing.T) {
	t.Parallel()
	c := client(t, "http://drops.invalid", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault.Write(w, r, fault.New(fault.BadAnswer, "three times").WithHint("another model"))
	}))
	_, err := parse(t.Context(), c, "x")
	if f := fault.From(err); f.Code != fault.BadAnswer || f.Detail != "three times" || f.Hint != "another model" {
		t.Errorf("got %+v", f)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	completed := func(w http.ResponseWriter) {
		for key, value := range map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-subject": "run-1",
			"ce-type": event.StageType(pipeline.RequirementsParsing, event.Completed), "Content-Type": "application/json"} {
			w.Header().Set(key, value)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"a web page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") },
		"nothing":    func(http.ResponseWriter, *http.Request) {},
		"a proxy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"another run": func(w http.ResponseWriter, _ *http.Request) {
			completed(w)
			w.Header().Set("ce-subject", "run-2")
			fmt.Fprint(w, `{"requirements":[]}`)
		},
		"another stage": func(w http.ResponseWriter, _ *http.Request) {
			completed(w)
			w.Header().Set("ce-type", event.StageType(pipeline.Documentation, event.Completed))
			fmt.Fprint(w, `{"requirements":[]}`)
		},
		"half": func(w http.ResponseWriter, _ *http.Request) {
			completed(w)
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"requirements":`)
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { completed(w); fmt.Fprint(w, `{"requirements":`) },
		"too little": func(w http.ResponseWriter, _ *http.Request) {
			completed(w)
			fmt.Fprint(w, `{"title":"x"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, "http://drops.invalid", answer)
			if _, err := parse(t.Context(), c, "x"); !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v, want a fault %s", err, fault.Unavailable)
			}
		})
	}
}

func TestOnlyReferencesToTheOwnDropsAreFollowed(t *testing.T) {
	t.Parallel()
	var visited bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	c := client(t, "http://drops.invalid", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for key, value := range map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-subject": "run-1",
			"ce-type": event.StageType(pipeline.RequirementsParsing, event.Completed), "ce-dataref": elsewhere.URL + "/secret"} {
			w.Header().Set(key, value)
		}
	}))
	if _, err := parse(t.Context(), c, "x"); err == nil || visited {
		t.Errorf("a stage made us fetch %s (%v)", elsewhere.URL, err)
	}
}

func TestCancellationClosesTheConnection(t *testing.T) {
	t.Parallel()
	called, closed := make(chan struct{}), make(chan struct{})
	c := client(t, "http://drops.invalid", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1<<10)) // the server sees a closed connection only once the body is read
		close(called)
		<-r.Context().Done()
		close(closed)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-called; cancel() }()
	if _, err := parse(ctx, c, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-closed
}

func TestUnreachableStage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := stageclient.New(server.URL+"/{stage}", "http://drops.invalid", "/test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t.Context(), c, "x"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestNewChecksURLs(t *testing.T) {
	t.Parallel()
	var got []bool
	for _, template := range []string{"http://host/{stage}", "http://{stage}.host", "http://host/stage", "host/{stage}", ""} {
		_, err := stageclient.New(template, "http://drops", "/test")
		got = append(got, err == nil)
	}
	if diff := cmp.Diff([]bool{true, true, false, false, false}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := stageclient.New("http://host/{stage}", "drops", "/test"); err == nil {
		t.Error("a relative URL of quantum-drops is taken")
	}
}

package platform_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/platform"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3/s3test"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// start starts a platform over dir, on a free port, and stops it with the test.
func start(t *testing.T, c platform.Config) *platform.Platform {
	t.Helper()
	p, err := tryStart(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func tryStart(t *testing.T, c platform.Config) (*platform.Platform, error) {
	t.Helper()
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	log, err := os.OpenFile(filepath.Join(c.Dir, "test.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	c.Logger = slog.New(slog.NewJSONHandler(log, nil))
	return platform.Start(t.Context(), c)
}

func stop(t *testing.T, p *platform.Platform) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Errorf("stopping the platform: %v", err)
	}
}

// get reads a URL of the platform.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// The platform in one process: it answers where it says, keeps a run over a restart, and can be looked at without going on.
func TestPlatform(t *testing.T) {
	dir := t.TempDir()
	p, err := tryStart(t, platform.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/readyz":                            "ready",
		"/openapi.json":                      `"/v1/workflows"`,
		"/functions/llm-router/readyz":       "ready",
		"/functions/frd-generation/healthz":  "ok",
		"/functions/quantum-drops/readyz":    "ready",
		"/functions/sandbox-runner/healthz":  "ok",
		"/functions/llm-router/v1/models":    "blueprint",
		"/functions/workflow-api/v1/no-such": "", // it answers at the root only
	} {
		status, body := get(t, p.URL()+path)
		if ok := status == http.StatusOK; ok != (want != "") || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	c, err := workflowclient.New(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: "A library of functions that reverse texts and count their words."}}, "key")
	if err != nil {
		t.Fatal(err)
	}
	// Stopped in the middle, wherever that is.
	stop(t, p)

	idle := start(t, platform.Config{Dir: dir, Idle: true})
	if c, err = workflowclient.New(idle.URL()); err != nil {
		t.Fatal(err)
	}
	runs, err := c.List(t.Context(), 10)
	if err != nil || len(runs) != 1 || runs[0].ID != started.ID {
		t.Fatalf("the run is lost: %+v, %v", runs, err)
	}
	run, err := c.Get(t.Context(), started.ID)
	if fault.Is(err, fault.Unavailable) { // a step that was cut has to time out first
		run, err = c.Get(t.Context(), started.ID)
	}
	if err != nil || run.Status != workflow.Running || len(run.Stages) != 14 {
		t.Fatalf("an idle platform does not tell how the run stands: %+v, %v", run, err)
	}
}

// The whole way: quantum-drops tells that the request of a run was stored, the worker tells that the run was verified, the
// meta-prompt-engine learns from both, and a later run gets it.
func TestALaterRunGetsWhatAnEarlierOneLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("makes projects")
	}
	p := start(t, platform.Config{Dir: t.TempDir()})
	c, err := workflowclient.New(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	run := func(prompt string) workflow.Run {
		t.Helper()
		run, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: prompt, Language: "go"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Events(t.Context(), run.ID, 0) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if run, err = c.Get(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
		return run
	}
	const lending = "A REST API for a lending library: members, books, loans."
	ended := run(lending)
	if ended.Verification == nil || !ended.Verification.Verified {
		t.Fatalf("the first run is not verified: %+v, %v", ended.Problem, ended.Findings)
	}
	var got []pipeline.Context
	for n := range 3 { // the events may still be on their way
		later := run(lending + strings.Repeat(" A member borrows at most five books.", n+1)) // no run is shown its own
		drops, err := c.Drops(t.Context(), later.ID, pipeline.PromptEnhancement, drop.TypeResult)
		if err != nil || len(drops) != 1 {
			t.Fatalf("%d drops, %v", len(drops), err)
		}
		_, body := get(t, p.URL()+"/functions/quantum-drops/v1/drops/"+drops[0].ID+"/artifact")
		var enhanced pipeline.PromptEnhancementOut
		if err := json.Unmarshal([]byte(body), &enhanced); err != nil {
			t.Fatalf("%v: %.200s", err, body)
		}
		got = enhanced.Added
		prompts := slices.ContainsFunc(got, func(c pipeline.Context) bool { return c.Collection == "prompts" && c.Text == lending })
		samples := slices.ContainsFunc(got, func(c pipeline.Context) bool {
			return c.Collection == "code_samples" && strings.Contains(c.Text, "\npackage ")
		})
		if prompts && samples {
			return
		}
	}
	for _, c := range got {
		t.Errorf("the last run got %s %s: %.40q", c.Collection, c.ID, c.Text)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "any") // without them S3 is not asked
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	for name, tc := range map[string]struct {
		config platform.Config
		code   fault.Code
		want   []string
	}{
		"port in use":              {platform.Config{Address: taken.Addr().String()}, fault.Invalid, []string{"in use", "--addr"}},
		"no database scheme":       {env("QL_DATABASE_URL", "mysql://h/d"), fault.Invalid, []string{"QL_DATABASE_URL"}},
		"no database":              {env("QL_DATABASE_URL", "postgres://u:secret@"+nobody+"/d"), fault.Unavailable, []string{"QL_DATABASE_URL: the PostgreSQL server at " + nobody + " does not answer: connect: connection refused (check host"}},
		"malformed database":       {env("QL_DATABASE_URL", "postgres://u:secret@h:port/d"), fault.Invalid, []string{"QL_DATABASE_URL: the database URL is malformed"}},
		"no blobs":                 {env("QL_BLOBS_URL", "s3:/x"), fault.Invalid, []string{"QL_BLOBS_URL"}},
		"no event log":             {env("QL_EVENTS_URL", "nats://"+nobody), fault.Unavailable, []string{"QL_EVENTS_URL: the NATS server does not answer", "check host and port"}},
		"no scheme for the events": {env("QL_EVENTS_URL", "kafka://h"), fault.Invalid, []string{"QL_EVENTS_URL", "embedded:"}},
		"no Temporal":              {env("QL_TEMPORAL_URL", "temporal://"+nobody), fault.Unavailable, []string{"QL_TEMPORAL_URL: the Temporal server at " + nobody + " does not answer"}},
		"no Temporal scheme":       {env("QL_TEMPORAL_URL", "h:7233"), fault.Invalid, []string{"QL_TEMPORAL_URL", "temporal://"}},
		"no cache":                 {env("QL_CACHE_URL", "memcached://h"), fault.Invalid, []string{"QL_CACHE_URL"}},
		"no model server":          {env("QL_LLM_URL", "localhost"), fault.Invalid, []string{"QL_LLM_URL"}},
		"no bucket":                {env("QL_BLOBS_URL", "s3://key:secret@bucket"), fault.Invalid, []string{"QL_BLOBS_URL", "no credentials"}},
		"no S3":                    {env("QL_BLOBS_URL", "s3://bucket?region=r&endpoint=http://"+nobody), fault.Unavailable, []string{"QL_BLOBS_URL: the S3 server of bucket \"bucket\" does not answer: connect: connection refused (check"}},
		"no vectors":               {env("QL_VECTORS_URL", "qdrant://secret@h"), fault.Invalid, []string{"QL_VECTORS_URL", "qdrant://"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.config.Dir = t.TempDir()
			p, err := tryStart(t, tc.config)
			if err == nil {
				stop(t, p)
				t.Fatal("it starts")
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != tc.code {
				t.Errorf("%v: want the code %s", err, tc.code)
			}
			for _, text := range tc.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v: want %q in it", err, text)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: a secret is shown", err)
			}
			// All is given back: the same folder can be used at once.
			start(t, platform.Config{Dir: tc.config.Dir, Idle: true})
		})
	}
}

func env(name, value string) platform.Config {
	return platform.Config{Environ: map[string]string{name: value}}
}

// Stores elsewhere are one variable away each.
func TestStoresElsewhere(t *testing.T) {
	p := start(t, platform.Config{Dir: t.TempDir(), Idle: true, Environ: map[string]string{
		"QL_DATABASE_URL": testservices.Postgres(t),
		"QL_EVENTS_URL":   testservices.NATS(t),
		"QL_BLOBS_URL":    s3test.New(t).URL,
		"QL_CACHE_URL":    testservices.Redis(t),
	}})
	if status, body := get(t, p.URL()+"/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	c, err := workflowclient.New(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	started, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: "A library."}}, "key")
	if err != nil {
		t.Fatal(err)
	}
	if drops, err := c.Drops(t.Context(), started.ID, "", ""); err != nil || len(drops) != 0 {
		t.Errorf("drops of a run that has not begun: %v, %v", drops, err)
	}
}

// The OpenAPI document is one that programs can read.
func TestOpenAPI(t *testing.T) {
	p := start(t, platform.Config{Dir: t.TempDir(), Idle: true})
	_, body := get(t, p.URL()+"/openapi.json")
	var document struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") || len(document.Paths) < 8 {
		t.Errorf("OpenAPI %s with %d paths", document.OpenAPI, len(document.Paths))
	}
}

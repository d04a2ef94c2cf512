package sandboxrunner

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner/golang"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

func start(t *testing.T, environ runner.Environ) *verification.Client {
	t.Helper()
	base := runner.Environ{"QL_SANDBOX_WARM": "false"}
	for k, v := range environ {
		base[k] = v
	}
	s, err := New(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, s.Handler)
}

func serve(t *testing.T, h http.Handler) *verification.Client {
	t.Helper()
	server := httptest.NewServer(runner.Guard(h, 0))
	t.Cleanup(server.Close)
	return verification.NewClient(server.URL)
}

var good = verification.Request{Language: "go", Files: []pipeline.File{
	{Path: "go.mod", Content: "module example.com/good\n\ngo 1.24\n"},
	{Path: "good_test.go", Content: "package good\n\nimport \"testing\"\n\nfunc TestGood(t *testing.T) {}\n"},
}}

func TestVerifyOverHTTP(t *testing.T) {
	t.Parallel()
	r, err := start(t, nil).Verify(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Verified || r.Summary.Passed != 1 || len(r.Steps) != 3 {
		t.Errorf("%+v", r)
	}
}

// Each value of QL_SANDBOX_MODE is accepted and asks for its mode and no other.
func TestModesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]sandbox.Mode{
		"auto": "", "none": "", "pod": sandbox.Pod, "gvisor": sandbox.Gvisor, "namespaces": sandbox.Namespaces,
	} {
		cfg, err := runner.Config[config](runner.Environ{"QL_SANDBOX_MODE": value, "QL_SANDBOX_CACHE": filepath.Join(os.TempDir(), "cache")})
		if err != nil || cfg.want() != want {
			t.Errorf("%s: %+v, %v", value, cfg, err)
		}
	}
}

// A project passes in the mode that the configuration names, and the answer says which that was.
func TestVerifyInTheModeAskedFor(t *testing.T) {
	for _, mode := range []string{"namespaces", "gvisor"} { // the first may have to build the standard library, which is slow in the second
		t.Run(mode, func(t *testing.T) {
			if mode == "gvisor" {
				pinnedRunsc(t)
			}
			r, err := start(t, runner.Environ{"QL_SANDBOX_MODE": mode}).Verify(t.Context(), good)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(r.Reason, "/proc of which nothing is masked") && os.Getenv("QL_TEST_NO_SKIP") == "" {
				t.Skip(r.Reason)
			}
			if !r.Verified || r.Mode != mode || r.Weaker != "" || r.Summary.Passed != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Not in parallel, so that nobody has looked for the best mode yet.
func TestVerificationSaysWhyItWasHeldLess(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "runsc"), []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	r, err := start(t, nil).Verify(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Verified || r.Mode != "namespaces" || !strings.Contains(r.Weaker, "not gvisor: ") {
		t.Errorf("%+v", r)
	}
}

// pinnedRunsc has the PATH begin with the runsc that tools/runsc pins.
func pinnedRunsc(t *testing.T) {
	t.Helper()
	var messages bytes.Buffer
	build := exec.CommandContext(t.Context(), "../../../scripts/services", "build", "runsc")
	build.Stderr = &messages
	out, err := build.Output()
	if err != nil {
		t.Fatalf("building runsc: %v\n%s", err, messages.Bytes())
	}
	dir := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(out)), filepath.Join(dir, "runsc")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestDependenciesOverHTTP(t *testing.T) {
	t.Parallel()
	d, err := start(t, runner.Environ{"QL_SANDBOX_CACHE": t.TempDir()}).Dependencies(t.Context(),
		verification.DependenciesRequest{Language: "go", Module: "example.com/good", Files: good.Files[1:]})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Files) != 1 || !strings.HasPrefix(d.Files[0].Content, "module example.com/good\n") {
		t.Errorf("%+v", d)
	}
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	c := start(t, runner.Environ{"QL_SANDBOX_CACHE": t.TempDir()})
	for name, req := range map[string]verification.Request{
		"language":    {Language: "cobol", Files: good.Files},
		"no files":    {Language: "go"},
		"path":        {Language: "go", Files: []pipeline.File{{Path: "../go.mod"}}},
		"no language": {Files: good.Files},
	} {
		if r, err := c.Verify(t.Context(), req); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// Where nothing may or can hold the project, nothing of it runs, and the answer says so.
func TestNothingIsRunBare(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string]runner.Environ{
		"QL_SANDBOX_MODE=none": {"QL_SANDBOX_MODE": "none", "QL_SANDBOX_CACHE": t.TempDir()},
		"go command is needed": {"QL_GO": "/nowhere/go", "QL_SANDBOX_CACHE": t.TempDir()},
	} {
		r, err := start(t, environ).Verify(t.Context(), good)
		if err != nil {
			t.Fatal(err)
		}
		if r.Verified || r.Mode != "none" || !strings.Contains(r.Reason, name) || r.Step(verification.Test).Status != verification.NotRun {
			t.Errorf("%s: %+v", name, r)
		}
	}
	c := start(t, runner.Environ{"QL_GO": "/nowhere/go", "QL_SANDBOX_CACHE": t.TempDir()})
	if _, err := c.Dependencies(t.Context(), verification.DependenciesRequest{Language: "go", Module: "m.example/m", Files: good.Files}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("dependencies without Go: %v", err)
	}
}

func TestWrongConfigurationNamesEveryVariable(t *testing.T) {
	t.Parallel()
	_, err := New(t.Context(), runner.Environ{
		"QL_SANDBOX_MODE": "bare", "QL_SANDBOX_CACHE": "relative", "QL_SANDBOX_CONCURRENCY": "-1", "QL_SANDBOX_QUEUE": "-1", "QL_SANDBOX_TIMEOUT": "0s",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	if _, podErr := New(t.Context(), runner.Environ{"QL_SANDBOX_MODE": "pod", "QL_SANDBOX_CONCURRENCY": "2", "QL_SANDBOX_CACHE": "/var/elsewhere"}); podErr == nil ||
		!strings.Contains(podErr.Error(), "QL_SANDBOX_CONCURRENCY") || !strings.Contains(podErr.Error(), "QL_SANDBOX_CACHE") {
		t.Errorf("mode pod: %v", podErr)
	}
	for _, name := range []string{"QL_SANDBOX_MODE", "QL_SANDBOX_CACHE", "QL_SANDBOX_CONCURRENCY", "QL_SANDBOX_QUEUE", "QL_SANDBOX_TIMEOUT"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// held is a language whose verifications last until it is told, or their context ends.
type held struct {
	Language
	entered chan struct{}
	release chan struct{}
	ended   chan error
}

func (h held) Verify(ctx context.Context, _ []pipeline.File) (verification.Result, error) {
	h.entered <- struct{}{}
	select {
	case <-h.release:
		return golang.NotRun("held"), nil
	case <-ctx.Done():
		h.ended <- ctx.Err()
		return verification.Result{}, ctx.Err()
	}
}

func TestTooManyProjectsAreSentAway(t *testing.T) {
	t.Parallel()
	h := held{entered: make(chan struct{}, 8), release: make(chan struct{}), ended: make(chan error, 8)}
	s := &Service{languages: map[string]Language{"go": h}, queue: newQueue(1, 1)}
	c := serve(t, s.Handler())
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := c.Verify(t.Context(), good)
			results <- err
		}()
	}
	<-h.entered
	for deadline := time.Now().Add(10 * time.Second); len(s.queue.places) < 2; { // the second one waits
		if time.Now().After(deadline) {
			t.Fatal("the second request does not come")
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Verify(t.Context(), good); !fault.Is(err, fault.Busy) || fault.From(err).RetryAfter != retryAfter {
		t.Errorf("the third one: %v", err)
	}
	if len(h.entered) != 0 {
		t.Error("two run at the same time")
	}
	close(h.release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if len(s.queue.places)+len(s.queue.slots) != 0 {
		t.Error("places are not given back")
	}
}

// spoils is a language whose projects leave something behind.
type spoils struct {
	Language
	ran *int
}

func (l spoils) Verify(context.Context, []pipeline.File) (verification.Result, error) {
	*l.ran++
	return verification.Result{}, fmt.Errorf("running the project: %w", &sandbox.UncleanError{Reason: "a process"})
}

// One container serves many projects only as long as each leaves it as it was.
func TestSpoiledContainerEnds(t *testing.T) {
	t.Parallel()
	ran, ended := 0, 0
	s := &Service{languages: map[string]Language{"go": spoils{ran: &ran}}, queue: newQueue(1, 1), end: func() error { ended++; return nil }}
	c := serve(t, s.Handler())
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Verify(t.Context(), good); err != nil || r.Verified || r.Mode != "pod" || !strings.Contains(r.Reason, "a process") {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := s.Verify(t.Context(), good); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the next one: %+v, %v", r, err)
	}
	if _, err := c.Dependencies(t.Context(), verification.DependenciesRequest{Language: "go", Module: "m.example/m", Files: good.Files}); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if err := s.Ready(t.Context()); err == nil || ran != 1 || ended != 1 {
		t.Errorf("ready %v, %d projects ran, asked to end %d times", err, ran, ended)
	}
}

func TestCallerWhoLeavesEndsItsJob(t *testing.T) {
	t.Parallel()
	h := held{entered: make(chan struct{}, 8), release: make(chan struct{}), ended: make(chan error, 8)}
	s := &Service{languages: map[string]Language{"go": h}, queue: newQueue(1, 1)}
	c := serve(t, s.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-h.entered; cancel() }()
	if _, err := c.Verify(ctx, good); err == nil {
		t.Error("an answer to nobody")
	}
	select {
	case <-h.ended:
	case <-time.After(10 * time.Second):
		t.Error("the job goes on")
	}
}

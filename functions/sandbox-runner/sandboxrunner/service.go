// Package sandboxrunner is the function that decides whether a project passes: it builds, vets and tests it in a sandbox, and
// resolves its dependencies without running any of it.
package sandboxrunner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner/golang"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// Language verifies projects of one language; *golang.Toolchain does. Files have been checked.
type Language interface {
	Verify(ctx context.Context, files []pipeline.File) (verification.Result, error)
	Dependencies(ctx context.Context, module string, files []pipeline.File) (verification.Dependencies, error)
}

// Service answers requests.
type Service struct {
	languages map[string]Language
	queue     *queue
	off       bool  // nothing is to be run
	lacking   error // why there is no language to verify

	spoiled atomic.Bool  // a project left something in the container, which must end
	end     func() error // asks the process to end
}

// New builds the function. A machine without Go is no reason not to start: its projects are answered "not verified".
func New(ctx context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	s := &Service{languages: map[string]Language{}, queue: newQueue(cfg.Concurrency, cfg.Queue), off: cfg.Mode == modeNone, end: terminate}
	service := &runner.Service{Handler: s.Handler(), Ready: s.Ready}
	mode := cfg.want()
	if mode == sandbox.Pod {
		// What is there is of a container that ended because a project may have changed it.
		if err := sandbox.RemoveAll(cfg.Cache); err != nil {
			return nil, err
		}
	}
	tc, err := golang.Find(ctx, golang.Config{
		Mode: mode, Go: cfg.Go, Cache: cfg.Cache, Built: cfg.Built, FetchTimeout: cfg.FetchTimeout, FetchBytes: cfg.FetchMiB << 20,
		Limits: sandbox.Limits{Wall: cfg.Timeout, Memory: cfg.MemoryMiB << 20, Disk: cfg.DiskMiB << 20},
	})
	if err != nil {
		slog.WarnContext(ctx, "Go projects will not be verified", "cause", err.Error())
		s.lacking = err
		return service, nil
	}
	s.languages["go"] = tc
	service.Close = func(context.Context) error { return tc.Close() }
	if cfg.Warm && !s.off {
		stop := s.warm(ctx, tc, mode)
		service.Close = func(context.Context) error {
			stop()
			return tc.Close()
		}
	}
	return service, nil
}

// terminate has the process drain and end.
func terminate() error { return syscall.Kill(os.Getpid(), syscall.SIGTERM) }

// warm looks for a sandbox and fills the build cache in the background, and gives what ends that.
func (s *Service) warm(ctx context.Context, tc *golang.Toolchain, mode sandbox.Mode) func() {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		if mode == sandbox.Pod { // nothing else may change files meanwhile
			leave, err := s.queue.enter(ctx)
			if err != nil {
				return // stopped meanwhile
			}
			defer leave()
		}
		support, err := sandbox.Detect(ctx, mode)
		if err != nil {
			return // stopped meanwhile
		}
		if support.Mode == sandbox.None {
			slog.WarnContext(ctx, "no sandbox: projects will not be verified", "lacking", support.Detail)
			return
		}
		slog.InfoContext(ctx, "sandbox", "mode", support.Mode, "held_by", support.Detail)
		if err := tc.Warm(ctx); err != nil && ctx.Err() == nil && !s.spoil(ctx, err) {
			slog.WarnContext(ctx, "the first project will have to build the standard library", "cause", err.Error())
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// Ready is an error once the process is to end.
func (s *Service) Ready(context.Context) error {
	if s.spoiled.Load() {
		return fault.New(fault.Unavailable, "this container ends: a project may have left something in it")
	}
	return nil
}

// spoil has the process end, and take no more projects, if that is what the error says.
func (s *Service) spoil(ctx context.Context, err error) bool {
	var unclean *sandbox.UncleanError
	if !errors.As(err, &unclean) {
		return false
	}
	if !s.spoiled.Swap(true) {
		slog.ErrorContext(ctx, "this container must end", "cause", err.Error())
		if err := s.end(); err != nil {
			slog.ErrorContext(ctx, "it does not end", "cause", err.Error())
		}
	}
	return true
}

// Handler is the HTTP interface.
func (s *Service) Handler() http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("sandbox-runner", "1"))
	// JSON may need six bytes for one of text.
	const bodyLimit = 6*verification.TotalLimit + 1<<20
	huma.Register(api, huma.Operation{
		OperationID: "verify", Method: http.MethodPost, Path: "/v1/verifications", Summary: "Build, vet and test a project in a sandbox",
		Description:  "A project that fails is an answer, not an error. Where nothing can isolate it, none of it is run and it is not verified.",
		MaxBodyBytes: bodyLimit, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct{ Body verification.Request }) (*struct{ Body verification.Result }, error) {
		result, err := s.Verify(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct{ Body verification.Result }{result}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "resolve-dependencies", Method: http.MethodPost, Path: "/v1/dependencies", Summary: "Find the packages that a project imports",
		Description:  "None of the project's code is run. What is fetched is there for later verifications.",
		MaxBodyBytes: bodyLimit, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct {
		Body verification.DependenciesRequest
	}) (*struct{ Body verification.Dependencies }, error) {
		found, err := s.Dependencies(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct{ Body verification.Dependencies }{found}, nil
	})
	return mux
}

// Verify checks the request, waits for a turn and verifies the project.
func (s *Service) Verify(ctx context.Context, req verification.Request) (verification.Result, error) {
	if err := verification.CheckFiles(req.Files); err != nil {
		return verification.Result{}, fault.New(fault.Unprocessable, "files: %w", err)
	}
	if s.off {
		return golang.NotRun("running projects is switched off (QL_SANDBOX_MODE=none), so none of it was run"), nil
	}
	language, err := s.language(req.Language)
	if errors.Is(err, errLacking) {
		return golang.NotRun(fault.From(err).Detail), nil
	}
	if err != nil {
		return verification.Result{}, err
	}
	leave, err := s.queue.enter(ctx)
	if err != nil {
		return verification.Result{}, err
	}
	defer leave()
	if err := s.Ready(ctx); err != nil {
		return verification.Result{}, err
	}
	start := time.Now()
	result, err := language.Verify(ctx, req.Files)
	var unavailable *sandbox.UnavailableError
	if errors.As(err, &unavailable) {
		return golang.NotRun(unavailable.Error()), nil
	}
	if s.spoil(ctx, err) {
		// An answer and no fault: a project that means to would do the same to the next container, and so on.
		r := golang.NotRun("what its tests did cannot be trusted: " + err.Error())
		r.Mode = string(sandbox.Pod)
		return r, nil
	}
	if err != nil {
		return verification.Result{}, err
	}
	slog.InfoContext(ctx, "verified", "verified", result.Verified, "reason", result.Reason, "mode", result.Mode,
		"files", len(req.Files), "passed", result.Summary.Passed, "failed", result.Summary.Failed, "took", time.Since(start).Round(time.Millisecond))
	return result, nil
}

// Dependencies checks the request, waits for a turn and resolves what the project imports.
func (s *Service) Dependencies(ctx context.Context, req verification.DependenciesRequest) (verification.Dependencies, error) {
	if err := verification.CheckFiles(req.Files); err != nil {
		return verification.Dependencies{}, fault.New(fault.Unprocessable, "files: %w", err)
	}
	language, err := s.language(req.Language)
	if err != nil {
		return verification.Dependencies{}, err
	}
	leave, err := s.queue.enter(ctx)
	if err != nil {
		return verification.Dependencies{}, err
	}
	defer leave()
	if err := s.Ready(ctx); err != nil {
		return verification.Dependencies{}, err
	}
	return language.Dependencies(ctx, req.Module, req.Files)
}

// errLacking: the machine lacks the language's tools.
var errLacking = errors.New("tools are lacking")

func (s *Service) language(name string) (Language, error) {
	if l := s.languages[name]; l != nil {
		return l, nil
	}
	if name == "go" && s.lacking != nil {
		return nil, fault.Wrap(fault.Unavailable, fmt.Errorf("%w: %w", errLacking, s.lacking), "%v", s.lacking)
	}
	return nil, fault.New(fault.Unprocessable, "language %q cannot be verified; go can", name)
}

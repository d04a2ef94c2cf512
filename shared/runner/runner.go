// Package runner is what every function of the platform shares: configuration from the environment, JSON logs, health and
// readiness, body limits, CloudEvents, problem documents, and a drain on SIGTERM. A function's main names it and calls Main.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Service is a built function: its handler, and what the runner asks it. Ready and Close may be nil.
type Service struct {
	Handler http.Handler
	Ready   func(context.Context) error // nil error: requests can be served
	Close   func(context.Context) error // called once, after the last request
}

// Environ is where a function's configuration comes from: the process environment, or a map in `ql up`.
type Environ map[string]string

// Function is a named function of the platform. New builds it; it must not listen or log to standard output.
type Function struct {
	Name string
	New  func(ctx context.Context, environ Environ) (*Service, error)
}

// Server is the configuration that every function has.
type Server struct {
	Port      int           `env:"PORT" envDefault:"8080"`
	LogLevel  slog.Level    `env:"QL_LOG_LEVEL" envDefault:"INFO"`
	Drain     time.Duration `env:"QL_DRAIN" envDefault:"25s"`
	BodyLimit int64         `env:"QL_BODY_LIMIT" envDefault:"67108864"` // bytes
}

// Main runs a function until SIGTERM or SIGINT and ends the process: 0 after a clean drain, 1 on an error, 2 on wrong configuration.
func Main(f Function) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	environ := ProcessEnviron()
	cfg, err := Config[Server](environ)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", f.Name, err)
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.LogLevel})).With("function", f.Name))
	service, err := patiently(ctx, f, environ, cfg.Port)
	if err != nil && ctx.Err() != nil {
		slog.Info("ended while waiting", "cause", err.Error())
		return
	}
	if err != nil {
		slog.Error("cannot start", "cause", err.Error())
		fmt.Fprintf(os.Stderr, "%s: %v\n", f.Name, err)
		os.Exit(2)
	}
	ln, err := net.Listen("tcp", fmt.Sprintf(":%d", cfg.Port))
	if err != nil {
		slog.Error("cannot listen", "cause", err.Error())
		os.Exit(1)
	}
	if err := Serve(ctx, ln, service, cfg); err != nil {
		slog.Error("ended", "cause", err.Error())
		os.Exit(1)
	}
}

// patiently builds a function, again and again while what it needs does not answer: in a cluster everything starts at the same
// time, and a process that ends is started again later and later. Meanwhile it lives, and says what it waits for.
func patiently(ctx context.Context, f Function, environ Environ, port int) (*Service, error) {
	service, err := f.New(ctx, environ)
	if !fault.Is(err, fault.Unavailable) {
		return service, err
	}
	w := &waiting{}
	w.waitFor(err)
	ln, listenErr := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if listenErr != nil {
		return nil, listenErr
	}
	srv := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	defer func() {
		if err := errors.Join(srv.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			slog.Warn("the server of the wait", "cause", err.Error())
		}
	}()
	for pause := 100 * time.Millisecond; fault.Is(err, fault.Unavailable); pause = min(pause*3/2, time.Second) {
		slog.Warn("waiting for what does not answer yet", "cause", err.Error())
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		if service, err = f.New(ctx, environ); err != nil {
			w.waitFor(err)
		}
	}
	return service, err
}

// waiting answers for a function that is not built yet.
type waiting struct{ cause atomic.Pointer[error] }

func (w *waiting) waitFor(err error) { w.cause.Store(&err) }

func (w *waiting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		fmt.Fprintln(rw, "ok")
		return
	}
	fault.Write(rw, r, *w.cause.Load())
}

// ProcessEnviron gives the environment of the process.
func ProcessEnviron() Environ {
	environ := Environ{}
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok {
			environ[k] = v
		}
	}
	return environ
}

// Serve answers on ln until ctx ends, then drains: readiness turns false, running requests get cfg.Drain to finish, the
// service is closed. The listener is closed in any case.
func Serve(ctx context.Context, ln net.Listener, s *Service, cfg Server) error {
	fault.UseInHuma()
	srv := &http.Server{
		Handler:           Handler(ctx, s, cfg.BodyLimit),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	slog.Info("serving", "address", ln.Addr().String())
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Drain)
		defer cancel()
		if err = srv.Shutdown(drain); err != nil {
			err = errors.Join(fmt.Errorf("requests were still running after %s: %w", cfg.Drain, err), srv.Close())
		}
	}
	if s.Close != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Drain)
		defer cancel()
		err = errors.Join(err, s.Close(closing))
	}
	return err
}

// Handler puts around a service what every function answers: /healthz, /readyz, and what Guard adds. Readiness turns false when stopping ends.
func Handler(stopping context.Context, s *Service, bodyLimit int64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := stopping.Err()
		if err != nil {
			err = fault.New(fault.Unavailable, "draining")
		} else if s.Ready != nil {
			err = s.Ready(r.Context())
		}
		if err != nil {
			fault.Write(w, r, err)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("/", Guard(s.Handler, bodyLimit))
	return mux
}

// Guard limits bodies, in bytes, turns panics into problem documents, and keeps pages of other sites from changing anything in the
// name of somebody who visits them and a platform: a browser sends its cookies, and reaches its own machine, for them too. Programs
// say nothing of an origin and are let through.
func Guard(next http.Handler, bodyLimit int64) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				fault.Write(w, r, fault.Wrap(fault.Internal, fmt.Errorf("panic: %v\n%s", p, stack()), "internal error; the log has the details"))
			}
		}()
		if err := crossOrigin.Check(r); err != nil {
			fault.Write(w, r, fault.New(fault.Unauthorized, "a page of another site may not use this platform: %w", err))
			return
		}
		if bodyLimit > 0 {
			// A copy, as http.MaxBytesHandler makes one: net/http looks at its own request's body to decide whether the
			// connection can be used again, and what is left of an unread body must not be taken for the next request.
			limited := *r
			limited.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
			r = &limited
		}
		next.ServeHTTP(w, r)
	})
}

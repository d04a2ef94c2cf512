// Package platform is the whole platform in one process: every function behind one listener, the Temporal server, the event
// log and the worker. The functions speak HTTP to each other all the same, through the clients that they use in a cluster.
package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	natsserver "github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	temporalserver "github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
)

const (
	startLimit = time.Minute      // for Temporal to be ready on a slow machine
	drain      = 10 * time.Second // for requests to finish
	bodyLimit  = 64 << 20         // bytes
)

// Config says how a platform is started.
type Config struct {
	Dir     string            // data folder, which this process holds
	Address string            // HOST:PORT to listen on; port 0 takes a free one
	Environ map[string]string // QL_* variables of the functions; those that are missing get the defaults for Dir
	Logger  *slog.Logger
	// Idle lets nothing go on: runs can be looked at, and that is all.
	Idle bool
}

// Platform is a started platform.
type Platform struct {
	url      string
	failed   chan error
	events   *nats.Log
	temporal *temporal.Server
	built    []*runner.Service
	worker   *runner.Service // nil: not started
	stop     context.CancelFunc
	served   chan error
}

// Start starts the platform and answers when it takes requests. An error that the user can mend is a *fault.Error.
func Start(ctx context.Context, c Config) (*Platform, error) {
	slog.SetDefault(c.Logger)
	listener, err := listen(ctx, c.Address)
	if err != nil {
		return nil, err
	}
	// What is started outlives ctx, but ends with it as long as not all is started.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Platform{url: "http://" + reachable(listener), failed: make(chan error, 2), stop: stop}
	abandon := context.AfterFunc(ctx, stop)
	if err = p.start(life, c, listener); err == nil && !abandon() {
		err = context.Cause(ctx)
	}
	if err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		return nil, errors.Join(err, ignoreClosed(listener.Close()), p.Close(closing))
	}
	return p, nil
}

// URL is the base URL of workflow-api.
func (p *Platform) URL() string { return p.url }

// Failed gets an error when a part stops by itself.
func (p *Platform) Failed() <-chan error { return p.failed }

func (p *Platform) start(ctx context.Context, c Config, listener net.Listener) error {
	environ := maps.Clone(c.Environ)
	if environ == nil {
		environ = map[string]string{}
	}
	defaults(environ, c.Dir)
	if c.Idle {
		environ["QL_SANDBOX_WARM"] = "false" // nothing will be built
	}
	if err := p.openStores(ctx, c, environ); err != nil {
		return err
	}
	p.locate(environ, c.Idle)
	handler, err := p.build(ctx, environ)
	if err != nil {
		return err
	}
	service := &runner.Service{Handler: protect(listener, endStreams(ctx, handler)), Ready: p.ready}
	p.served = make(chan error, 1)
	go func() {
		err := runner.Serve(ctx, listener, service, runner.Server{Drain: drain, BodyLimit: bodyLimit})
		p.served <- err
		if err != nil && ctx.Err() == nil {
			p.failed <- fmt.Errorf("the listener: %w", err)
		}
	}()
	p.worker, err = startWorker(ctx, environ, p.temporal, c.Idle)
	return err
}

// defaults keeps in dir what no variable puts elsewhere.
func defaults(environ map[string]string, dir string) {
	for variable, value := range map[string]string{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "quantumlayer.db"),
		"QL_BLOBS_URL":    (&url.URL{Scheme: "file", Path: filepath.Join(dir, "blobs")}).String(),
		"QL_CACHE_URL":    "memory:",
		"QL_VECTORS_URL":  "memory:" + filepath.Join(dir, "vectors"),
		"QL_EVENTS_URL":   "embedded:",
		"QL_TEMPORAL_URL": "embedded:",
	} {
		if environ[variable] == "" {
			environ[variable] = value
		}
	}
}

// openStores opens the event log and Temporal, at the same time since each takes a while, and puts the URLs that they can be
// reached by in the place of those that start them.
func (p *Platform) openStores(ctx context.Context, c Config, environ map[string]string) error {
	opening, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var group errgroup.Group
	group.Go(func() (err error) {
		p.events, err = nats.Open(opening, nats.Options{URL: environ["QL_EVENTS_URL"], DataDir: c.Dir, Logger: c.Logger, Embedded: natsserver.Start})
		return c.named("QL_EVENTS_URL", err)
	})
	group.Go(func() (err error) {
		p.temporal, err = temporal.Open(opening, temporal.Options{URL: environ["QL_TEMPORAL_URL"], DataDir: c.Dir, Logger: c.Logger, Embedded: temporalserver.Start})
		return c.named("QL_TEMPORAL_URL", err)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	environ["QL_EVENTS_URL"], environ["QL_TEMPORAL_URL"] = p.events.URL(), p.temporal.URL()
	return nil
}

// locate tells every function where the others are: in this process.
func (p *Platform) locate(environ map[string]string, idle bool) {
	for _, s := range services {
		environ[s.variable] = p.url + path(s.Name)
	}
	environ["QL_STAGES_URL"] = p.url + prefix + "{stage}"
	environ["QL_WORKER_WAKE"] = "false" // nothing sleeps here
	if !idle {
		environ["K_SINK"] = p.url + path("meta-prompt-engine") + "/events" // the one that would have Triggers
		environ["QL_WORKER_INSIST"] = "false"                              // what is not learned from a run must not hold up its end
	}
}

// path is where a function answers.
func path(name string) string {
	if name == front {
		return ""
	}
	return prefix + name
}

// build makes every function and routes to it.
func (p *Platform) build(ctx context.Context, environ map[string]string) (http.Handler, error) {
	fault.UseInHuma() // before any API is made
	mux := http.NewServeMux()
	for _, f := range functions() {
		service, err := f.New(ctx, environ)
		if err != nil {
			slog.ErrorContext(ctx, "function not started", "function", f.Name, "cause", err.Error())
			return nil, mendable(err)
		}
		p.built = append(p.built, service)
		if f.Name == front {
			mux.Handle("/", service.Handler)
			continue
		}
		mux.Handle(path(f.Name)+"/", http.StripPrefix(path(f.Name), runner.Handler(ctx, service, bodyLimit)))
	}
	return mux, nil
}

// ready says whether every function can serve.
func (p *Platform) ready(ctx context.Context) error {
	for _, service := range p.built {
		if service.Ready == nil {
			continue
		}
		if err := service.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close stops the worker, lets requests finish, and closes the functions and the stores, in this order. Runs under way are
// kept and go on at the next start. It is called once.
func (p *Platform) Close(ctx context.Context) error {
	var errs []error
	if p.worker != nil {
		errs = append(errs, p.worker.Close(ctx))
	}
	p.stop()
	if p.served != nil {
		select {
		case err := <-p.served:
			errs = append(errs, err)
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("requests are still running: %w", ctx.Err()))
		}
	}
	for _, service := range p.built {
		if service.Close != nil {
			errs = append(errs, service.Close(ctx))
		}
	}
	if p.temporal != nil {
		errs = append(errs, p.temporal.Close(ctx))
	}
	if p.events != nil {
		errs = append(errs, p.events.Close())
	}
	return errors.Join(errs...)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fault.New(fault.Invalid, "%s is in use by another program", address).
			WithHint("take another port (--addr 127.0.0.1:0 takes a free one), or stop that program; if it is a QuantumLayer platform, use it: --server http://%s", address)
	case err != nil:
		return nil, fault.New(fault.Invalid, "cannot listen on %s: %w", address, err).WithHint("for example --addr 127.0.0.1:8080")
	}
	return listener, nil
}

// reachable is the listener's address as a client on this machine dials it.
func reachable(listener net.Listener) string {
	address := listener.Addr().(*net.TCPAddr)
	if !address.IP.IsUnspecified() {
		return address.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(address.Port))
}

// named says which variable is behind an error. When the user has set it, the user can mend it.
func (c Config) named(variable string, err error) error {
	switch {
	case err == nil:
		return nil
	case c.Environ[variable] != "":
		return mendable(fault.About(err, variable))
	}
	return fmt.Errorf("%s: %w", variable, err)
}

// mendable is an error of starting a part with what the user has set: bad input, unless the part says that it is something else,
// such as a server that does not answer.
func mendable(err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	return fault.New(fault.Invalid, "%w", err)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

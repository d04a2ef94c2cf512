// Package temporal opens the Temporal server that runs the workflows: an
// embedded one, which is the real server on an SQLite file (package embedded),
// or one reached by its address. Either way the namespace and the search attributes are there.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Where the platform's workflows run.
const (
	Namespace = "quantumlayer"
	TaskQueue = "code-generation"
)

// Retention is how long a closed workflow's history is kept in a namespace that
// Open creates.
const Retention = 30 * 24 * time.Hour

// Options says which server Open uses.
type Options struct {
	// URL is QL_TEMPORAL_URL: "embedded:" for a server in this process that
	// keeps its state in DataDir/temporal.db, "embedded:PATH" for one that keeps
	// it in the file PATH, or temporal://HOST:PORT[/NAMESPACE] for a server
	// elsewhere; without NAMESPACE it is Namespace.
	URL string
	// DataDir is needed for "embedded:" only. It is created when missing.
	DataDir string
	// Logger gets warnings and errors of server and client; nil for slog.Default.
	Logger *slog.Logger
	// Embedded starts a server in this process: embedded.Start, which most
	// processes leave out because it brings the whole server into their binary.
	// nil: "embedded:" is refused.
	Embedded func(ctx context.Context, path string, logger *slog.Logger) (Embedded, error)
}

// Embedded is a server in this process, with namespace and search attributes.
type Embedded interface {
	Address() string // host:port
	Stop() error
}

// Server is an open Temporal server with a client of it.
type Server struct {
	client    client.Client
	address   string
	namespace string
	embedded  Embedded // nil when the server is elsewhere
}

// Open starts or connects to the server and waits until it is ready for
// workflows in the namespace, at most until ctx ends. A database that another
// process uses gives a *filelock.HeldError; a server that does not answer, or
// cannot at the moment, is fault.Unavailable.
func Open(ctx context.Context, options Options) (*Server, error) {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	scheme, rest, _ := strings.Cut(options.URL, ":")
	switch scheme {
	case "embedded":
		if options.Embedded == nil {
			return nil, errors.New("temporal: this process has no server of its own; use temporal://HOST:PORT[/NAMESPACE]")
		}
		path := rest
		if path == "" {
			if options.DataDir == "" {
				return nil, errors.New("temporal: embedded: needs a path or a data directory")
			}
			path = filepath.Join(options.DataDir, "temporal.db")
		}
		return openEmbedded(ctx, path, options)
	case "temporal":
		return openExternal(ctx, options)
	default:
		return nil, fmt.Errorf("temporal: unknown URL scheme %q; use embedded: or temporal://HOST:PORT[/NAMESPACE]", scheme)
	}
}

func openEmbedded(ctx context.Context, path string, options Options) (*Server, error) {
	running, err := options.Embedded(ctx, path, options.Logger)
	if err != nil {
		return nil, fmt.Errorf("start Temporal server on %s: %w", path, err)
	}
	server := &Server{address: running.Address(), namespace: Namespace, embedded: running}
	if err := server.connect(ctx, options.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("start Temporal server on %s: %w", path, err), server.Close(context.WithoutCancel(ctx)))
	}
	return server, nil
}

func openExternal(ctx context.Context, options Options) (*Server, error) {
	address, err := url.Parse(options.URL)
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	namespace := strings.TrimPrefix(address.Path, "/")
	if namespace == "" {
		namespace = Namespace
	}
	_, _, err = net.SplitHostPort(address.Host)
	if err != nil || address.User != nil || address.RawQuery != "" || strings.Contains(namespace, "/") {
		return nil, errors.New("temporal: the URL must be temporal://HOST:PORT or temporal://HOST:PORT/NAMESPACE")
	}
	server := &Server{address: address.Host, namespace: namespace}
	if err = server.connect(ctx, options.Logger); err == nil {
		return server, nil
	}
	if noAnswer(err) {
		err = fault.New(fault.Unavailable, "the Temporal server at %s does not answer: %w", address.Host, err).
			WithHint("check host and port in its URL, and that it runs")
	} else {
		err = fmt.Errorf("open Temporal server at %s: %w", address.Host, err)
	}
	return nil, errors.Join(err, server.Close(ctx))
}

var errNoConnection = errors.New("no connection")

// noAnswer tells a server that does not answer, or that says it cannot at the moment, from one that refuses.
func noAnswer(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		exhausted   *serviceerror.ResourceExhausted
		late        *serviceerror.DeadlineExceeded
	)
	return errors.Is(err, errNoConnection) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &unavailable) || errors.As(err, &exhausted) || errors.As(err, &late)
}

func (s *Server) connect(ctx context.Context, logger *slog.Logger) error {
	var err error
	s.client, err = client.DialContext(ctx, client.Options{
		HostPort:  s.address,
		Namespace: s.namespace,
		Logger:    sdklog.NewStructuredLogger(slog.New(atLeastWarn{logger.Handler()})),
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errNoConnection, err)
	}
	return ensureNamespace(ctx, s.client, s.namespace)
}

// Client returns the client of the namespace. Close closes it.
func (s *Server) Client() client.Client { return s.client }

// URL is one with which other parts of the platform, in this process or another
// on this machine, open the same server.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "temporal", Host: s.address, Path: "/" + s.namespace}).String()
}

// Close closes the client and stops an embedded server, for which it waits
// until ctx ends; then the error is ctx's and the server goes on stopping.
// Workers must have stopped before. It is called once.
func (s *Server) Close(ctx context.Context) error {
	if s.client != nil {
		s.client.Close()
	}
	if s.embedded == nil {
		return nil
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.embedded.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop Temporal server: %w", ctx.Err())
	}
}

// atLeastWarn drops what a client tells about its everyday work.
type atLeastWarn struct {
	slog.Handler
}

func (h atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h atLeastWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(attrs)}
}

func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}

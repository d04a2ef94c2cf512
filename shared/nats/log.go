// Package nats is the event log of QuantumLayer on NATS JetStream: what happens
// in a workflow is published once, kept for a while, and read from any place in
// it onwards, live. The server is an embedded one (package
// embedded) or one reached by its URL.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// MaxBytes is what the stream may hold; then the oldest events go.
const MaxBytes = 1 << 30

// StreamName is the JetStream stream that holds the events.
const StreamName = "QL_EVENTS"

const (
	maxAge          = 7 * 24 * time.Hour
	duplicateWindow = 24 * time.Hour // a run may be taken up again the next morning
	requestTimeout  = 5 * time.Second
)

// Options says which server Open uses.
type Options struct {
	// URL is QL_EVENTS_URL: "embedded:" for a server in this process that keeps
	// its files in DataDir/events, "embedded:PATH" for one that keeps them in
	// PATH, or nats://, tls://HOST[:PORT] for a server elsewhere.
	URL string
	// DataDir is needed for "embedded:" only. It is created when missing.
	DataDir string
	// Logger gets warnings and errors of server and connection; nil for
	// slog.Default.
	Logger *slog.Logger
	// Embedded starts a server in this process: embedded.Start, which most
	// processes leave out because it brings the whole server into their binary.
	// nil: "embedded:" is refused.
	Embedded func(dir string, logger *slog.Logger) (Embedded, error)
}

// Embedded is a server in this process.
type Embedded interface {
	natsio.InProcessConnProvider
	URL() string // for other parts of the platform; it holds a secret
	Stop() error
}

// Log is the event log. It is safe for concurrent use.
type Log struct {
	connection *natsio.Conn
	jetStream  jetstream.JetStream
	url        string
	server     Embedded // nil when the server is elsewhere
	logger     *slog.Logger
}

// Open starts or connects to the server and makes sure that the stream is
// there. A stream that exists keeps its limits, so an operator may set others,
// or more replicas. A server that does not answer, or not yet, is
// fault.Unavailable. An embedded server's folder used by another process gives a
// *filelock.HeldError.
func Open(ctx context.Context, options Options) (*Log, error) {
	log := &Log{logger: options.Logger}
	if log.logger == nil {
		log.logger = slog.Default()
	}
	err := log.connect(options)
	if err == nil {
		err = log.ensureStream(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return log, nil
}

func (l *Log) connect(options Options) error {
	scheme, rest, _ := strings.Cut(options.URL, ":")
	switch scheme {
	case "embedded":
		if options.Embedded == nil {
			return errors.New("event log: this process has no server of its own; use nats:// or tls://")
		}
		dir := rest
		if dir == "" {
			if options.DataDir == "" {
				return errors.New("event log: embedded: needs a path or a data directory")
			}
			dir = filepath.Join(options.DataDir, "events")
		}
		server, err := options.Embedded(dir, l.logger)
		if err != nil {
			return fmt.Errorf("start embedded NATS server in %s: %w", dir, err)
		}
		l.server, l.url = server, server.URL()
		return l.dial(natsio.InProcessServer(server))
	case "nats", "tls":
		l.url = options.URL
		return l.dial()
	default:
		// The URL may hold a password, so only its scheme is shown.
		return fmt.Errorf("event log: unknown URL scheme %q; use embedded:, nats:// or tls://", scheme)
	}
}

func (l *Log) dial(more ...natsio.Option) error {
	options := append([]natsio.Option{
		natsio.Name("quantumlayer"),
		natsio.Timeout(requestTimeout),
		natsio.MaxReconnects(-1),
		natsio.DisconnectErrHandler(func(_ *natsio.Conn, err error) {
			if err != nil {
				l.logger.Warn("lost connection to NATS, connecting again", "error", err)
			}
		}),
		natsio.ReconnectHandler(func(c *natsio.Conn) {
			l.logger.Info("connected to NATS again", "server", c.ConnectedAddr())
		}),
		natsio.ErrorHandler(func(_ *natsio.Conn, _ *natsio.Subscription, err error) {
			l.logger.Warn("NATS reports an error", "error", err)
		}),
	}, more...)
	connection, err := natsio.Connect(l.url, options...)
	if malformed := new(url.Error); errors.As(err, &malformed) {
		return errors.New("connect to NATS: malformed URL, not shown because it may hold a password")
	}
	if refused := errors.Is(err, natsio.ErrAuthorization) || errors.Is(err, natsio.ErrAuthExpired); err != nil && !refused {
		return fault.New(fault.Unavailable, "the NATS server does not answer: %w", err).WithHint("check host and port in its URL, and that it runs")
	}
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	l.connection = connection
	l.jetStream, err = jetstream.New(connection, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	return nil
}

// URL is one with which other parts of the platform, in this process or another
// on this machine, open the same log: that of the embedded server, or the one
// given to Open. It holds a secret.
func (l *Log) URL() string { return l.url }

func (l *Log) ensureStream(ctx context.Context) error {
	stream, err := l.jetStream.Stream(ctx, StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = l.jetStream.CreateStream(ctx, jetstream.StreamConfig{
			Name:        StreamName,
			Description: "What happens in QuantumLayer's workflows",
			Subjects:    []string{subjectRoot + ".>"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			Storage:     jetstream.FileStorage,
			MaxAge:      maxAge,
			MaxBytes:    MaxBytes,
			MaxMsgSize:  maxMessageBytes,
			Duplicates:  duplicateWindow,
		})
	}
	if notReady(err) {
		return fault.New(fault.Unavailable, "the NATS server does not answer for its JetStream: %w", err).WithHint("it may be starting; a cluster needs most of its servers")
	}
	if err != nil {
		return fmt.Errorf("open stream %s (the server needs JetStream, and this account the right to use it): %w", StreamName, err)
	}
	for _, subject := range stream.CachedInfo().Config.Subjects {
		if subject == subjectRoot+".>" {
			return nil
		}
	}
	return fmt.Errorf("stream %s exists with subjects %q, but needs %s.>", StreamName, stream.CachedInfo().Config.Subjects, subjectRoot)
}

// notReady tells a server that cannot answer yet, as in a cluster without a leader, from one that has no JetStream for us.
func notReady(err error) bool {
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, natsio.ErrConnectionClosed), errors.Is(err, natsio.ErrTimeout):
		return true
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return false
	}
	return errors.As(err, &answer) && answer.Code == http.StatusServiceUnavailable
}

// Publish stores an event. When it returns nil, the server has it; on an error
// it may have it nevertheless (the answer was lost), so publish it again with
// the same ID. Errors: ErrInvalid and ErrTooLarge for the event itself,
// ErrClosed, or the server's.
func (l *Log) Publish(ctx context.Context, event Event) error {
	message, err := event.message()
	if err != nil {
		return fmt.Errorf("publish %s: %w", event.Type, err)
	}
	_, err = l.jetStream.PublishMsg(ctx, message, jetstream.WithExpectStream(StreamName))
	if err != nil {
		return fmt.Errorf("publish %s of workflow %s: %w", event.Type, event.WorkflowID, closedError(err))
	}
	return nil
}

// Close ends all subscriptions and the connection, and stops an embedded
// server, which then has everything on disk. It is called once.
func (l *Log) Close() error {
	if l.connection != nil {
		l.connection.Close()
	}
	if l.server != nil {
		return l.server.Stop()
	}
	return nil
}

func closedError(err error) error {
	if errors.Is(err, natsio.ErrConnectionClosed) || errors.Is(err, jetstream.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

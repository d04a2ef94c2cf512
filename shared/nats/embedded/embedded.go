// Package embedded is the real NATS server with JetStream, in this process.
package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
)

const (
	startTimeout = 30 * time.Second
	// syncInterval is what a power cut may cost. A killed process loses nothing:
	// each event is written to its file before Publish returns.
	syncInterval = 5 * time.Second
	// maxMemory bounds the server's streams in memory, of which we have none.
	maxMemory = 16 << 20
	// maxStore is a ceiling, not a reservation; the stream's own limit is half.
	maxStore = 2 * nats.MaxBytes
)

// running is a NATS server in this process. It listens on loopback for who has
// its token.
type running struct {
	server *server.Server
	lock   *filelock.Lock
	url    string // with the token
}

// Start starts a server that keeps its files in dir, which is created when
// missing. It listens on loopback for who has its token. A folder that another
// process uses gives a *filelock.HeldError. It is the Embedded of the options of
// nats.Open.
func Start(dir string, logger *slog.Logger) (nats.Embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := filelock.Acquire(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	token := rand.Text()
	server, err := runServer(dir, token, logger)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	address := url.URL{Scheme: "nats", User: url.User(token), Host: server.Addr().String()}
	return &running{server: server, lock: lock, url: address.String()}, nil
}

func runServer(dir, token string, logger *slog.Logger) (*server.Server, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName:             "quantumlayer",
		Host:                   "127.0.0.1",
		Port:                   server.RANDOM_PORT,
		Authorization:          token,
		JetStream:              true,
		StoreDir:               dir,
		JetStreamMaxMemory:     maxMemory,
		JetStreamMaxStore:      maxStore,
		SyncInterval:           syncInterval,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, err
	}
	bridge := &logBridge{logger: logger}
	ns.SetLoggerV2(bridge, false, false, false)
	ns.Start()
	if cause := bridge.fatal.Load(); cause != nil {
		err = errors.New(*cause)
	} else if !ns.ReadyForConnections(startTimeout) {
		err = fmt.Errorf("not ready after %s", startTimeout)
	}
	if err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return nil, err
	}
	return ns, nil
}

// InProcessConn makes running a connection provider of the NATS client.
func (e *running) InProcessConn() (net.Conn, error) {
	return e.server.InProcessConn()
}

// URL holds the token.
func (e *running) URL() string { return e.url }

// Stop stops the server, which then has everything on disk.
func (e *running) Stop() error {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	return e.lock.Release()
}

// logBridge hands what the server reports to slog. Its notices are of interest
// only to who debugs it.
type logBridge struct {
	logger *slog.Logger
	// fatal is the last message of a server that could not start.
	fatal atomic.Pointer[string]
}

var _ server.Logger = (*logBridge)(nil)

func (b *logBridge) Debugf(format string, v ...any)  { b.log(b.logger.Debug, format, v) }
func (b *logBridge) Tracef(format string, v ...any)  { b.log(b.logger.Debug, format, v) }
func (b *logBridge) Noticef(format string, v ...any) { b.log(b.logger.Debug, format, v) }
func (b *logBridge) Warnf(format string, v ...any)   { b.log(b.logger.Warn, format, v) }
func (b *logBridge) Errorf(format string, v ...any)  { b.log(b.logger.Error, format, v) }

func (b *logBridge) Fatalf(format string, v ...any) {
	message := fmt.Sprintf(format, v...)
	b.fatal.Store(&message)
	b.log(b.logger.Error, format, v)
}

func (b *logBridge) log(write func(string, ...any), format string, v []any) {
	write(fmt.Sprintf(format, v...), "component", "nats-server")
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLog hands what one server reports to slog: warnings and errors as such,
// all else as debug messages.
type serverLog struct {
	logger *slog.Logger
	state  *serverState
}

// isExpected tells what the server complains about in each of our servers.
func isExpected(msg string, tags []tag.Tag) bool {
	// It would be one listener more; we use gRPC.
	if strings.HasPrefix(msg, "HTTP API port has not been set.") {
		return true
	}
	// A shard's queues begin to read a moment before the shard is theirs.
	return slices.ContainsFunc(tags, func(t tag.Tag) bool {
		return t.Key() == "error" && fmt.Sprint(t.Value()) == "shard status unknown"
	})
}

var _ log.Logger = serverLog{}

func (l serverLog) Debug(msg string, tags ...tag.Tag) { l.log(slog.LevelDebug, msg, tags) }
func (l serverLog) Info(msg string, tags ...tag.Tag)  { l.log(slog.LevelDebug, msg, tags) }
func (l serverLog) Warn(msg string, tags ...tag.Tag)  { l.log(slog.LevelWarn, msg, tags) }
func (l serverLog) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic is a bug of the server's that it can live with.
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic("temporal server: " + msg)
}

// Fatal must not return, but neither must it end our process. While the server
// is built, it unwinds to startServer; later it ends only its goroutine.
func (l serverLog) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	text := msg
	for _, t := range tags {
		if t.Key() == "error" {
			text += ": " + fmt.Sprint(t.Value())
		}
	}
	l.state.setFatal(errors.New(text))
	if l.state.building.Load() {
		panic(l.state)
	}
	runtime.Goexit()
}

func (l serverLog) log(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background() // the server's loggers have none
	if l.state.stopping.Load() || isExpected(msg, tags) {
		level = slog.LevelDebug
	}
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, len(tags)+1)
	attributes = append(attributes, slog.String("component", "temporal-server"))
	for _, t := range tags {
		attributes = append(attributes, slog.Any(t.Key(), t.Value()))
	}
	l.logger.LogAttrs(ctx, level, msg, attributes...)
}

// serverState is what a server and who runs it tell each other.
type serverState struct {
	// building: all the server does, it does on startServer's goroutine.
	building atomic.Bool
	// stopping: the parts of a server that stops complain that the others are
	// gone, also long after.
	stopping atomic.Bool
	// fatal is the first error after which the server cannot go on.
	fatal atomic.Pointer[error]
}

func (s *serverState) setFatal(err error) { s.fatal.CompareAndSwap(nil, &err) }

func (s *serverState) fatalError() error {
	if err := s.fatal.Load(); err != nil {
		return *err
	}
	return nil
}

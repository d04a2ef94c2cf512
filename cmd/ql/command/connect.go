package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

const (
	askLimit   = 2 * time.Second  // for a platform on this machine to say that it is there
	startLimit = 30 * time.Second // for another process to finish starting its platform
	stopLimit  = 30 * time.Second // for our own to stop
	logLimit   = 16 << 20         // bytes of log after which the next start begins a new file
)

// session is a platform that this command talks to: a server, or one in this process.
type session struct {
	*workflowclient.Client
	dir      string // data folder; empty for a server that was named
	model    string // that a platform of this process asks by default; empty: not known here
	flags    string // that say so, for a command line
	platform Platform
	home     *home.Home
	log      *os.File
}

// local says that the platform ends with this command.
func (s *session) local() bool { return s.platform != nil }

// settledGet gives a run as it stands. A platform of this process that was started after a crash needs a while until it knows:
// the step that was cut has to time out first.
func (s *session) settledGet(ctx context.Context, id string) (workflow.Run, error) {
	const tries = 3
	for try := 1; ; try++ {
		run, err := s.Get(ctx, id)
		if err == nil || !s.local() || try == tries || !retryable(err) || ctx.Err() != nil {
			return run, err
		}
	}
}

// need is what a command does with the platform.
type need int

const (
	look  need = iota // reads only
	run               // follows a run to its end, so the platform has to live that long
	steer             // changes runs that exist
)

// errUnused says that there is no platform, and no data of an earlier one either.
var errUnused = errors.New("the data folder has never been used")

// connect finds the platform: the server that the user named, the process that uses the data folder, or a new one in this
// process. Only run starts one over a folder that holds nothing yet; the others give errUnused.
func (a *app) connect(ctx context.Context, what need, model modelFlags) (*session, error) {
	if server := a.serverURL(); server != "" {
		c, err := a.serverClient(server)
		if err != nil {
			return nil, err
		}
		return &session{Client: c}, model.only(server)
	}
	dir, err := home.Dir(a.getenv)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	if what != run && !home.Used(dir) {
		return nil, errUnused
	}
	s, err := a.running(ctx, dir, what)
	if s != nil {
		return s, model.only(s.Base())
	}
	if err != nil {
		return nil, err
	}
	h, err := a.takeHome(dir)
	if held := (*filelock.HeldError)(nil); errors.As(err, &held) {
		if s, err := a.waitForHolder(ctx, dir, held, what); err != nil {
			return nil, err
		} else if s != nil {
			return s, model.only(s.Base())
		}
		h, err = a.takeHome(dir) // the holder ended while we waited
	}
	if err != nil {
		return nil, err
	}
	return a.startSession(ctx, h, what, model)
}

// serverClient makes the client of a server that the user named, with his token for it.
func (a *app) serverClient(server string) (*workflowclient.Client, error) {
	c, err := workflowclient.New(server)
	if err != nil {
		return nil, err
	}
	// The token is for the server of the environment, and for another only where that has none.
	if usual := a.getenv("QL_SERVER"); usual != "" && strings.TrimSuffix(usual, "/") != c.Base() {
		return c, nil
	}
	if token := a.getenv("QL_SERVER_TOKEN"); token != "" {
		return c.WithToken(token)
	}
	return c, nil
}

func (a *app) serverURL() string {
	if a.server != "" {
		return a.server
	}
	return a.getenv("QL_SERVER")
}

// running gives a session with the process that uses the data folder, or nil when none answers.
func (a *app) running(ctx context.Context, dir string, what need) (*session, error) {
	holder, found, err := home.Find(dir)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	if !found {
		return nil, nil
	}
	c, err := workflowclient.New(holder.URL)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if c.Ready(asking) != nil {
		return nil, context.Cause(ctx) // nobody is there: a killed process left its address
	}
	if what == run && !holder.Stays {
		return nil, fault.New(fault.Invalid, "the data folder %s is used by another ql (pid %d), whose platform ends with its run", dir, holder.PID).
			WithHint("wait for it; or keep a platform running with \"ql up\" and run both on it; or set QL_HOME to another folder")
	}
	return &session{Client: c, dir: dir}, nil
}

// waitForHolder waits until the process that holds the folder can be reached. A nil session means that it has ended.
func (a *app) waitForHolder(ctx context.Context, dir string, held *filelock.HeldError, what need) (*session, error) {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-limit.C:
			return nil, fault.New(fault.Invalid, "%w, and does not answer", held).
				WithHint("wait for it or stop it; or set QL_HOME to another folder")
		case <-again.C:
		}
		if s, err := a.running(ctx, dir, what); s != nil || err != nil {
			return s, err
		}
		h, err := home.Open(dir)
		if err == nil {
			return nil, h.Close()
		}
		if !errors.As(err, &held) {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
	}
}

func (a *app) takeHome(dir string) (*home.Home, error) {
	h, err := home.Open(dir)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err).WithHint("set QL_HOME to a folder that you can write")
	}
	return h, nil
}

// startSession starts a platform in this process over a folder that it holds.
func (a *app) startSession(ctx context.Context, h *home.Home, what need, model modelFlags) (*session, error) {
	s := &session{dir: h.Dir(), home: h, flags: model.flags()}
	fail := func(err error) (*session, error) { return nil, errors.Join(err, s.close(ctx)) }
	environ, err := a.environ(model)
	if err != nil {
		return fail(err)
	}
	if server := environ["QL_LLM_URL"]; server != "" && what == run {
		if err := probe(ctx, server); err != nil {
			return fail(err)
		}
		s.model = environ["QL_LLM_MODEL"]
	}
	if s.log, err = openLog(h.Dir()); err != nil {
		return fail(err)
	}
	logger := slog.New(slog.NewJSONHandler(s.log, nil))
	platform, err := a.start(ctx, Setup{Dir: h.Dir(), Address: "127.0.0.1:0", Environ: environ, Logger: logger, Idle: what == look})
	if err != nil {
		return fail(startFailed(err, s.log.Name()))
	}
	s.platform = platform
	if s.Client, err = workflowclient.New(s.platform.URL()); err != nil {
		return fail(err)
	}
	if what == look {
		return s, nil // for a moment only: who needs the folder waits
	}
	if err := h.Announce(home.Holder{URL: s.platform.URL(), PID: os.Getpid()}); err != nil {
		return fail(err)
	}
	return s, nil
}

// startFailed gives an error of starting a platform the exit code of its kind: a fault that the user can mend stays.
func startFailed(err error, log string) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.Unavailable, "the platform cannot be started: %w", err).WithHint("the log has more: %s", log)
}

// environ is the process's environment with what the flags say about the model.
func (a *app) environ(model modelFlags) (map[string]string, error) {
	environ := map[string]string{}
	for _, pair := range os.Environ() {
		if key, value, ok := strings.Cut(pair, "="); ok {
			environ[key] = value
		}
	}
	return environ, model.set(environ)
}

// openLog opens the log of the platform, which is for reading when something went wrong.
func openLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, "logs", "ql.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "the log cannot be written: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fault.New(fault.Invalid, "the log cannot be rotated: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the log cannot be written: %w", err)
	}
	return file, nil
}

// close stops what the session started, also when ctx has ended. A session with a server has nothing to stop.
func (s *session) close(ctx context.Context) error {
	var errs []error
	if s.platform != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if err := s.platform.Close(stopping); err != nil {
			errs = append(errs, fmt.Errorf("stopping the platform: %w", err))
		}
	}
	if s.home != nil {
		errs = append(errs, s.home.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}

// with connects, does the work and closes. While a platform of this process serves the work, its failure ends the work.
func (a *app) with(ctx context.Context, what need, model modelFlags, work func(context.Context, *session) error) (err error) {
	s, err := a.connect(ctx, what, model)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if !s.local() {
		return work(ctx, s)
	}
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case failure := <-s.platform.Failed():
			cancel(fault.New(fault.Unavailable, "the platform stopped: %w", failure).WithHint("the log has more: %s", s.log.Name()))
		case <-working.Done():
		}
	}()
	if err := work(working, s); err != nil {
		if f := (*fault.Error)(nil); errors.As(context.Cause(working), &f) {
			return f
		}
		return err
	}
	return nil
}

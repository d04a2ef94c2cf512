package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// defaultAddress is where "ql up" listens: this machine only.
const defaultAddress = "127.0.0.1:8080"

func (a *app) up() *cobra.Command {
	var (
		address, data, log string
		model              modelFlags
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Keep the platform running on this machine",
		Long: `Up starts the whole platform in one process and runs it until Ctrl-C or SIGTERM. Runs that were under way when it
stopped, also by a crash, go on when it starts again.

Stores are chosen by one variable each; without them everything is kept in the data folder:
  QL_DATABASE_URL   sqlite:PATH | postgres://USER:PASSWORD@HOST/DATABASE
  QL_BLOBS_URL      file://DIR | database: (with PostgreSQL) | s3://BUCKET[/PREFIX][?region=…&endpoint=…], credentials as the AWS SDK finds them
  QL_CACHE_URL      memory: | redis://[USER:PASSWORD@]HOST:PORT, password also in QL_CACHE_PASSWORD
  QL_VECTORS_URL    memory: | memory:DIR | qdrant://HOST:PORT, its key in QL_VECTORS_API_KEY
  QL_EVENTS_URL     embedded: | nats://HOST:PORT
  QL_TEMPORAL_URL   embedded: | temporal://HOST:PORT

There are no accounts: whoever reaches the address can use the platform, so it listens on this machine only by default.`,
		Example: `  ql up
  ql up --addr 127.0.0.1:9090 --data ./data --log -
  QL_DATABASE_URL=postgres://ql@localhost/ql ql up --llm-url http://127.0.0.1:11434/v1 --llm-model qwen3-coder`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAddress(address); err != nil {
				return err
			}
			return a.serve(cmd.Context(), address, data, log, model)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&address, "addr", defaultAddress, "`HOST:PORT` to listen on; port 0 takes a free one")
	flags.StringVar(&data, "data", "", "`folder` of the data (default: $QL_HOME, else quantumlayer in your data directory)")
	flags.StringVar(&log, "log", "", "`file` for the log, JSON lines; - is standard error (default: logs/ql.log in the data folder)")
	_ = cmd.MarkFlagDirname("data") // fails for an unknown flag only
	model.register(cmd)
	return cmd
}

func checkAddress(address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fault.New(fault.Invalid, "--addr: %q is no HOST:PORT", address).WithHint("for example 127.0.0.1:8080")
	}
	return nil
}

// serve runs a platform until ctx ends, which is no error, or until it fails.
func (a *app) serve(ctx context.Context, address, data, log string, model modelFlags) (err error) {
	environ, err := a.environ(model)
	if err != nil {
		return err
	}
	h, err := a.homeFor(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	file := os.Stderr
	if log != "-" {
		if file, err = logFile(h.Dir(), log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	logger := slog.New(slog.NewJSONHandler(file, nil))
	platform, err := a.start(ctx, Setup{Dir: h.Dir(), Address: address, Environ: environ, Logger: logger})
	if err != nil {
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return nil
		}
		return startFailed(err, file.Name())
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		err = errors.Join(err, platform.Close(stopping))
	}()
	if err := h.Announce(home.Holder{URL: platform.URL(), PID: os.Getpid(), Stays: true}); err != nil {
		return err
	}
	going, err := underWay(ctx, platform.URL())
	if err != nil { // the platform runs all the same, and "ql list" says what is wrong
		logger.WarnContext(ctx, "runs under way cannot be listed", "cause", err.Error())
	}
	if err := a.greet(platform.URL(), h.Dir(), file.Name(), data != "", environ, going); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		if a.json {
			return nil
		}
		return a.print("Stopping. Runs under way go on when \"ql up\" starts again.\n")
	case failure := <-platform.Failed():
		return fault.New(fault.Unavailable, "the platform stopped: %w", failure).WithHint("the log has more: %s", file.Name())
	}
}

// homeFor takes the data folder, and says who has it when somebody else does.
func (a *app) homeFor(data string) (*home.Home, error) {
	dir, err := filepath.Abs(data)
	if data == "" {
		dir, err = home.Dir(a.getenv)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	h, err := a.takeHome(dir)
	var held *filelock.HeldError
	if !errors.As(err, &held) {
		return h, err
	}
	hint := "stop it, or take another folder: --data DIR"
	if holder, found, _ := home.Find(dir); found { // whatever is wrong with the address, the folder is in use
		hint = "its platform is at " + holder.URL + "; use that one, stop it, or take another folder: --data DIR"
	}
	return nil, fault.New(fault.Invalid, "%w", held).WithHint("%s", hint)
}

func logFile(dir, log string) (*os.File, error) {
	if log == "" {
		return openLog(dir)
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "--log: %w", err)
	}
	return file, nil
}

// underWay gives the IDs of runs that go on now that the platform has started: the first twenty.
func underWay(ctx context.Context, base string) ([]string, error) {
	c, err := workflowclient.New(base)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	page, err := c.Page(ctx, workflow.Running, "", 20)
	for _, run := range page.Runs {
		ids = append(ids, run.ID)
	}
	return ids, err
}

// greet says where the platform is and what to do with it. One with a data folder of its own is not found without its URL.
func (a *app) greet(base, dir, log string, own bool, environ map[string]string, going []string) error {
	if a.json {
		return a.encode(struct {
			URL  string   `json:"url"`
			Data string   `json:"data"`
			Log  string   `json:"log"`
			Runs []string `json:"runs"` // that go on, the first twenty
		}{base, dir, log, going})
	}
	model := "blueprint, built in; --llm-url asks another"
	if server := environ["QL_LLM_URL"]; server != "" {
		model = cmp.Or(environ["QL_LLM_MODEL"], "the first that is listed") + " at " + redact(server)
	}
	generate := "ql generate"
	if own {
		generate += " --server " + base
	}
	return a.print(`QuantumLayer is up at %s

  Data   %s
  Log    %s
  Model  %s
  Page   %s, to start and follow runs in a browser
  API    %s/openapi.json

  Try    %s "A REST API for a lending library: members, books, loans."
  Stop   Ctrl-C; runs under way go on when "ql up" starts again
%s`, base, dir, log, model, base, base, generate, goOn(going))
}

// goOn says which runs go on, and why nothing may be seen of that at first: of a worker that was killed Temporal only knows by
// the heartbeats that no longer come.
func goOn(going []string) string {
	if len(going) == 0 {
		return ""
	}
	return fmt.Sprintf("\nGoing on: %s\nA stage that was cut off, by a crash or kill, starts again after about %s, when its heartbeat is missed.\n",
		strings.Join(going, ", "), live.Duration(workflow.DefaultHeartbeatTimeout))
}

// redact hides a password in a URL.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not shown)"
	}
	return u.Redacted()
}

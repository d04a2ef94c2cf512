// Package command is the ql command line: it reads what the user typed, finds or starts a platform, and shows what came of it.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
)

// Setup says how a platform is to be started in this process.
type Setup struct {
	Dir     string            // data folder, which this process holds
	Address string            // HOST:PORT to listen on; port 0 takes a free one
	Environ map[string]string // QL_* variables of the functions; those that are missing get the defaults for Dir
	Logger  *slog.Logger
	// Idle leaves the worker out: runs can be looked at, but none goes on.
	Idle bool
}

// Platform is a started platform.
type Platform interface {
	URL() string          // base URL of workflow-api
	Failed() <-chan error // gets one error when a part stops by itself
	Close(context.Context) error
}

// Start starts a platform in this process. An error that the user can mend is a *fault.Error.
type Start func(context.Context, Setup) (Platform, error)

// app is one call of ql.
type app struct {
	start  Start
	getenv func(string) string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	json   bool
	server string
}

// Main runs ql with the arguments of the process and gives its exit code. The first SIGINT or SIGTERM ends the command in
// good order, the second at once.
func Main(start Start) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals
		if term.IsTerminal(int(os.Stdout.Fd())) {
			_, _ = io.WriteString(os.Stdout, live.ShowCursor) // the process ends: nobody is left to tell
		}
		os.Exit(exitInterrupted)
	}()
	a := &app{start: start, getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	return a.run(ctx, os.Args[1:])
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	a.json = a.json || slices.Contains(args, "--json") // also when a wrong flag before it ended the parsing
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) && !isExit(err) {
		err = errors.Join(errInterrupted, nonCancel(err))
	}
	return a.report(err)
}

const rootLong = `ql turns a prompt into a software project that builds and whose tests pass, or says plainly what is missing.

Without a server, ql starts the whole platform in its own process and keeps its data in $QL_HOME
(default: quantumlayer in your data directory). "ql up" keeps the platform running instead.

Exit codes:
  0    verified: the build and every test passed, and the whole prompt was used (generate, resume); for other commands: done
  1    the run failed or did not verify; "deploy check": the cluster lacks something
  2    bad input: arguments, files, configuration
  3    the platform cannot be reached or started, or a server that keeps its data does not answer
  4    verified, but parts of the prompt were not used; they are named beside the verdict
  130  interrupted (a run on a server goes on; one in this process is kept for "ql resume")

Environment:
  QL_HOME          folder of the data
  QL_SERVER        URL of a running platform, as --server
  QL_SERVER_TOKEN  bearer token for that server, where a login stands in front of it; without QL_SERVER, for that of --server
  QL_LLM_URL       OpenAI-compatible server to ask, as --llm-url; without it the built-in provider "blueprint" answers
  QL_LLM_MODEL     its model, as --llm-model
  QL_LLM_API_KEY   its key
  NO_COLOR         no colours`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ql",
		Short: "Turn a prompt into a tested software project",
		Long:  rootLong,
		Example: `  ql generate --language go --out ./library "A REST API for a lending library: members, books, loans."
  ql up
  ql list`,
		Version:           readBuild().String(),
		Args:              unknownCommand,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "write JSON, for programs")
	root.SetFlagErrorFunc(wrongFlag)
	for _, cmd := range []*cobra.Command{a.generate(), a.list(), a.deadLetters(), a.status(), a.files(), a.drops(), a.cancel(), a.resume()} {
		root.AddCommand(a.onPlatform(cmd))
	}
	root.AddCommand(a.up(), a.capsule(), a.deploy(), a.version(), a.completion())
	root.SetHelpCommand(&cobra.Command{Use: "help [command]", Hidden: true, Short: "Help about a command", Run: func(cmd *cobra.Command, args []string) {
		target, _, err := root.Find(args)
		if err != nil || target == nil {
			target = root
		}
		_ = target.Help() // it writes to standard output, whose failure ends the process soon enough
	}})
	return root
}

// unknownCommand names the commands that the user may have meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	}
	return usage(cmd, err)
}

// terminal says whether w is a terminal that can redraw lines.
func (a *app) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.getenv("TERM") != "dumb"
}

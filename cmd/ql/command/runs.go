package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// promptWidth is how much of a prompt a table shows, in runes.
const promptWidth = 60

func (a *app) list() *cobra.Command {
	limit := positive(20)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the runs, newest first",
		Example: `  ql list
  ql list --limit 100 --json`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			runs := []workflow.Summary{}
			err := a.with(cmd.Context(), look, modelFlags{}, func(ctx context.Context, s *session) (err error) {
				runs, err = s.List(ctx, int(limit))
				return err
			})
			if err != nil && !errors.Is(err, errUnused) {
				return err
			}
			if a.json {
				return a.encode(struct {
					Runs []workflow.Summary `json:"runs"`
				}{runs})
			}
			if len(runs) == 0 {
				return a.print("No runs yet. Start one: ql generate \"…\"\n")
			}
			return a.table([]string{"ID", "STATUS", "STARTED", "TOOK", "PROMPT"}, len(runs), func(i int) []string {
				return runRow(runs[i])
			})
		},
	}
	cmd.Flags().Var(&limit, "limit", "at most this `many`")
	return cmd
}

// positive is the value of a flag that counts.
type positive int

func (p *positive) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("it must be a number from 1 up")
	}
	*p = positive(n)
	return nil
}

func (p *positive) String() string { return strconv.Itoa(int(*p)) }
func (p *positive) Type() string   { return "int" }

func runRow(run workflow.Summary) []string {
	took := "-"
	if run.EndedAt != nil {
		took = live.Duration(run.EndedAt.Sub(run.StartedAt))
	}
	prompt := []rune(live.Clean(run.Request.Prompt))
	if len(prompt) > promptWidth {
		prompt = append(prompt[:promptWidth-1], '…')
	}
	return []string{run.ID, string(run.Status), run.StartedAt.Local().Format(time.DateTime), took, string(prompt)}
}

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status ID",
		Short: "Show how a run stands",
		Example: `  ql status run-k4w2m7x5q3b6d7fa
  ql status run-k4w2m7x5q3b6d7fa --json`,
		Args:              arguments,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd.Context(), look, args[0], func(ctx context.Context, s *session) error {
				run, err := s.settledGet(ctx, args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.encode(run)
				}
				view := live.NewPlain(a.stdout)
				view.Show(live.Board{Run: run})
				if err := view.Close(); err != nil {
					return err
				}
				return a.tell(s, run, written{})
			})
		},
	}
}

func (a *app) cancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "End a run; what it made so far is kept",
		Example: `  ql cancel run-k4w2m7x5q3b6d7fa
  ql cancel run-k4w2m7x5q3b6d7fa --json`,
		Args:              arguments,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd.Context(), steer, args[0], func(ctx context.Context, s *session) error {
				run, err := cancelRun(ctx, s, args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.encode(run)
				}
				if run.Status.Ended() {
					return a.print("Run %s is %s.\n", run.ID, run.Status)
				}
				return a.print("Run %s is being cancelled.\n", run.ID)
			})
		},
	}
}

// cancelRun asks for the end and waits a while for it: a stage under way is given the time to stop.
func cancelRun(ctx context.Context, s *session, id string) (workflow.Run, error) {
	if err := s.Cancel(ctx, id); err != nil {
		return workflow.Run{}, err
	}
	for limit := time.Now().Add(settle); ; {
		run, err := s.Get(ctx, id)
		if err != nil || run.Status.Ended() || time.Now().After(limit) {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, context.Cause(ctx)
		case <-time.After(settleEvery):
		}
	}
}

// withRun is with for a command about one run.
func (a *app) withRun(ctx context.Context, what need, id string, work func(context.Context, *session) error) error {
	if err := checkID(id); err != nil {
		return err
	}
	return unknownRun(a.with(ctx, what, modelFlags{}, work), id)
}

// checkID refuses what can be no run's ID before anything is started for it.
func checkID(id string) error {
	if id == "" || id == "." || id == ".." || len(id) > drop.MaxWorkflowID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == '/' || r > '~' }) {
		return fault.New(fault.Invalid, "%q is no ID of a run", id).WithHint("\"ql list\" shows the IDs")
	}
	return nil
}

// unknownRun says what to do about an ID that nobody knows. What has a hint already is about something else.
func unknownRun(err error, id string) error {
	if errors.Is(err, errUnused) || fault.Is(err, fault.NotFound) && fault.From(err).Hint == "" {
		return fault.New(fault.NotFound, "there is no run %s", id).WithHint("\"ql list\" shows the runs there are")
	}
	return err
}

// encode writes one line of JSON.
func (a *app) encode(v any) error {
	if err := json.NewEncoder(a.stdout).Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func (a *app) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// table writes rows under a header, each cell made safe for a terminal.
func (a *app) table(header []string, rows int, row func(int) []string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t")) // Flush gives the error of writing
	for i := range rows {
		cells := row(i)
		for j, cell := range cells {
			cells[j] = live.Clean(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

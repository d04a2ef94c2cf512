package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func (a *app) resume() *cobra.Command {
	var (
		t      target
		model  modelFlags
		better bool
	)
	cmd := &cobra.Command{
		Use:   "resume [flags] ID",
		Short: "Go on with a run: watch it, or try again what failed",
		Long: `Resume goes on with a run that was interrupted or left, tries again one that failed or was cancelled, and writes the
project of one that is done. Finished stages are never done again. With --retry, a run that is packaged but did not verify is
tried again too.`,
		Example: `  ql resume run-k4w2m7x5q3b6d7fa --out ./library
  ql resume run-k4w2m7x5q3b6d7fa --capsule library.tar.gz --json`,
		Args:              arguments,
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := t.check(); err != nil {
				return err
			}
			if err := model.set(map[string]string{}); err != nil {
				return err
			}
			if err := checkID(args[0]); err != nil {
				return err
			}
			err := a.starting(cmd.Context(), run, model, func(ctx context.Context, s *session) error {
				return a.goOn(ctx, s, args[0], t, better, model.model)
			})
			return unknownRun(err, args[0])
		},
	}
	cmd.Flags().BoolVar(&better, "retry", false, "try a run again that is packaged but did not verify")
	t.register(cmd)
	model.register(cmd)
	return cmd
}

func (a *app) goOn(ctx context.Context, s *session, id string, t target, better bool, model string) error {
	run, err := s.settledGet(ctx, id)
	if err != nil {
		return err
	}
	if !again(run, better) {
		if better && run.Verified() {
			return fault.New(fault.Conflict, "run %s is verified: there is nothing to try again", run.ID).
				WithHint("leave --retry out to have the project; parts of the prompt that were not used need a run with other words, or another model")
		}
		if model != "" && model != run.Request.Model {
			return keepsModel(run)
		}
		return a.finish(ctx, s, run, t)
	}
	var change workflow.Retry // without a model it asks the one that it asked before
	if model != "" {
		change.Model = &model
	}
	if run, err = s.Retry(ctx, id, change); err != nil {
		return err
	}
	return a.finish(ctx, s, run, t)
}

// keepsModel refuses another model for a run that is not tried again.
func keepsModel(run workflow.Run) error {
	hint := "leave --llm-model out"
	if again(run, true) {
		hint += ", or try the run again: --retry"
	}
	return fault.New(fault.Invalid, "run %s is %s: only another attempt can have another model", run.ID, run.Status).WithHint("%s", hint)
}

// again says whether a run is tried again: one that has no result, or one whose result is to be bettered.
func again(run workflow.Run, better bool) bool {
	switch run.Status {
	case workflow.Failed, workflow.Cancelled:
		return true
	case workflow.CompletedWithFindings:
		return better && !run.Verified() // a part of the prompt that was not used needs other words or another model
	}
	return false
}

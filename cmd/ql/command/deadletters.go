package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func (a *app) deadLetters() *cobra.Command {
	return &cobra.Command{
		Use:   "dead-letters",
		Short: "List the events that nobody could take, with the reason",
		Long: `List the events that the Broker of a cluster could not deliver, the oldest first: what they were, who sent them, and what was
answered to the last try. Send such an event to the Broker again once its reason is gone: with --json it is there as it can be
sent, with the content type application/cloudevents+json.`,
		Example: `  ql dead-letters --server https://workflow-api.quantumlayer.example.com
  ql dead-letters --json`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			letters := []workflow.DeadLetter{}
			err := a.with(cmd.Context(), look, modelFlags{}, func(ctx context.Context, s *session) (err error) {
				letters, err = s.DeadLetters(ctx)
				return err
			})
			if err != nil && !errors.Is(err, errUnused) {
				return err
			}
			if a.json {
				return a.encode(workflow.DeadLetters{Events: letters})
			}
			if len(letters) == 0 {
				return a.print("Every event has been delivered.\n")
			}
			return a.table([]string{"KEPT", "TYPE", "SOURCE", "ID", "CODE", "REASON"}, len(letters), func(i int) []string {
				l := letters[i]
				return []string{l.KeptAt.Local().Format("2006-01-02 15:04:05"), l.Type, l.Source, cmp.Or(l.ID, l.DropID), l.Code, said(l.Reason)}
			})
		},
	}
}

// said is what a function said of an event; of an answer that is no problem document, all of it.
func said(answer string) string {
	var p fault.Problem
	if err := json.Unmarshal([]byte(answer), &p); err != nil || p.Detail == "" {
		return answer
	}
	return (&fault.Error{Detail: p.Detail, Hint: p.Hint, Fields: p.Errors}).Error()
}

package workflowapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

type deadLettersPage struct{ Body workflow.DeadLetters }

func (a *api) registerDeadLetters(h huma.API) {
	huma.Register(h, operation("list-dead-letters", http.MethodGet, "/v1/dead-letters", "events", "List the events that nobody could take",
		"What a Broker could not deliver, with the reason, the oldest first.", http.StatusOK, 422, 503), a.deadLetters)
}

func (a *api) deadLetters(ctx context.Context, in *struct {
	Cursor string `query:"cursor" maxLength:"200" doc:"The cursor of the page before"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Events on a page"`
},
) (*deadLettersPage, error) {
	found, err := a.Drops.Find(ctx, drop.Query{Tenant: a.tenant, Stage: drop.DeadLetterStage, Type: drop.TypeEvent, WithArtifacts: true, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	page := &deadLettersPage{Body: workflow.DeadLetters{Events: []workflow.DeadLetter{}, Cursor: found.Next}}
	for _, d := range found.Drops {
		letter, err := workflow.ReadDeadLetter(d)
		if err != nil {
			return nil, fault.New(fault.Internal, "dead letter %s cannot be read: %w", d.ID, err)
		}
		page.Body.Events = append(page.Body.Events, letter)
	}
	return page, nil
}

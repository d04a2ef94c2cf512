package workflowapi

import (
	"context"
	"fmt"
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
	query := drop.Query{Tenant: a.tenant, Stage: drop.DeadLetterStage, Type: drop.TypeEvent, WithArtifacts: true, Limit: in.Limit, Cursor: in.Cursor}
	found, err := a.Drops.Find(ctx, query)
	if fault.Is(err, fault.Internal) { // one of them is damaged: they are read one by one
		query.WithArtifacts, query.Limit = false, min(query.Limit, oneByOne)
		found, err = a.Drops.Find(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	page := &deadLettersPage{Body: workflow.DeadLetters{Events: []workflow.DeadLetter{}, Cursor: found.Next}}
	for _, d := range found.Drops {
		if d.Artifact == nil {
			whole, err := a.Drops.Get(ctx, a.tenant, d.ID)
			if fault.Is(err, fault.Internal) {
				page.Body.Events = append(page.Body.Events, unreadable(d, err))
				continue
			}
			if err != nil {
				return nil, err
			}
			d = whole
		}
		letter, err := workflow.ReadDeadLetter(d)
		if err != nil {
			letter = unreadable(d, err)
		}
		page.Body.Events = append(page.Body.Events, letter)
	}
	return page, nil
}

// oneByOne is how many are on a page of letters that are read so. They are in memory together, each of up to a megabyte or two.
const oneByOne = 20

// unreadable stands for a letter of which nothing else can be told: the rest of the page can.
func unreadable(d drop.Drop, err error) workflow.DeadLetter {
	return workflow.DeadLetter{DropID: d.ID, KeptAt: d.Timestamp, Reason: fmt.Sprintf("what is kept of it cannot be read: %v", err)}
}

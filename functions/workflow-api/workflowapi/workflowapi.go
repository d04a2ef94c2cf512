// Package workflowapi is the workflow-api function: it starts runs, tells how they stand, streams their events and hands out
// what they made. It keeps nothing itself: runs are Temporal's, events the log's, artefacts those of quantum-drops.
package workflowapi

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.temporal.io/sdk/client"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
)

// BodyLimit is the largest body of a request, in bytes: a prompt of its largest size, escaped.
const BodyLimit = 128 << 10

// Events is the log of what happens in runs.
type Events interface {
	Subscribe(ctx context.Context, workflowID string, after uint64) iter.Seq2[nats.Event, error]
}

// Drops is where the artefacts are.
type Drops interface {
	Get(ctx context.Context, tenant, id string) (drop.Drop, error)
	Find(ctx context.Context, query drop.Query) (drop.Page, error)
}

// Parts is what the API stands on. All must be set.
type Parts struct {
	Temporal client.Client
	Events   Events
	Drops    Drops
}

type config struct {
	services.URLs
	Temporal string `env:"QL_TEMPORAL_URL,required,notEmpty"` // temporal://HOST:PORT
	Events   string `env:"QL_EVENTS_URL,required,notEmpty"`   // nats://HOST:PORT
}

// New builds the function on the servers that environ names. Where they run in this process, Handler takes them as they are.
func New(ctx context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	server, err := temporal.Open(ctx, temporal.Options{URL: cfg.Temporal})
	if err != nil {
		return nil, fault.About(err, "QL_TEMPORAL_URL")
	}
	log, err := nats.Open(ctx, nats.Options{URL: cfg.Events})
	if err != nil {
		return nil, errors.Join(fault.About(err, "QL_EVENTS_URL"), server.Close(ctx))
	}
	parts := Parts{Temporal: server.Client(), Events: log, Drops: dropclient.New(cfg.Drops)}
	return &runner.Service{
		Handler: Handler(ctx, parts),
		Ready: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
			defer cancel()
			_, err := server.Client().CheckHealth(ctx, &client.CheckHealthRequest{})
			return asFault(err)
		},
		Close: func(ctx context.Context) error { return errors.Join(log.Close(), server.Close(ctx)) },
	}, nil
}

// api is the function with what it stands on.
type api struct {
	Parts
	stopping <-chan struct{} // closed when no stream may go on
	tenant   string
}

// Handler is the function's HTTP interface. Event streams end when ctx does; clients resume them elsewhere.
func Handler(ctx context.Context, parts Parts) http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig(apiName, apiVersion)
	cfg.Info.Description = description
	cfg.Components.Schemas = runner.SchemaRegistry()
	cfg.CreateHooks = nil // no $schema in answers
	cfg.DocsPath = ""
	h := humago.New(mux, cfg)
	h.OpenAPI().Tags = []*huma.Tag{
		{Name: "runs", Description: "Start runs, follow, cancel and retry them."},
		{Name: "artefacts", Description: "What a run made: drops, files and the capsule."},
		{Name: "events", Description: "Events of other systems."},
	}
	a := &api{Parts: parts, stopping: ctx.Done(), tenant: drop.DefaultTenant}
	a.registerRuns(h)
	a.registerEvents(h)
	a.registerArtefacts(h)
	a.registerDeadLetters(h)
	mux.Handle("POST "+eventsPath, runner.Receiver(a.requested))
	registerIndex(h)
	return thePage().orPage(orProblem(mux))
}

const description = `A prompt becomes a software project in twelve stages. Post the prompt, follow the run by its events, then take the capsule.

A run ends as **completed** only when the project's build, vet and every test passed in a sandbox and the whole prompt was used. It
ends as **completed_with_findings** when there is a capsule that is not verified, with the reasons, or parts of the prompt were not
used, which stand in unused; and as **failed** or **cancelled** otherwise; all can be retried, and what was finished is not done again.

Errors are RFC 9457 problem documents with a stable code. 429 and 503 are worth a retry, other errors are not.`

// temporalTimeout is what a call of Temporal may take. Its client retries within. It is longer than the 10 s of Temporal's workflow
// task: a query of a run whose worker was killed is only answered by another worker when the dead one's task has timed out.
const temporalTimeout = 15 * time.Second

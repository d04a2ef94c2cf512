// Package orchestrator is the agent-orchestrator function: it plans a job's model calls by what depends on what, runs them,
// checks every answer, and publishes how far it is.
package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

type config struct {
	services.URLs
	Events      string `env:"QL_EVENTS_URL" envDefault:"nats://nats.quantumlayer.svc.cluster.local:4222"`
	Concurrency int    `env:"QL_AGENT_CONCURRENCY" envDefault:"8"` // model calls of one job at the same time
}

// Check is called by runner.Config.
func (c *config) Check() error {
	err := c.URLs.Check()
	if c.Concurrency < 1 || c.Concurrency > 64 {
		err = errors.Join(err, fmt.Errorf("QL_AGENT_CONCURRENCY: %d is not in 1 to 64", c.Concurrency))
	}
	return err
}

// Publisher takes progress events; nats.Log is one.
type Publisher interface {
	Publish(ctx context.Context, e nats.Event) error
}

// Analyser checks files; analysis.Client is one.
type Analyser interface {
	Analyse(ctx context.Context, req analysis.Request) (analysis.Report, error)
}

// New connects to the event log of the environment and builds the function.
func New(ctx context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(cfg.Events, "embedded:") {
		return nil, errors.New("QL_EVENTS_URL: an embedded event log belongs to `ql up`; give a nats:// URL")
	}
	log, err := nats.Open(ctx, nats.Options{URL: cfg.Events})
	if err != nil {
		return nil, fault.About(err, "QL_EVENTS_URL")
	}
	service, err := NewWith(environ, log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	service.Close = func(context.Context) error { return log.Close() }
	return service, nil
}

// NewWith builds the function on an event log that is open already.
func NewWith(environ runner.Environ, events Publisher) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	o := &Orchestrator{Model: llmclient.New(cfg.Router), Analyser: analysis.NewClient(cfg.Parser), Events: events, Concurrency: cfg.Concurrency}
	return &runner.Service{Handler: o.Handler()}, nil
}

// Orchestrator runs jobs.
type Orchestrator struct {
	Model       ask.Model
	Analyser    Analyser
	Events      Publisher
	Concurrency int // calls of one job at the same time, at least 1
}

// Handler is the HTTP interface.
func (o *Orchestrator) Handler() http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("agent-orchestrator", "1"))
	huma.Register(api, huma.Operation{
		OperationID: "run-job", Method: http.MethodPost, Path: "/v1/jobs", Summary: "Write the files of a job",
		Description:  "Answers when every file is written. Progress goes to the workflow's events.",
		MaxBodyBytes: 64 << 20, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct{ Body agent.Job }) (*struct{ Body agent.Result }, error) {
		result, err := o.Run(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct{ Body agent.Result }{result}, nil
	})
	return mux
}

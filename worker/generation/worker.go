package generation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsuleclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
	"github.com/quantumlayer-dev/quantumlayer/shared/stageclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	contract "github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// source is how the worker names itself in the events that it sends to stages.
const source = "/worker"

// Config is what a worker finds its surroundings by.
type Config struct {
	services.URLs
	Stages string `env:"QL_STAGES_URL" envDefault:"http://{stage}.quantumlayer.svc.cluster.local"`
	// Steps is how many steps of all runs this worker does at the same time.
	Steps int `env:"QL_WORKER_STEPS" envDefault:"64"`
	// Wake says that functions scale to zero: those that come next are woken while a stage runs.
	Wake bool `env:"QL_WORKER_WAKE" envDefault:"true"`
	// Sink is the Broker that gets the events of runs too, as SinkBinding injects it; empty: none.
	Sink string `env:"K_SINK"`
	// Insist says that the end of a run waits, up to two minutes, until the Broker has taken its event; else that is tried once.
	Insist bool `env:"QL_WORKER_INSIST" envDefault:"true"`
}

// Check names every variable that is wrong; runner.Config calls it.
func (c *Config) Check() error {
	errs := []error{c.URLs.Check()}
	if err := stageclient.CheckTemplate(c.Stages); err != nil {
		errs = append(errs, fmt.Errorf("QL_STAGES_URL: %w", err))
	}
	if c.Steps < 1 {
		errs = append(errs, fmt.Errorf("QL_WORKER_STEPS must be at least 1, is %d", c.Steps))
	}
	if c.Sink != "" {
		if err := httpclient.CheckURL(c.Sink); err != nil {
			errs = append(errs, fmt.Errorf("K_SINK: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Activities makes the activities that call the services of the configuration.
func (c *Config) Activities(events Publisher) (*Activities, error) {
	stages, err := stageclient.New(c.Stages, c.Drops, source)
	if err != nil {
		return nil, fmt.Errorf("stages: %w", err)
	}
	if c.Sink != "" {
		events = announced{Publisher: events, broker: broker.New(c.Sink), insist: c.Insist}
	}
	var waker *Waker
	if c.Wake {
		waker = NewWaker(c)
	}
	return &Activities{
		Waker:    waker,
		Drops:    dropclient.New(c.Drops),
		Stages:   stages,
		Sandbox:  verification.NewClient(c.Sandbox),
		Capsules: capsuleclient.New(c.Capsule),
		Events:   events,
	}, nil
}

// Worker does the steps of runs.
type Worker struct {
	sdk   worker.Worker
	alive context.Context // its cause is why the worker has ended
}

// Start starts a worker that does so many steps at the same time.
func Start(c client.Client, steps int, activities *Activities) (*Worker, error) {
	alive, end := context.WithCancelCause(context.Background())
	w := worker.New(c, temporal.TaskQueue, worker.Options{
		Identity:                           source, // no host names in histories
		MaxConcurrentActivityExecutionSize: steps,
		// A heartbeat's answer is how a cancellation arrives, so they are not held back for long.
		MaxHeartbeatThrottleInterval: 4 * time.Second,
		WorkerStopTimeout:            5 * time.Second, // for cut steps to say so
		OnFatalError:                 end,
	})
	w.RegisterWorkflowWithOptions(Generate, workflow.RegisterOptions{Name: contract.TypeName})
	for name, do := range map[string]any{
		beginActivity: activities.Begin, stageActivity: activities.RunStage, verifyActivity: activities.Verify,
		packageActivity: activities.Package, publishActivity: activities.PublishEvent,
	} {
		w.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("starting the worker: %w", err)
	}
	return &Worker{sdk: w, alive: alive}, nil
}

// Err is why the worker has ended by itself; nil while it works.
func (w *Worker) Err() error { return context.Cause(w.alive) }

// Stop ends the worker. Its steps are cut, and the next worker takes them up at once.
func (w *Worker) Stop() { w.sdk.Stop() }

// New builds the worker as a service of its own: it answers health checks and nothing else.
func New(ctx context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[struct {
		Config
		Temporal string `env:"QL_TEMPORAL_URL,required,notEmpty"` // temporal://HOST:PORT
		Events   string `env:"QL_EVENTS_URL,required,notEmpty"`   // nats://HOST:PORT
	}](environ)
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
	running, err := startFor(cfg.Config, server.Client(), log)
	if err != nil {
		return nil, errors.Join(err, log.Close(), server.Close(ctx))
	}
	return &runner.Service{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fault.Write(w, r, fault.New(fault.NotFound, "the worker takes its work from Temporal"))
		}),
		Ready: func(ctx context.Context) error {
			if err := running.Err(); err != nil {
				return fault.Wrap(fault.Unavailable, err, "the worker has ended")
			}
			if _, err := server.Client().CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
				return fault.Wrap(fault.Unavailable, err, "Temporal cannot be reached")
			}
			return nil
		},
		Close: func(ctx context.Context) error {
			running.Stop()
			return errors.Join(log.Close(), server.Close(ctx))
		},
	}, nil
}

func startFor(cfg Config, c client.Client, events Publisher) (*Worker, error) {
	activities, err := cfg.Activities(events)
	if err != nil {
		return nil, err
	}
	return Start(c, cfg.Steps, activities)
}

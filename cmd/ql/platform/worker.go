package platform

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	contract "github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation"
)

// startWorker starts what takes the runs on. An idle one knows the workflow but does no step: that is enough to answer how a
// run stands.
func startWorker(ctx context.Context, environ runner.Environ, server *temporal.Server, idle bool) (*runner.Service, error) {
	if !idle {
		service, err := generation.New(ctx, environ)
		if err != nil {
			return nil, fmt.Errorf("worker: %w", err)
		}
		return service, nil
	}
	w := worker.New(server.Client(), temporal.TaskQueue, worker.Options{LocalActivityWorkerOnly: true})
	w.RegisterWorkflowWithOptions(generation.Generate, workflow.RegisterOptions{Name: contract.TypeName})
	if err := w.Start(); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &runner.Service{Close: func(context.Context) error {
		w.Stop()
		return nil
	}}, nil
}

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// A new revision takes over while requests come in, and none of them fails.
func TestRolloutUnderLoad(t *testing.T) {
	cluster.Need(t)
	c, err := workflowclient.New(cluster.API(t))
	if err != nil {
		t.Fatal(err)
	}
	before := cluster.Kubectl(t, "-n", cluster.Functions, "get", "ksvc", "workflow-api", "-o", "jsonpath={.status.latestReadyRevisionName}")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	requests := 0
	go func() {
		for {
			if _, err := c.List(t.Context(), 1); err != nil {
				done <- fmt.Errorf("request %d: %w", requests, err)
				return
			}
			requests++
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	cluster.Kubectl(t, "-n", cluster.Functions, "patch", "ksvc", "workflow-api", "--type=json", "-p",
		fmt.Sprintf(`[{"op": "add", "path": "/spec/template/metadata/annotations/e2e", "value": "%d"}]`, time.Now().Unix()))
	cluster.Eventually(t, "the new revision is ready", 3*time.Minute, func() bool {
		return cluster.Kubectl(t, "-n", cluster.Functions, "get", "ksvc", "workflow-api", "-o", "jsonpath={.status.latestReadyRevisionName}") != before
	})
	cluster.Eventually(t, "the old revision is gone", 5*time.Minute, func() bool {
		return cluster.Kubectl(t, "-n", cluster.Functions, "get", "pods", "-l", "serving.knative.dev/revision="+before, "-o", "name") == ""
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%d requests while %s was replaced", requests, before)
}

// Pods of the worker, of functions and of the database are deleted in the middle of a run, which ends verified all the same.
func TestRunSurvivesDeletedPods(t *testing.T) {
	cluster.Need(t)
	deleted := make(chan error, 1)
	go func() {
		for _, args := range [][]string{
			{"-n", cluster.Temporal, "-l", "app.kubernetes.io/name=worker"},
			{"-n", cluster.Functions, "-l", "serving.knative.dev/service"},
			{"-n", cluster.Temporal, "-l", "app.kubernetes.io/name=postgres"},
		} {
			time.Sleep(2 * time.Second)
			if out, err := exec.CommandContext(t.Context(), "kubectl", append([]string{"delete", "pods", "--wait=false", "--grace-period=1"}, args...)...).CombinedOutput(); err != nil {
				deleted <- fmt.Errorf("%w: %s", err, out)
				return
			}
		}
		deleted <- nil
	}()
	generate(t, nil, "--server", cluster.API(t))
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
}

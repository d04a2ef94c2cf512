package workflowapi_test

import (
	"slices"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// all lists every run in a state, two a page.
func all(t *testing.T, c *workflowclient.Client, status workflow.Status) []workflow.Summary {
	t.Helper()
	var runs []workflow.Summary
	for cursor := ""; ; {
		page, err := c.Page(t.Context(), status, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Runs) > 2 {
			t.Fatalf("%d runs on a page of two", len(page.Runs))
		}
		runs = append(runs, page.Runs...)
		if cursor = page.Cursor; cursor == "" {
			return runs
		}
	}
}

func find(runs []workflow.Summary, id string) []workflow.Summary {
	return slices.DeleteFunc(slices.Clone(runs), func(r workflow.Summary) bool { return r.ID != id })
}

func TestList(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	completed := create(t, c, &generationtest.Script{})
	running := create(t, c, hanging(pipeline.FRDGeneration))
	failed := create(t, c, breaking(pipeline.FRDGeneration))
	retried := create(t, c, breaking(pipeline.FRDGeneration))
	await(t, c, completed, ended)
	await(t, c, failed, ended)
	await(t, c, retried, ended)
	if _, err := c.Retry(t.Context(), retried, workflow.Retry{}); err != nil {
		t.Fatal(err)
	}
	await(t, c, retried, ended)

	// What visibility knows follows after a moment.
	want := map[string]workflow.Status{completed: workflow.Completed, running: workflow.Running, failed: workflow.Failed, retried: workflow.Completed}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		runs, right := all(t, c, ""), 0
		for id, status := range want {
			if found := find(runs, id); len(found) == 1 && found[0].Status == status && len(find(all(t, c, status), id)) == 1 {
				right++
			}
		}
		if right == len(want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %v in %+v", patience, want, runs)
		}
	}
	if found := find(all(t, c, workflow.Failed), retried); len(found) != 0 {
		t.Errorf("a run that was retried is still among the failed: %+v", found)
	}
	run := find(all(t, c, workflow.Completed), completed)[0]
	request := request().Request
	if run.Request.Prompt != request.Prompt || run.Request.Language != request.Language || run.Request.Type != request.Type ||
		run.Attempt != 1 || run.Stage != pipeline.PackagingStep || run.StartedAt.IsZero() || run.EndedAt == nil {
		t.Errorf("listed as %+v", run)
	}
	if run := find(all(t, c, workflow.Completed), retried)[0]; run.Attempt != 2 {
		t.Errorf("after a retry: %+v", run)
	}
	if err := c.Cancel(t.Context(), running); err != nil {
		t.Fatal(err)
	}
}

func TestListRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	_, err := c.Page(t.Context(), "sleeping", "", 0)
	wantFault(t, err, fault.Unprocessable)
	_, err = c.Page(t.Context(), "", "!", 0)
	wantFault(t, err, fault.Unprocessable)
	_, err = c.Page(t.Context(), "", "", 1000)
	wantFault(t, err, fault.Unprocessable)
	_, err = c.Page(t.Context(), "", "bm9uc2Vuc2U", 0)
	wantFault(t, err, fault.Unprocessable)
}

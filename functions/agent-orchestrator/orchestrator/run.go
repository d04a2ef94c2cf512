package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// job is a running job.
type job struct {
	agent.Job
	o       *Orchestrator
	slots   *semaphore.Weighted
	written []chan struct{} // closed when the task's file is there
	files   []agent.File
	index   map[string]int // path → task

	mu    sync.Mutex
	done  int
	usage pipeline.Usage
}

// Run writes the files of a job. The first file that cannot be written ends the job with its error.
func (o *Orchestrator) Run(ctx context.Context, in agent.Job) (agent.Result, error) {
	j := &job{Job: in, o: o, slots: semaphore.NewWeighted(int64(o.Concurrency)), files: make([]agent.File, len(in.Tasks)), index: map[string]int{}}
	if err := j.plan(); err != nil {
		return agent.Result{}, err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range in.Tasks {
		group.Go(func() error { return j.write(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		return agent.Result{}, err
	}
	return agent.Result{Files: j.files, Usage: j.usage}, nil
}

// plan checks that the tasks can be ordered. A task starts as soon as the files that it needs are there.
func (j *job) plan() error {
	for i, t := range j.Tasks {
		if err := pipeline.CheckPath(t.Path); err != nil {
			return fault.New(fault.Unprocessable, "task %d: %w", i, err)
		}
		if _, twice := j.index[t.Path]; twice {
			return fault.New(fault.Unprocessable, "two tasks write %s", t.Path)
		}
		j.index[t.Path] = i
		j.written = append(j.written, make(chan struct{}))
	}
	settled := make([]bool, len(j.Tasks))
	for left := len(j.Tasks); left > 0; {
		before := left
		for i, t := range j.Tasks {
			ready := !settled[i]
			for _, need := range t.Needs {
				n, ok := j.index[need]
				if !ok {
					return fault.New(fault.Unprocessable, "task %s needs %s, which no task writes", t.Path, need)
				}
				ready = ready && settled[n]
			}
			if ready {
				settled[i] = true
				left--
			}
		}
		if left == before {
			return fault.New(fault.Unprocessable, "the tasks need each other in a circle")
		}
	}
	return nil
}

// write asks for one file once what it needs is there.
func (j *job) write(ctx context.Context, i int) error {
	task := j.Tasks[i]
	for _, need := range task.Needs {
		select {
		case <-j.written[j.index[need]]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := j.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer j.slots.Release(1)
	j.publish(ctx, "asking for "+task.Path)

	sections := make([]prompt.Section, 0, len(task.Sections)+len(task.Needs))
	for _, s := range task.Sections {
		sections = append(sections, prompt.Section(s))
	}
	for _, need := range task.Needs {
		sections = append(sections, prompt.File("source", j.Language, j.files[j.index[need]].File))
	}
	question := ask.Question{Template: j.Template.Prompt(), Sections: sections, Model: j.Model,
		Labels: map[string]string{"workflow": j.WorkflowID, "stage": string(j.Stage), "path": task.Path}}
	content, _, open, answer, err := ask.File(ctx, j.o.Model, question, func(ctx context.Context, content string) ([]string, error) {
		return j.check(ctx, task, content)
	})
	j.mu.Lock()
	j.usage.Add(answer.Usage)
	if err == nil {
		j.done++
	}
	j.mu.Unlock()
	if err != nil {
		return fmt.Errorf("writing %s: %w", task.Path, err)
	}
	if content == "" {
		return fault.New(fault.BadAnswer, "writing %s: the model refused", task.Path)
	}
	j.files[i] = agent.File{File: pipeline.File{Path: task.Path, Content: content}, Asks: answer.Asks, Rejections: answer.Rejections, Open: open}
	close(j.written[i])
	message := "wrote " + task.Path
	if len(answer.Rejections) > 0 {
		message = fmt.Sprintf("%s (asked %d times)", message, answer.Asks)
	}
	j.publish(ctx, message)
	return nil
}

// check holds an answer against what the task asks for: it must parse, and export what its contract says.
func (j *job) check(ctx context.Context, task agent.Task, content string) ([]string, error) {
	req := analysis.Request{Language: j.Language, Files: []pipeline.File{{Path: task.Path, Content: content}}, Checks: []analysis.Check{analysis.Syntax}}
	if task.Contract != nil {
		req.Contract = []pipeline.ContractFile{*task.Contract}
	}
	report, err := j.o.Analyser.Analyse(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("checking the answer: %w", err)
	}
	var wrong []string
	for _, issue := range report.Issues {
		line := issue.Message
		if issue.Line > 0 {
			line = fmt.Sprintf("line %d: %s", issue.Line, issue.Message)
		}
		// What a file exports in excess is worth a re-ask too: tests and other files are written from the contract.
		if !slices.Contains(wrong, line) {
			wrong = append(wrong, line)
		}
	}
	return wrong, nil
}

// publish tells how far the job is. A log that does not take it costs the watcher a line, never the run.
func (j *job) publish(ctx context.Context, message string) {
	if j.WorkflowID == "" {
		return
	}
	j.mu.Lock()
	p := workflow.Progress{Stage: j.Stage, Round: j.Round, Done: j.done, Total: len(j.Tasks), Message: message, Usage: j.usage}
	j.mu.Unlock()
	data, err := json.Marshal(p)
	if err == nil {
		err = j.o.Events.Publish(ctx, nats.Event{WorkflowID: j.WorkflowID, Type: event.StageType(j.Stage, event.Progress), Time: time.Now(), Data: data})
	}
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "progress not published", "workflow", j.WorkflowID, "stage", j.Stage, "cause", err.Error())
	}
}

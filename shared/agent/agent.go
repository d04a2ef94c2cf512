// Package agent is the contract of agent-orchestrator: a job is a set of files to write, each by one model call, with what
// depends on what. The orchestrator runs them in dependency order, those that do not depend on each other at the same time.
package agent

import (
	"context"
	"fmt"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// Job asks for files. All its tasks are asked with the same template.
type Job struct {
	WorkflowID string         `json:"workflow_id,omitempty" doc:"Subject of the progress events; empty: none are published"`
	Stage      pipeline.Stage `json:"stage"`
	Round      int            `json:"round,omitempty"`
	Language   string         `json:"language"`
	Model      string         `json:"model,omitempty"`
	Template   Template       `json:"template"`
	Tasks      []Task         `json:"tasks" minItems:"1" maxItems:"400"`
}

// Template is a prompt file as it was loaded.
type Template struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
	Text    string `json:"text"`
}

// Task is one file.
type Task struct {
	Path     string                 `json:"path"`
	Needs    []string               `json:"needs,omitempty" doc:"Paths of tasks of this job whose text the call gets as sections named source"`
	Sections []Section              `json:"sections" doc:"The data of the call; sources of Needs are put behind them"`
	Contract *pipeline.ContractFile `json:"contract,omitempty" doc:"What the file must export; null: only its syntax is checked"`
}

// Section is prompt.Section on the wire.
type Section struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	Path   string `json:"path,omitempty"`
	Body   string `json:"body"`
}

// Sections turns sections into their wire form.
func Sections(in ...prompt.Section) []Section {
	out := make([]Section, len(in))
	for i, s := range in {
		out[i] = Section(s)
	}
	return out
}

// FromTemplate turns a template into its wire form.
func FromTemplate(t prompt.Template) Template {
	return Template{Name: t.Name, Version: t.Version, SHA256: t.SHA256, Text: t.Text}
}

// Prompt is FromTemplate's inverse.
func (t Template) Prompt() prompt.Template {
	return prompt.Template{Name: t.Name, Version: t.Version, SHA256: t.SHA256, Text: t.Text}
}

// Result holds the files in the order of the tasks.
type Result struct {
	Files []File         `json:"files"`
	Usage pipeline.Usage `json:"usage"`
}

// File is one written file, and what it took.
type File struct {
	pipeline.File
	Asks       int        `json:"asks"`
	Rejections [][]string `json:"rejections,omitempty" doc:"Why earlier answers were not accepted"`
	Open       []string   `json:"open,omitempty" doc:"What is still wrong with the accepted answer, after every re-ask"`
}

// Source gives the result in the form of a stage's answer.
func (r Result) Source(t prompt.Template) pipeline.SourceFiles {
	out := pipeline.SourceFiles{Trace: pipeline.Trace{Prompts: []pipeline.Prompt{t.Prompt()}, Usage: r.Usage}}
	for _, f := range r.Files {
		out.Files = append(out.Files, f.File)
		out.Attempts += f.Asks
	}
	return out
}

// Client calls agent-orchestrator.
type Client struct{ *httpclient.Client }

// NewClient makes a client for the orchestrator at base.
func NewClient(base string) Client { return Client{httpclient.New("agent-orchestrator", base)} }

// Run runs a job to its end, which may take hours with a slow model: ctx is the only time limit, and its end reaches the model.
func (c Client) Run(ctx context.Context, job Job) (Result, error) {
	var r Result
	if err := c.JSON(ctx, http.MethodPost, "/v1/jobs", job, &r); err != nil {
		return r, fmt.Errorf("writing %d files: %w", len(job.Tasks), err)
	}
	return r, nil
}

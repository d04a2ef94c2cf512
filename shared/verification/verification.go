// Package verification is the contract of sandbox-runner: what is asked about a project, and what build, vet and tests said
// of it. Only this decides whether a project passes; what a model says about it never does.
package verification

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// Limits of a request.
const (
	FileLimit  = 2000
	TotalLimit = 32 << 20 // bytes of all files
)

// CheckFiles says what is wrong with the files of a request: each path must be plain and inside the project, none may stand
// there twice or be another one's folder, contents are text, and the limits hold.
func CheckFiles(files []pipeline.File) error {
	if len(files) == 0 || len(files) > FileLimit {
		return fmt.Errorf("there must be 1 to %d files, there are %d", FileLimit, len(files))
	}
	total := 0
	paths := make(map[string]bool, len(files))
	for _, f := range files {
		if err := pipeline.CheckPath(f.Path); err != nil {
			return err
		}
		if paths[f.Path] {
			return fmt.Errorf("path %q stands there twice", f.Path)
		}
		if !utf8.ValidString(f.Content) {
			return fmt.Errorf("file %q is no UTF-8 text", f.Path)
		}
		paths[f.Path] = true
		total += len(f.Content)
	}
	if total > TotalLimit {
		return fmt.Errorf("the files have %d bytes, the limit is %d", total, TotalLimit)
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if paths[dir] {
				return fmt.Errorf("path %q is a file and the folder of %q", dir, f.Path)
			}
		}
	}
	return nil
}

// Request asks to verify a project.
type Request struct {
	Language string          `json:"language" enum:"go"`
	Files    []pipeline.File `json:"files" minItems:"1" maxItems:"2000" doc:"The whole project; at most 32 MiB"`
}

// Status of a step.
type Status string

// The statuses. NotRun: an earlier step failed, or nothing isolates; Skipped: there is nothing to do.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	NotRun  Status = "not_run"
)

// The steps.
const (
	Build = "build"
	Vet   = "vet"
	Test  = "test"
)

// Step is one command that was run on the project.
type Step struct {
	Name       string `json:"name" enum:"build,vet,test"`
	Command    string `json:"command"`
	Status     Status `json:"status"`
	ExitCode   int    `json:"exit_code"`
	DurationMS int64  `json:"duration_ms"`
	Output     string `json:"output,omitempty" doc:"The end of what it printed"`
	Truncated  bool   `json:"truncated,omitempty" doc:"It printed more than Output holds"`
	Killed     string `json:"killed,omitempty" doc:"The limit that ended it: timeout, memory or output; itself: it brought its sandbox down"`
}

// TestResult is one test function.
type TestResult struct {
	Package   string `json:"package"`
	Name      string `json:"name"`
	Status    Status `json:"status"`
	ElapsedMS int64  `json:"elapsed_ms"`
	Output    string `json:"output,omitempty" doc:"Of a test that did not pass"`
}

// Summary counts tests, sub-tests left out.
type Summary struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// Result is what was found.
type Result struct {
	Verified bool               `json:"verified" doc:"Build, vet and every test passed, and there was at least one test"`
	Reason   string             `json:"reason,omitempty" doc:"Why it is not verified"`
	Mode     string             `json:"mode" doc:"Sandbox mode; none: nothing was run"`
	Weaker   string             `json:"weaker,omitempty" doc:"Why a stronger mode, which this machine seems to have, was not taken"`
	Steps    []Step             `json:"steps"`
	Tests    []TestResult       `json:"tests,omitempty"`
	Untested []string           `json:"untested,omitempty" doc:"Packages without test files"`
	Findings []pipeline.Finding `json:"findings,omitempty"`
	Summary  Summary            `json:"summary"`
}

// Step gives the step of that name; its status is NotRun when it is not there.
func (r Result) Step(name string) Step {
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	return Step{Name: name, Status: NotRun}
}

// DependenciesRequest asks to resolve what a project imports. No code of the project is run.
type DependenciesRequest struct {
	Language string          `json:"language" enum:"go"`
	Module   string          `json:"module" doc:"Module path"`
	Files    []pipeline.File `json:"files" minItems:"1" maxItems:"2000"`
}

// Dependencies is the answer: the files that pin the dependencies, and what they are. Missing imports have no package; then
// the files are empty.
type Dependencies struct {
	Files    []pipeline.File    `json:"files" doc:"go.mod, and go.sum if there are dependencies"`
	Packages []pipeline.Package `json:"packages"`
	Missing  []MissingImport    `json:"missing,omitempty"`
}

// MissingImport is an import path that no module provides.
type MissingImport struct {
	Import  string   `json:"import"`
	Files   []string `json:"files" doc:"Who imports it"`
	Message string   `json:"message" doc:"What the registry said"`
}

// Client calls sandbox-runner.
type Client struct{ http *httpclient.Client }

// NewClient makes a client for the sandbox-runner at base.
func NewClient(base string) *Client { return &Client{httpclient.New("sandbox-runner", base)} }

// Verify builds, vets and tests a project in a sandbox. A project that fails is a Result, a broken sandbox an error.
func (c *Client) Verify(ctx context.Context, req Request) (Result, error) {
	var r Result
	err := c.http.JSON(ctx, http.MethodPost, "/v1/verifications", req, &r)
	return r, err
}

// Dependencies resolves what a project imports.
func (c *Client) Dependencies(ctx context.Context, req DependenciesRequest) (Dependencies, error) {
	var d Dependencies
	err := c.http.JSON(ctx, http.MethodPost, "/v1/dependencies", req, &d)
	return d, err
}

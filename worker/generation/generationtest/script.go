// Package generationtest is the platform around workflow and activities for tests: real Temporal, NATS, quantum-drops and
// quantum-capsule, and stage functions and a sandbox that speak the real wire formats but answer by a script.
package generationtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// Script is how the world answers to one run. Fields that are nil answer as for a small project in which nothing is wrong.
// Before is called first by every stage and by the sandbox (stage verification), with the number of the call, from 1; an error
// is the answer.
type Script struct {
	Before       func(ctx context.Context, stage pipeline.Stage, call int) error
	FRD          func(pipeline.FRDGenerationIn) pipeline.FRDGenerationOut
	Structure    func() pipeline.Contract
	Code         func(pipeline.CodeGenerationIn) pipeline.CodeGenerationOut
	Tests        func(pipeline.TestGenerationIn) pipeline.TestGenerationOut
	Validation   func(pipeline.SemanticValidationIn) pipeline.SemanticValidationOut
	Dependencies func(pipeline.DependencyResolutionIn) pipeline.DependencyResolutionOut
	Verify       func(files map[string]string, call int) verification.Result

	run   string
	mu    sync.Mutex
	calls map[pipeline.Stage][]Call
}

// Call is one call of a stage.
type Call struct {
	Start, End time.Time // End is zero while it goes on
	EventID    string    // of the requested event
	Cut        bool      // the caller closed the connection before the answer
}

// Calls gives the calls of a stage so far.
func (s *Script) Calls(stage pipeline.Stage) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls[stage])
}

// Running counts the calls that go on.
func (s *Script) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, calls := range s.calls {
		for _, c := range calls {
			if c.End.IsZero() {
				n++
			}
		}
	}
	return n
}

// Overlap says whether calls of two stages went on at the same time.
func (s *Script) Overlap(a, b pipeline.Stage) bool {
	for _, x := range s.Calls(a) {
		for _, y := range s.Calls(b) {
			if x.Start.Before(y.End) && y.Start.Before(x.End) {
				return true
			}
		}
	}
	return false
}

func (s *Script) begin(stage pipeline.Stage, eventID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[pipeline.Stage][]Call{}
	}
	s.calls[stage] = append(s.calls[stage], Call{Start: time.Now(), EventID: eventID})
	return len(s.calls[stage])
}

func (s *Script) end(stage pipeline.Stage, call int, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[stage][call-1].End, s.calls[stage][call-1].Cut = time.Now(), cut
}

// Usage is what every call of a model takes here.
var Usage = pipeline.Usage{Provider: "script", Model: "script-1", Calls: 1, InputTokens: 100, OutputTokens: 10}

var trace = pipeline.Trace{Usage: Usage, Prompts: []pipeline.Prompt{{Name: "script", Version: 1, SHA256: strings.Repeat("0", 64)}}}

// Requirement is the one requirement of the scripted project.
const Requirement = "FR-1"

// Project gives the contract of a project with so many source files, in the module by which the sandbox knows the run again.
func Project(run string, files int) pipeline.Contract {
	c := pipeline.Contract{Name: "greeting", Module: "example.com/" + run, Type: "library", Summary: "Greets."}
	for i := range files {
		c.Files = append(c.Files, pipeline.ContractFile{
			Path: fmt.Sprintf("part%d/part.go", i), Purpose: "greets", Package: fmt.Sprintf("part%d", i),
			Exports:      []pipeline.ContractExport{{Name: "Greet", Signature: "func Greet(name string) string", Behaviour: "Greets."}},
			Requirements: []string{Requirement}, Imports: []string{}, Packages: []string{},
		})
	}
	return c
}

// Source is the scripted text of a source file; mark tells versions apart.
func Source(f pipeline.ContractFile, mark string) pipeline.File {
	return pipeline.File{Path: f.Path, Content: fmt.Sprintf("package %s\n\n// Greet greets. %s\nfunc Greet(name string) string { return \"Hello, \" + name }\n", f.Package, mark)}
}

// TestFile is the path of the scripted project's test file.
const TestFile = "part0/part_test.go"

// Passing is what the sandbox says of a project in which nothing is wrong.
func Passing() verification.Result {
	return verification.Result{Verified: true, Mode: "namespaces", Summary: verification.Summary{Passed: 2}, Steps: []verification.Step{
		{Name: verification.Build, Command: "go build ./...", Status: verification.Passed},
		{Name: verification.Vet, Command: "go vet ./...", Status: verification.Passed},
		{Name: verification.Test, Command: "go test ./...", Status: verification.Passed},
	}}
}

// FailingTests is what the sandbox says when these tests fail, and two others pass.
func FailingTests(names ...string) verification.Result {
	r := Passing()
	r.Verified, r.Reason = false, fmt.Sprintf("%d tests fail", len(names))
	r.Summary.Failed = len(names)
	r.Steps[2].Status, r.Steps[2].ExitCode, r.Steps[2].Output = verification.Failed, 1, "FAIL "+strings.Join(names, " ")
	for _, name := range names {
		r.Findings = append(r.Findings, pipeline.Finding{Step: verification.Test, File: TestFile, Line: 7, Test: name, Message: "got 1, want 2"})
	}
	return r
}

// NotCompiling is what the sandbox says when a file does not compile: a test file when vet is the step, else a source file.
func NotCompiling(step, file string) verification.Result {
	r := Passing()
	r.Verified, r.Reason, r.Summary = false, file+" does not compile", verification.Summary{}
	status := verification.Passed
	for i := range r.Steps {
		if r.Steps[i].Name == step {
			status = verification.Failed
			r.Steps[i].ExitCode, r.Steps[i].Output = 1, file+":3:1: undefined: Foo"
		}
		r.Steps[i].Status = status
		if status == verification.Failed {
			status = verification.NotRun
		}
	}
	r.Findings = []pipeline.Finding{{Step: step, File: file, Line: 3, Column: 1, Message: "undefined: Foo"}}
	return r
}

package golang

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner/gotest"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// stepOutputLimit bounds, in bytes, what is kept of a step's output.
const stepOutputLimit = 32 << 10

// testTimeout is how long the tests of one package may take before the testing package ends them with the stacks of those
// that run, which says more than a kill does.
func (t *Toolchain) testTimeout() time.Duration {
	if wall := t.cfg.Limits.Wall; wall > 0 {
		return wall / 2
	}
	return 2 * time.Minute
}

// Verify builds, vets and tests a project. Whatever the project does is a result; an error says that this machine could not
// find out. The files must have been checked.
func (t *Toolchain) Verify(ctx context.Context, files []pipeline.File) (verification.Result, error) {
	support, err := sandbox.Detect(ctx, t.cfg.Mode)
	if err != nil {
		return verification.Result{}, err
	}
	if support.Mode == sandbox.None {
		return NotRun("this machine cannot isolate the project's code, so none of it was run: " + support.Detail), nil
	}
	if finding := checkModule(files); finding != nil {
		finding.Step = verification.Build
		r := NotRun("the project's go.mod cannot be used")
		r.Mode = string(support.Mode)
		r.Steps[0] = verification.Step{Name: verification.Build, Command: "read go.mod", Status: verification.Failed, ExitCode: 1, Output: finding.Message}
		r.Findings = []pipeline.Finding{*finding}
		return r, nil
	}
	project, remove, err := t.writeProject(files)
	if err != nil {
		return verification.Result{}, err
	}
	result, err := t.verify(ctx, support, project, files)
	result.Weaker = support.Weaker
	return result, errors.Join(err, remove())
}

// NotRun is the result when nothing was run.
func NotRun(reason string) verification.Result {
	r := verification.Result{Mode: string(sandbox.None), Reason: reason}
	for _, name := range []string{verification.Build, verification.Vet, verification.Test} {
		r.Steps = append(r.Steps, verification.Step{Name: name, Status: verification.NotRun})
	}
	return r
}

func (t *Toolchain) verify(ctx context.Context, support sandbox.Support, project string, files []pipeline.File) (verification.Result, error) {
	if err := t.fetchRequired(ctx, project, files); err != nil {
		return verification.Result{}, err
	}
	cache, err := t.buildCache(ctx)
	if err != nil {
		return verification.Result{}, err
	}
	mounts, err := t.mounts()
	if err != nil {
		return verification.Result{}, err
	}
	modulesAt := support.Mount(t.modules(), modulesDir, sandbox.ReadOnly)
	cacheAt := support.Mount(cache, cacheDir, sandbox.Growing)
	projectAt := support.Mount(project, projectDir, sandbox.Scratch)
	job := sandbox.Job{
		Mounts: append(mounts, modulesAt, cacheAt, projectAt),
		Dir:    projectAt.Target, Env: t.inside(support.Temp(), cacheAt.Target, modulesAt.Target), Limits: t.cfg.Limits,
		Commands: []sandbox.Command{
			{Argv: []string{t.bin, "build", "-o", "/dev/null", "./..."}},
			{Argv: []string{t.bin, "vet", "./..."}, KeepGoing: true},
			// Vet has its own step; a build cache that forgets has no old results, but -count says so.
			{Argv: []string{t.bin, "test", "-json", "-vet=off", "-count=1", "-timeout=" + t.testTimeout().String(), "./..."}},
		},
	}
	ran, err := support.Run(ctx, job)
	if err != nil {
		return verification.Result{}, fmt.Errorf("running the project: %w", err)
	}
	return judge(job, ran, files), nil
}

// judge turns what the commands did into the answer.
func judge(job sandbox.Job, ran sandbox.Result, files []pipeline.File) verification.Result {
	r := NotRun("")
	r.Mode = string(ran.Mode)
	for i := range ran.Commands {
		c, step := ran.Commands[i], &r.Steps[i]
		step.Command = "go " + strings.Join(job.Commands[i].Argv[1:], " ")
		if !c.Ran {
			continue
		}
		// What a project prints names its folder; the answer does not depend on where that was.
		c.Output = bytes.ReplaceAll(c.Output, []byte(job.Dir+"/"), []byte(projectDir+"/"))
		step.Status, step.ExitCode, step.DurationMS = verification.Passed, c.ExitCode, c.Wall.Milliseconds()
		if !c.OK() {
			step.Status = verification.Failed
		}
		if last := i == len(ran.Commands)-1 || !ran.Commands[i+1].Ran; last {
			step.Killed = string(ran.Killed)
		}
		output := string(c.Output)
		if step.Name == verification.Test {
			report := gotest.Read(c.Output, files)
			r.Tests, r.Untested, r.Summary, output = report.Tests, report.Untested, report.Summary, report.Output
			r.Findings = append(r.Findings, report.Findings...)
		} else if !c.OK() {
			r.Findings = append(r.Findings, gotest.Diagnostics(step.Name, output)...)
		}
		step.Output, step.Truncated = tail(output)
	}
	r.Findings = distinct(r.Findings)
	r.Reason = reason(r)
	r.Verified = r.Reason == ""
	return r
}

// distinct drops a finding that an earlier step had too, as vet and test both compile the test files, and puts those of a step
// in the order of the project: the go command prints packages as they come.
func distinct(findings []pipeline.Finding) []pipeline.Finding {
	seen := map[pipeline.Finding]bool{}
	findings = slices.DeleteFunc(findings, func(f pipeline.Finding) bool {
		f.Step = ""
		twice := seen[f]
		seen[f] = true
		return twice
	})
	slices.SortStableFunc(findings, func(a, b pipeline.Finding) int {
		return cmp.Or(cmp.Compare(stepOrder[a.Step], stepOrder[b.Step]), cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return findings
}

var stepOrder = map[string]int{verification.Build: 0, verification.Vet: 1, verification.Test: 2}

func tail(output string) (string, bool) {
	output = strings.ToValidUTF8(output, "\uFFFD")
	if len(output) <= stepOutputLimit {
		return output, false
	}
	return strings.ToValidUTF8(output[len(output)-stepOutputLimit:], ""), true
}

// reason says why a result is not verified, and nothing if it is.
func reason(r verification.Result) string {
	for _, s := range r.Steps {
		if s.Killed != "" {
			return fmt.Sprintf("%s was ended by the sandbox's limit: %s", s.Command, s.Killed)
		}
	}
	build, vet, test := r.Step(verification.Build), r.Step(verification.Vet), r.Step(verification.Test)
	total := r.Summary.Passed + r.Summary.Failed + r.Summary.Skipped
	switch {
	case build.Status != verification.Passed:
		return "the project does not build"
	case r.Summary.Failed > 0:
		return fmt.Sprintf("%d of %d tests fail", r.Summary.Failed, total)
	case vet.Status != verification.Passed:
		return "go vet finds problems"
	case test.Status != verification.Passed:
		return "the tests fail"
	case total == 0:
		return "the project has no tests"
	case r.Summary.Passed == 0:
		return "no test passed: all were skipped"
	case slices.ContainsFunc(r.Tests, func(t verification.TestResult) bool { return t.Status == verification.Failed }):
		return "a sub-test fails"
	}
	return ""
}

// writeProject writes the files into a new folder, never outside of it, and gives what removes it again.
func (t *Toolchain) writeProject(files []pipeline.File) (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(t.scratch.dir, "project-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder for the project: %w", err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	if err := writeFiles(dir, files); err != nil {
		return "", nil, errors.Join(fmt.Errorf("writing the project: %w", err), remove())
	}
	return dir, remove, nil
}

func writeFiles(dir string, files []pipeline.File) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, f := range files {
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, []byte(f.Content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

package generation

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Sandbox builds and tests projects; *verification.Client does.
type Sandbox interface {
	Verify(context.Context, verification.Request) (verification.Result, error)
}

// modeNone is the mode of a result when nothing was run.
const modeNone = "none"

const notBuilt = "Nothing was built and no test was run."

// Verify builds the project, vets it and runs its tests in the sandbox, and keeps what came of it.
func (a *Activities) Verify(ctx context.Context, step Step) (VerifyResult, error) {
	return attend(ctx, func(ctx context.Context) (VerifyResult, error) {
		result, err := a.verify(ctx, step)
		if err != nil {
			a.sayFailed(ctx, step, err)
		}
		return result, err
	})
}

func (a *Activities) verify(ctx context.Context, step Step) (VerifyResult, error) {
	in := a.inputs(ctx, step)
	parents := step.parents()
	d, reused, err := a.kept(ctx, step, drop.TypeVerification, parents)
	if err == nil && !reused {
		d, err = a.runSandbox(ctx, step, in, parents)
	}
	if err != nil {
		return VerifyResult{}, err
	}
	var found verification.Result
	if err := json.Unmarshal(d.Artifact, &found); err != nil {
		return VerifyResult{}, fmt.Errorf("reading drop %s (%s): %w", d.ID, d.Address(), err)
	}
	result := summarizeVerification(found, in.index(pipeline.TestGeneration))
	result.Verification.DropID, result.Round, result.Reused = d.ID, d.Version, reused
	if in.err != nil {
		return VerifyResult{}, in.err
	}
	return result, a.publishStep(ctx, step, event.Completed, workflow.StageState{DropID: d.ID, Reused: reused, Detail: result.Detail})
}

func (a *Activities) runSandbox(ctx context.Context, step Step, in *inputs, parents []string) (drop.Drop, error) {
	defer a.Waker.while(ctx, pipeline.VerificationStep)()
	if err := a.publishStep(ctx, step, event.Started, workflow.StageState{}); err != nil {
		return drop.Drop{}, err
	}
	request := verification.Request{
		Language: in.request().Language,
		Files:    in.files(pipeline.CodeGeneration, pipeline.DependencyResolution, pipeline.TestGeneration),
	}
	if in.err != nil {
		return drop.Drop{}, in.err
	}
	if err := checkFiles("the run", request.Files); err != nil {
		return drop.Drop{}, err
	}
	found, err := a.Sandbox.Verify(ctx, request)
	if fault.Is(err, fault.NoIsolation) {
		found, err = verification.Result{Mode: modeNone, Reason: fault.From(err).Error()}, nil
	}
	if err != nil {
		return drop.Drop{}, err
	}
	return a.store(ctx, step, drop.TypeVerification, parents, nil, answer{value: found, volatile: found.Mode == modeNone})
}

// summarizeVerification tells the workflow what the sandbox found, and which of it the tests are to blame for.
func summarizeVerification(found verification.Result, tests []workflow.FileRef) VerifyResult {
	v := workflow.Verification{
		// Never on the sandbox's word alone: a result that contradicts itself is no success.
		Verified: found.Verified && found.Mode != modeNone && found.Summary.Passed > 0 && found.Summary.Failed == 0,
		Mode:     found.Mode, Weaker: clip(found.Weaker), Reason: clip(found.Reason),
		Build: string(found.Step(verification.Build).Status), Vet: string(found.Step(verification.Vet).Status),
		Tests:  string(found.Step(verification.Test).Status),
		Passed: found.Summary.Passed, Failed: found.Summary.Failed, Skipped: found.Summary.Skipped,
	}
	result := VerifyResult{Verification: v}
	if v.Verified {
		result.Detail = count(v.Passed, "test") + " passed"
		return result
	}
	if v.Reason == "" {
		result.Verification.Reason = "the sandbox gave no reason"
	}
	result.Detail = result.Verification.Reason
	if found.Mode == modeNone {
		result.NotChecked = []string{notBuilt}
		return result
	}
	for _, f := range faultsIn(found) {
		if isTestsFault(f, tests) {
			result.TestFaults++
		} else {
			result.CodeFaults++
		}
		result.Findings = append(result.Findings, describe(f))
	}
	result.Fingerprint = fingerprint(result.Findings)
	result.Summary = result.bounded()
	return result
}

// faultsIn gives what repairs have to mend. A step that failed without a finding, say at a limit, is one.
func faultsIn(found verification.Result) []pipeline.Finding {
	if found.Verified || len(found.Findings) > 0 {
		return found.Findings
	}
	var faults []pipeline.Finding
	for _, s := range found.Steps {
		if s.Status != verification.Failed {
			continue
		}
		message := fmt.Sprintf("%s ended with exit code %d", s.Command, s.ExitCode)
		if s.Killed != "" {
			message = fmt.Sprintf("%s was ended by the sandbox's limit: %s", s.Command, s.Killed)
		}
		faults = append(faults, pipeline.Finding{Step: s.Name, Message: message})
	}
	return faults
}

// isTestsFault: a test file that does not compile or vet is at fault itself; a test that fails tells of the code.
func isTestsFault(f pipeline.Finding, tests []workflow.FileRef) bool {
	return f.Test == "" && has(tests, f.File)
}

func describe(f pipeline.Finding) string {
	s := f.Message
	if f.Test != "" {
		s = f.Test + ": " + s
	}
	if f.File != "" {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, f.Line)
		}
		s = place + ": " + s
	}
	return f.Step + ": " + s
}

package generation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsuleclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Package has the files of the run packed into its capsule.
func (a *Activities) Package(ctx context.Context, step Step) (PackageResult, error) {
	return attend(ctx, func(ctx context.Context) (PackageResult, error) {
		result, err := a.pack(ctx, step)
		if err != nil {
			a.sayFailed(ctx, step, err)
		}
		return result, err
	})
}

func (a *Activities) pack(ctx context.Context, step Step) (PackageResult, error) {
	parents := step.parents()
	d, reused, err := a.kept(ctx, step, drop.TypeResult, parents)
	if err == nil && !reused {
		d, err = a.makeCapsule(ctx, step, parents)
	}
	if err != nil {
		return PackageResult{}, err
	}
	var made workflow.Capsule
	if err := json.Unmarshal(d.Artifact, &made); err != nil {
		return PackageResult{}, fmt.Errorf("reading drop %s (%s): %w", d.ID, d.Address(), err)
	}
	if err := a.publish(ctx, step.id("created"), event.CapsuleCreated, made); err != nil {
		return PackageResult{}, err
	}
	return PackageResult{Capsule: made, Reused: reused}, a.publishStep(ctx, step, event.Completed, workflow.StageState{
		DropID: made.DropID, Reused: reused, Detail: count(made.Files, "file"),
	})
}

func (a *Activities) makeCapsule(ctx context.Context, step Step, parents []string) (drop.Drop, error) {
	if err := a.publishStep(ctx, step, event.Started, workflow.StageState{}); err != nil {
		return drop.Drop{}, err
	}
	request, err := capsuleRequest(a.inputs(ctx, step))
	if err != nil {
		return drop.Drop{}, err
	}
	created, err := a.Capsules.Create(ctx, request)
	if err != nil {
		return drop.Drop{}, err
	}
	return a.store(ctx, step, drop.TypeResult, parents, nil, answer{value: workflow.Capsule{
		DropID: created.DropID, SHA256: created.SHA256, Size: created.Size, Files: len(created.Manifest.Files),
	}})
}

// Capsules packs capsules; *capsuleclient.Client does.
type Capsules interface {
	Create(context.Context, capsuleclient.Request) (capsuleclient.Created, error)
}

// capsuleRequest gathers what goes into the capsule. Nothing of it depends on when and under which ID the run was.
func capsuleRequest(in *inputs) (capsuleclient.Request, error) {
	request := capsuleclient.Request{Tenant: in.step.Tenant, WorkflowID: workflowID(in.ctx)}
	contract, language := in.contract(), in.request().Language
	request.Project = capsule.Project{Name: contract.Name, Language: language, Type: contract.Type, EntryPoint: contract.EntryPoint,
		Commands: commands(language, contract)}
	for _, stage := range workflow.WritingStages() {
		for _, f := range in.index(stage) {
			request.Files = append(request.Files, capsuleclient.File{Path: f.Path, DropID: f.DropID})
		}
	}
	found := result[verification.Result](in, pipeline.VerificationStep)
	request.Verification = asVerdict(found, in.index(pipeline.TestGeneration))
	for _, what := range result[pipeline.SecurityScanningOut](in, pipeline.SecurityScanning).NotChecked {
		request.NotChecked = append(request.NotChecked, "Security: "+what)
	}
	request.Unused = bound(slices.Clone(result[pipeline.FRDGenerationOut](in, pipeline.FRDGeneration).Unused), unusedLimit)
	if found.Mode == modeNone {
		request.NotChecked = append(request.NotChecked, notBuilt)
	}
	for _, stage := range pipeline.Stages() {
		if used := result[pipeline.Trace](in, stage).Usage; used.Model != "" {
			model := capsule.Model{Provider: used.Provider, Model: used.Model}
			if !slices.Contains(request.Models, model) {
				request.Models = append(request.Models, model)
			}
		}
	}
	return request, in.err
}

// asVerdict says in the capsule's terms what the sandbox found.
func asVerdict(found verification.Result, tests []workflow.FileRef) capsule.Verification {
	v := summarizeVerification(found, tests).Verification
	verdict := capsule.Verification{Status: capsule.Failed, Mode: v.Mode, Reason: v.Reason,
		Tests: capsule.Tests{Passed: v.Passed, Failed: v.Failed, Skipped: v.Skipped}, Steps: []capsule.Step{}}
	switch {
	case v.Verified:
		verdict.Status, verdict.Reason = capsule.Passed, ""
	case v.Mode == modeNone:
		verdict.Status = capsule.NotVerified
	}
	for _, s := range found.Steps {
		status := capsule.NotRun
		if s.Status == verification.Passed || s.Status == verification.Failed {
			status = string(s.Status)
		}
		verdict.Steps = append(verdict.Steps, capsule.Step{Name: s.Name, Status: status})
	}
	return verdict
}

// commands are how the project is built, run and tested by hand.
func commands(language string, contract pipeline.Contract) capsule.Commands {
	if language != "go" {
		return capsule.Commands{}
	}
	c := capsule.Commands{Build: "go build ./...", Test: "go test ./..."}
	if contract.EntryPoint != "" {
		c.Run = "go run ./" + contract.EntryPoint
	}
	return c
}

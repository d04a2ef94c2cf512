package generation

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	contract "github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// repairedStages are the stages whose answers a repair round may replace.
var repairedStages = []pipeline.Stage{
	pipeline.CodeGeneration, pipeline.SemanticValidation, pipeline.DependencyResolution, pipeline.TestGeneration,
}

// snapshot is a version of the files with what is known about it.
type snapshot struct {
	results  []StageResult // of repairedStages
	verified VerifyResult
}

func (g *generation) snapshot() snapshot {
	s := snapshot{verified: g.verified}
	for _, stage := range repairedStages {
		s.results = append(s.results, g.results[stage])
	}
	return s
}

// restore makes a snapshot's files the run's files again.
func (g *generation) restore(s snapshot) {
	g.verified = s.verified
	for i, stage := range repairedStages {
		g.results[stage] = s.results[i]
		g.restoreState(stage, s.results[i].Round, s.results[i].DropID, s.results[i].Detail)
	}
	g.restoreState(pipeline.VerificationStep, s.verified.Round, s.verified.Verification.DropID, s.verified.Detail)
}

func (g *generation) restoreState(stage pipeline.Stage, round int, drop, detail string) {
	state := g.state(stage)
	if state.DropID != drop {
		state.Status, state.Round, state.DropID, state.Detail, state.Problem = contract.Completed, round, drop, detail, nil
	}
}

// faults counts what repairs have to mend, in the code and in the tests. Once the project is verified there is nothing.
func (s snapshot) faults() (code, tests int) {
	if s.verified.Verification.Verified {
		return 0, 0
	}
	code, tests = s.verified.CodeFaults, s.verified.TestFaults
	for _, r := range s.results {
		code += r.CodeFaults
		tests += r.TestFaults
	}
	return code, tests
}

// fingerprint is the same for snapshots with the same faults.
func (s snapshot) fingerprint() string {
	prints := []string{s.verified.Fingerprint}
	for _, r := range s.results {
		prints = append(prints, r.Fingerprint)
	}
	return strings.Join(prints, "/")
}

// rank orders snapshots: how far they came first, then fewer failing tests, then fewer faults. Compared element by element,
// less is better.
func (s snapshot) rank() []int {
	v := s.verified.Verification
	open := 3 // of build, vet and tests
	for _, outcome := range []string{v.Build, v.Vet, v.Tests} {
		if outcome != passed {
			break
		}
		open--
	}
	code, tests := s.faults()
	failing := v.Failed
	if v.Passed+v.Failed == 0 {
		failing = 1 << 30 // no test ran: any number of failing ones is further on
	}
	return []int{open, failing, code + tests}
}

// passed is the outcome of a step of a verification that found nothing.
const passed = "passed"

// repairUntilVerified has what verification and validation found mended, in rounds: always the best files so far, with what is
// wrong with them. It ends when the project is verified, after the last round allowed, and when a round led to faults that an
// earlier one had already. The best files stay.
func (g *generation) repairUntilVerified(ctx workflow.Context) error {
	best, worse := g.snapshot(), ""
	seen := []string{best.fingerprint()}
	rounds := 0
	for rounds < g.in.RepairRounds {
		if code, tests := best.faults(); code+tests == 0 {
			break
		}
		rounds++
		if err := g.perform(ctx, g.repairRound(rounds, best, worse)); err != nil {
			if !noRepair(err) {
				return err
			}
			g.find(fmt.Sprintf("Repair ended in round %d: %s", rounds, clip(faultOf(err).Detail)))
			g.restore(best)
			break
		}
		latest := g.snapshot()
		stalled := slices.Contains(seen, latest.fingerprint())
		if slices.Compare(latest.rank(), best.rank()) <= 0 {
			best, worse = latest, ""
		} else {
			worse = latest.verified.Verification.DropID
			g.restore(best)
		}
		if stalled {
			g.find(fmt.Sprintf("Repair ended after round %d, as it led to the same faults as before.", rounds))
			break
		}
		seen = append(seen, latest.fingerprint())
	}
	g.verified.Verification.Rounds = rounds
	v := g.verified.Verification
	g.run.Verification = &v
	return nil
}

// noRepair says whether a repair failed in a way that leaves the files before it as the result: the model found no answer.
func noRepair(err error) bool {
	if temporal.IsCanceledError(err) {
		return false
	}
	code := faultOf(err).Code
	return code == fault.BadAnswer || code == fault.Truncated
}

// repairRound mends the faults of a snapshot and finds out what came of it. Tests are mended after the code, which may dispute
// them; whoever mends them sees the disputes, not the code.
func (g *generation) repairRound(round int, of snapshot, worse string) []step {
	repair := &Repair{Verification: of.verified.Verification.DropID, Worse: worse}
	for i, stage := range repairedStages {
		switch stage {
		case pipeline.SemanticValidation:
			repair.Validation = of.results[i].DropID
		case pipeline.DependencyResolution:
			repair.Dependencies = of.results[i].DropID
		}
	}
	var plan []step
	code, tests := of.faults()
	if code > 0 {
		plan = append(plan,
			g.stageStep(StageTask{Step: Step{Stage: pipeline.CodeGeneration, Round: round}, Repair: repair}),
			g.stageStep(StageTask{Step: Step{Stage: pipeline.SemanticValidation, Round: round}}, pipeline.CodeGeneration))
	}
	mendTests := g.stageStep(StageTask{Step: Step{Stage: pipeline.TestGeneration, Round: round}, Repair: repair}, pipeline.CodeGeneration)
	mend := mendTests.do
	mendTests.do = func(ctx workflow.Context) error {
		if tests == 0 && !g.disputed(round) {
			return nil // nothing is wrong with them, and nobody says so
		}
		return mend(ctx)
	}
	return append(plan, mendTests,
		g.stageStep(StageTask{Step: Step{Stage: pipeline.DependencyResolution, Round: round}}, pipeline.CodeGeneration, pipeline.TestGeneration),
		g.verifyStep(round))
}

// disputed says whether the code's repair of this round holds tests to be wrong. Earlier disputes are decided.
func (g *generation) disputed(round int) bool {
	code := g.results[pipeline.CodeGeneration]
	return code.Round == round && code.Disputes > 0
}

// find adds a finding to the run.
func (g *generation) find(sentences ...string) { g.run.Findings = append(g.run.Findings, sentences...) }

// collect adds what the steps found to the run, in reading order.
func (g *generation) collect() {
	for _, stage := range pipeline.Stages() {
		g.find(g.results[stage].Findings...)
		g.run.NotChecked = append(g.run.NotChecked, g.results[stage].NotChecked...)
		g.run.Unused = append(g.run.Unused, g.results[stage].Unused...)
	}
	g.find(g.verified.Findings...)
	g.run.NotChecked = append(g.run.NotChecked, g.verified.NotChecked...)
}

// missing says how much an unfinished run did not come to; its stages say what.
func (g *generation) missing() string {
	open := 0
	for _, s := range g.run.Stages {
		if s.Status != contract.Completed {
			open++
		}
	}
	return fmt.Sprintf("%d of the %d steps were not done.", open, len(g.run.Stages))
}

package generation_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// coder writes all files, and in a repair the first again, with the round as its mark. It keeps what it was asked.
type coder struct {
	mu       sync.Mutex
	repairs  []pipeline.Repair
	disputes func(pipeline.Repair) []pipeline.Dispute
}

func (c *coder) write(in pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
	var out pipeline.CodeGenerationOut
	if in.Repair == nil {
		for _, f := range in.Contract.Files {
			out.Files = append(out.Files, generationtest.Source(f, "first"))
		}
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repairs = append(c.repairs, *in.Repair)
	out.Files = slices.Clone(in.Repair.Files)
	out.Files[0] = generationtest.Source(in.Contract.Files[0], fmt.Sprintf("round %d", in.Repair.Round))
	if c.disputes != nil {
		out.Disputes = c.disputes(*in.Repair)
	}
	return out
}

// verdicts answers each call of the sandbox with the next result, and then with the last.
func verdicts(results ...verification.Result) func(map[string]string, int) verification.Result {
	return func(_ map[string]string, call int) verification.Result { return results[min(call, len(results))-1] }
}

func TestRepairMendsTheCode(t *testing.T) {
	t.Parallel()
	c := &coder{}
	var verified map[string]string
	s := start(t, &generationtest.Script{Code: c.write, Verify: func(files map[string]string, call int) verification.Result {
		if call == 1 {
			return generationtest.FailingTests("TestGreet")
		}
		verified = files
		return generationtest.Passing()
	}}, nil)
	run := s.end()

	if run.Status != workflow.Completed || run.Verification.Rounds != 1 || len(run.Findings) != 0 {
		t.Errorf("ended as %s after %d rounds: %v", run.Status, run.Verification.Rounds, run.Findings)
	}
	if len(c.repairs) != 1 {
		t.Fatalf("%d repairs, want 1", len(c.repairs))
	}
	r := c.repairs[0]
	want := []pipeline.Finding{{Step: "test", File: generationtest.TestFile, Line: 7, Test: "TestGreet", Message: "got 1, want 2"}}
	if diff := cmp.Diff(want, r.Findings); diff != "" || r.Round != 1 || r.Output != "FAIL TestGreet" || len(r.Files) != 2 || len(r.Tests) != 1 {
		t.Errorf("the repair was asked so: %+v\n%s", r, diff)
	}
	if !strings.Contains(verified["part0/part.go"], "round 1") || !strings.Contains(verified["part1/part.go"], "first") {
		t.Errorf("the mended files were not what was verified: %v", verified)
	}
	for stage, calls := range map[pipeline.Stage]int{
		pipeline.CodeGeneration: 2, pipeline.SemanticValidation: 2, pipeline.VerificationStep: 2,
		pipeline.TestGeneration: 1, pipeline.DependencyResolution: 1, // the imports stayed as they were
		pipeline.SecurityScanning: 1, pipeline.Documentation: 1, pipeline.PerformanceAnalysis: 1,
	} {
		if n := len(s.Calls(stage)); n != calls {
			t.Errorf("%s was called %d times, want %d", stage, n, calls)
		}
	}
	if code := state(run, pipeline.CodeGeneration); code.Round != 1 || code.Usage.Calls != 2 {
		t.Errorf("code-generation ended as %+v", code)
	}
	if deps := state(run, pipeline.DependencyResolution); deps.Round != 0 || !deps.Reused {
		t.Errorf("dependency-resolution ended as %+v", deps)
	}
	files := map[string][]int{}
	for _, d := range s.drops(drop.TypeFile) {
		files[d.Name()] = append(files[d.Name()], d.Version)
	}
	wantFiles := map[string][]int{"part0/part.go": {0, 1}, "part1/part.go": {0}, generationtest.TestFile: {0}, "go.mod": {0}, "README.md": {0}}
	if diff := cmp.Diff(wantFiles, files); diff != "" {
		t.Errorf("versions of the files:\n%s", diff)
	}
}

func TestRepairResolvesNewImports(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{
		Code: func(in pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
			out := (&coder{}).write(in)
			if in.Repair != nil {
				out.Files[0].Content = "package part0\n\nimport \"strings\"\n\n// Greet greets.\nfunc Greet(name string) string { return strings.ToUpper(name) }\n"
			}
			return out
		},
		Verify: verdicts(generationtest.FailingTests("TestGreet"), generationtest.Passing()),
	}, nil)
	run := s.end()
	if n := len(s.Calls(pipeline.DependencyResolution)); run.Status != workflow.Completed || n != 2 {
		t.Errorf("ended as %s, dependencies were resolved %d times, want 2", run.Status, n)
	}
}

func TestTestThatDoesNotCompileIsWrittenAgain(t *testing.T) {
	t.Parallel()
	var repair *pipeline.Repair
	s := start(t, &generationtest.Script{
		Tests: func(in pipeline.TestGenerationIn) pipeline.TestGenerationOut {
			repair = in.Repair
			content := "package part0\n"
			if in.Repair != nil {
				content += "\n// mended\n"
			}
			return pipeline.TestGenerationOut{SourceFiles: pipeline.SourceFiles{Files: []pipeline.File{{Path: generationtest.TestFile, Content: content}}}}
		},
		Verify: verdicts(generationtest.NotCompiling(verification.Vet, generationtest.TestFile), generationtest.Passing()),
	}, nil)
	run := s.end()
	if run.Status != workflow.Completed || len(s.Calls(pipeline.CodeGeneration)) != 1 || len(s.Calls(pipeline.TestGeneration)) != 2 {
		t.Errorf("ended as %s, code written %d times, tests %d times", run.Status, len(s.Calls(pipeline.CodeGeneration)), len(s.Calls(pipeline.TestGeneration)))
	}
	if len(repair.Files) != 1 || repair.Files[0].Path != generationtest.TestFile || len(repair.Tests) != 0 || len(repair.Findings) != 1 {
		t.Errorf("the repair was asked so: %+v", repair)
	}
}

func TestRepairStopsWithoutProgress(t *testing.T) {
	t.Parallel()
	c := &coder{}
	s := start(t, &generationtest.Script{Code: c.write, Verify: verdicts(generationtest.FailingTests("TestGreet"))}, nil)
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || len(c.repairs) != 1 || run.Verification.Rounds != 1 {
		t.Errorf("ended as %s after %d repairs", run.Status, len(c.repairs))
	}
	want := []string{
		"Repair ended after round 1, as it led to the same faults as before.",
		"Not verified: 1 tests fail",
		"test: part0/part_test.go:7: TestGreet: got 1, want 2",
	}
	if diff := cmp.Diff(want, run.Findings); diff != "" {
		t.Errorf("findings:\n%s", diff)
	}
	if run.Capsule == nil {
		t.Error("a project that is not verified has a capsule all the same")
	}
}

func TestRepairEndsAfterItsRounds(t *testing.T) {
	t.Parallel()
	c := &coder{}
	s := start(t, &generationtest.Script{Code: c.write, Verify: func(_ map[string]string, call int) verification.Result {
		return generationtest.FailingTests(fmt.Sprintf("TestNumber%c", 'A'+call))
	}}, func(in *workflow.Input) { in.RepairRounds = 2 })
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || len(c.repairs) != 2 || run.Verification.Rounds != 2 {
		t.Errorf("ended as %s after %d repairs", run.Status, len(c.repairs))
	}
}

func TestRepairThatMakesItWorseIsUndone(t *testing.T) {
	t.Parallel()
	c := &coder{}
	s := start(t, &generationtest.Script{Code: c.write, Verify: verdicts(
		generationtest.FailingTests("TestA", "TestB"),
		generationtest.FailingTests("TestA", "TestB", "TestC"), // round 1 is worse
		generationtest.FailingTests("TestB"),                   // round 2 is better
		generationtest.NotCompiling(verification.Build, "part0/part.go"),
	)}, nil)
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || run.Verification.Failed != 1 || run.Verification.Rounds != 3 {
		t.Errorf("ended as %s: %+v", run.Status, run.Verification)
	}
	if code := state(run, pipeline.CodeGeneration); code.Round != 2 || code.Status != workflow.Completed {
		t.Errorf("the code is that of round %d (%s), want the best, 2", code.Round, code.Status)
	}
	var marks []string
	for _, r := range c.repairs {
		marks = append(marks, strings.SplitN(r.Files[0].Content, "greets. ", 2)[1][:7])
	}
	if diff := cmp.Diff([]string{"first\nf", "first\nf", "round 2"}, marks); diff != "" {
		t.Errorf("the repairs started from:\n%s", diff)
	}
	if !strings.Contains(c.repairs[1].Output, "made things worse (3 tests fail)") || strings.Contains(c.repairs[2].Output, "worse") {
		t.Errorf("round 2 was told %q, round 3 %q", c.repairs[1].Output, c.repairs[2].Output)
	}
	packed := slices.Max(versions(s, "part0/part.go"))
	if packed != 3 {
		t.Errorf("all versions are kept, the last is %d", packed)
	}
}

func versions(s *started, path string) []int {
	var all []int
	for _, d := range s.drops(drop.TypeFile) {
		if d.Name() == path {
			all = append(all, d.Version)
		}
	}
	return all
}

func TestValidationErrorsGoToTheRepair(t *testing.T) {
	t.Parallel()
	c := &coder{}
	s := start(t, &generationtest.Script{
		Code: c.write,
		Validation: func(in pipeline.SemanticValidationIn) pipeline.SemanticValidationOut {
			out := pipeline.SemanticValidationOut{Issues: []pipeline.Issue{{Rule: "style", Severity: "warning", Message: "long"}}, Files: []pipeline.FileSummary{}}
			if strings.Contains(in.Files[0].Content, "first") {
				out.Issues = append(out.Issues, pipeline.Issue{File: "part0/part.go", Line: 1, Rule: "export-missing", Severity: "error", Message: "Greet is missing."})
			}
			return out
		},
		Verify: verdicts(generationtest.NotCompiling(verification.Build, "part1/part.go"), generationtest.Passing()),
	}, nil)
	run := s.end()
	if run.Status != workflow.Completed || len(c.repairs) != 1 {
		t.Fatalf("ended as %s after %d repairs", run.Status, len(c.repairs))
	}
	want := []pipeline.Finding{
		{Step: "syntax", File: "part0/part.go", Line: 1, Message: "export-missing: Greet is missing."},
		{Step: "build", File: "part1/part.go", Line: 3, Column: 1, Message: "undefined: Foo"},
	}
	if diff := cmp.Diff(want, c.repairs[0].Findings); diff != "" {
		t.Errorf("findings of the repair:\n%s", diff)
	}
}

func TestDisputeIsDecidedByWhoWritesTests(t *testing.T) {
	t.Parallel()
	dispute := pipeline.Dispute{Test: "TestGreet", File: generationtest.TestFile, Requirement: generationtest.Requirement, Reason: "FR-1 says nothing of 2"}
	c := &coder{disputes: func(r pipeline.Repair) []pipeline.Dispute {
		if r.Round == 1 {
			return []pipeline.Dispute{dispute}
		}
		return nil
	}}
	var asked []pipeline.Repair
	s := start(t, &generationtest.Script{
		Code: c.write,
		Tests: func(in pipeline.TestGenerationIn) pipeline.TestGenerationOut {
			out := pipeline.TestGenerationOut{SourceFiles: pipeline.SourceFiles{Files: []pipeline.File{{Path: generationtest.TestFile, Content: "package part0\n"}}}}
			if in.Repair != nil {
				asked = append(asked, *in.Repair)
				out.Rejected = in.Repair.Disputes
			}
			return out
		},
		// The same test fails after round 1 as before: but its dispute was lost, which the code has to learn.
		Verify: verdicts(generationtest.FailingTests("TestGreet"), generationtest.FailingTests("TestGreet"), generationtest.Passing()),
	}, nil)
	run := s.end()
	if run.Status != workflow.Completed || run.Verification.Rounds != 2 {
		t.Fatalf("ended as %s after %d rounds: %v", run.Status, run.Verification.Rounds, run.Findings)
	}
	if len(asked) != 1 || !cmp.Equal(asked[0].Disputes, []pipeline.Dispute{dispute}) || len(asked[0].Tests) != 0 || len(asked[0].Findings) != 0 {
		t.Errorf("who writes tests was asked %+v", asked)
	}
	last := c.repairs[1].Findings
	if f := last[len(last)-1]; f.Step != "dispute" || f.Test != "TestGreet" || !strings.Contains(f.Message, "the test is right") {
		t.Errorf("the code was told %+v", last)
	}
}

func TestRepairWithoutAnswerKeepsWhatThereIs(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Verify: verdicts(generationtest.FailingTests("TestGreet")),
		Before: failing(pipeline.CodeGeneration, func(call int) error {
			if call == 2 {
				return fault.New(fault.BadAnswer, "the model wrote no Go three times")
			}
			return nil
		})}, nil)
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || run.Capsule == nil {
		t.Fatalf("ended as %s: %+v", run.Status, run.Problem)
	}
	if code := state(run, pipeline.CodeGeneration); code.Status != workflow.Completed || code.Round != 0 || code.Problem != nil {
		t.Errorf("code-generation ended as %+v", code)
	}
	if !strings.HasPrefix(run.Findings[0], "Repair ended in round 1: ") || !strings.Contains(run.Findings[0], "no Go three times") {
		t.Errorf("findings %q", run.Findings)
	}
}

func TestNoIsolationIsSaid(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Before: failing(pipeline.VerificationStep, func(int) error {
		return fault.New(fault.NoIsolation, "this machine offers no isolation")
	})}, nil)
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || run.Verification.Mode != "none" || run.Verification.Verified || run.Capsule == nil {
		t.Fatalf("ended as %s: %+v", run.Status, run.Verification)
	}
	if run.Findings[0] != "Not verified: this machine offers no isolation" {
		t.Errorf("findings %q", run.Findings)
	}
	if diff := cmp.Diff([]string{"Security: business logic", "Nothing was built and no test was run."}, run.NotChecked); diff != "" {
		t.Errorf("not checked:\n%s", diff)
	}
}

func TestProjectWithoutTestsIsNotVerified(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Verify: func(map[string]string, int) verification.Result {
		r := generationtest.Passing() // a sandbox that contradicts itself
		r.Summary = verification.Summary{}
		return r
	}}, nil)
	if run := s.end(); run.Status != workflow.CompletedWithFindings || run.Verification.Verified {
		t.Errorf("ended as %s: %+v", run.Status, run.Verification)
	}
}

// What the prompt asks for and nothing came of is said beside the verdict, in the run and in the capsule: such a run is no plain success.
func TestUnusedPartsOfThePromptAreSaid(t *testing.T) {
	t.Parallel()
	want := []string{"Users log in with OAuth", "fines"}
	s := start(t, &generationtest.Script{FRD: func(pipeline.FRDGenerationIn) pipeline.FRDGenerationOut {
		return pipeline.FRDGenerationOut{Markdown: "# Greeting", Unused: want}
	}}, nil)
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || !run.Verification.Verified || run.Capsule == nil || len(run.Findings) != 0 {
		t.Fatalf("ended as %s: %+v, findings %q", run.Status, run.Verification, run.Findings)
	}
	if diff := cmp.Diff(want, run.Unused); diff != "" {
		t.Errorf("not used (-want +got):\n%s", diff)
	}
	m, err := capsule.Inspect(bytes.NewReader(s.drops(drop.TypeCapsule)[0].Artifact), capsule.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, m.Unused); diff != "" || m.Verification.Status != capsule.Passed {
		t.Errorf("the capsule says %s, and not used (-want +got):\n%s", m.Verification.Status, diff)
	}
}

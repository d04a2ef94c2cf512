package generation

import (
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// outputLimit is how much of a failing step's raw output goes to a repair, in bytes.
const outputLimit = 16 << 10

// Steps of findings that no command of the sandbox made.
const (
	stepSyntax  = "syntax"
	stepDispute = "dispute"
)

// codeRepair gives what code-generation has to mend, or nil when this is no repair. It sees the tests, and may dispute them.
func (c *caller) codeRepair() *pipeline.Repair {
	if c.task.Repair == nil {
		return nil
	}
	repair := c.evidence(false)
	repair.Files, repair.Tests = c.contentsOf(c.task.Previous), c.files(pipeline.TestGeneration)
	for _, d := range result[disputed](c.inputs, pipeline.TestGeneration).Rejected {
		repair.Findings = append(repair.Findings, pipeline.Finding{Step: stepDispute, File: d.File, Test: d.Test,
			Message: fmt.Sprintf("this test was disputed (%s), and the dispute was rejected: the test is right, the code must change", d.Reason)})
	}
	return repair
}

// testRepair gives what test-generation has to mend and to decide, or nil when this is no repair. It never holds code.
func (c *caller) testRepair() *pipeline.Repair {
	if c.task.Repair == nil {
		return nil
	}
	repair := c.evidence(true)
	repair.Files = c.contentsOf(c.task.Previous)
	if _, ok := c.step.Results[pipeline.CodeGeneration]; ok {
		repair.Disputes = result[disputed](c.inputs, pipeline.CodeGeneration).Disputes
	}
	return repair
}

func (c *caller) contentsOf(drop string) []pipeline.File {
	return c.contents(read[workflow.FileIndex](c.inputs, drop).Files)
}

// testIndex gives the test files by reference: those that are mended, or those that the code is tested with.
func (c *caller) testIndex(ofTests bool) []workflow.FileRef {
	if ofTests {
		return read[workflow.FileIndex](c.inputs, c.task.Previous).Files
	}
	return c.index(pipeline.TestGeneration)
}

// evidence gathers the findings about code or tests, causes before what follows from them: syntax, imports, build, tests.
func (c *caller) evidence(ofTests bool) *pipeline.Repair {
	task := c.task.Repair
	repair := &pipeline.Repair{Round: c.task.Round}
	tests := c.testIndex(ofTests)
	if !ofTests && task.Validation != "" {
		for _, issue := range errorsIn(read[pipeline.SemanticValidationOut](c.inputs, task.Validation).Issues) {
			repair.Findings = append(repair.Findings, asFinding(stepSyntax, issue))
		}
	}
	for _, issue := range errorsIn(read[resolved](c.inputs, task.Dependencies).Issues) {
		if has(tests, issue.File) == ofTests {
			repair.Findings = append(repair.Findings, asFinding(verification.Build, issue))
		}
	}
	found := read[verification.Result](c.inputs, task.Verification)
	for _, f := range faultsIn(found) {
		if isTestsFault(f, tests) == ofTests {
			repair.Findings = append(repair.Findings, f)
		}
	}
	repair.Output = failingOutput(found)
	if task.Worse != "" {
		worse := read[verification.Result](c.inputs, task.Worse)
		repair.Output += fmt.Sprintf("\n\nAn earlier repair of these findings was undone, because it made things worse (%s):\n%s",
			worse.Reason, failingOutput(worse))
	}
	return repair
}

func asFinding(step string, issue pipeline.Issue) pipeline.Finding {
	f := pipeline.Finding{Step: step, File: issue.File, Line: issue.Line, Column: issue.Column, Message: issue.Rule + ": " + issue.Message}
	if issue.Advice != "" {
		f.Message += " " + issue.Advice
	}
	return f
}

// failingOutput is the end of what the first step that failed printed.
func failingOutput(found verification.Result) string {
	for _, s := range found.Steps {
		if s.Status != verification.Failed {
			continue
		}
		if len(s.Output) > outputLimit {
			return strings.ToValidUTF8(s.Output[len(s.Output)-outputLimit:], "")
		}
		return s.Output
	}
	return ""
}

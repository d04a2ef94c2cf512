package generation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Bounds of what a step tells the workflow.
const (
	sentenceLimit  = 300 // bytes
	sentencesLimit = 10  // a step
	unusedLimit    = 200 // parts of a prompt that were not used, which are counted near the verdict: a document has no more
)

// read decodes the answer that is to be summarised.
func read[T any](in *inputs, drop string) T {
	var out T
	in.artifact(drop, &out)
	return out
}

func summarizeEnhancement(in *inputs, drop string) Summary {
	out := read[pipeline.PromptEnhancementOut](in, drop)
	if len(out.Added) == 0 {
		return Summary{Detail: "nothing similar found to add"}
	}
	return Summary{Detail: "added " + count(len(out.Added), "similar text")}
}

func summarizeFRD(in *inputs, drop string) Summary {
	out := read[pipeline.FRDGenerationOut](in, drop)
	s := Summary{Detail: count(strings.Count(out.Markdown, "\n"), "line")}
	s.Unused = slices.Clone(out.Unused)
	return s.bounded()
}

func summarizeRequirements(in *inputs, drop string) Summary {
	out := read[pipeline.RequirementsParsingOut](in, drop)
	parts := []string{count(len(out.Requirements.Requirements), "requirement")}
	for _, part := range []struct {
		n    int
		what string
	}{{len(out.Entities), "entity"}, {len(out.Endpoints), "endpoint"}, {len(out.Commands), "command"}} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.what))
		}
	}
	s := Summary{Detail: strings.Join(parts, ", ")}
	for _, issue := range errorsIn(out.Issues) {
		s.Findings = append(s.Findings, "Requirements: "+sentence(issue))
	}
	return s.bounded()
}

func summarizeStructure(in *inputs, drop string) Summary {
	out := read[pipeline.ProjectStructureOut](in, drop)
	return Summary{Detail: clip(fmt.Sprintf("%s, %s in %s", out.Contract.Name, out.Contract.Type, count(len(out.Contract.Files), "file")))}
}

func summarizeFiles(in *inputs, drop string) Summary {
	return Summary{Detail: count(len(read[workflow.FileIndex](in, drop).Files), "file")}
}

func summarizeCode(in *inputs, drop string) Summary {
	s := summarizeFiles(in, drop)
	if s.Disputes = len(read[disputed](in, drop).Disputes); s.Disputes > 0 {
		s.Detail += ", " + count(s.Disputes, "test") + " disputed"
	}
	return s
}

// disputed is the part of an answer of code-generation that test-generation decides about, and what it decided.
type disputed struct {
	Disputes []pipeline.Dispute `json:"disputes"`
	Upheld   []pipeline.Dispute `json:"upheld"`
	Rejected []pipeline.Dispute `json:"rejected"`
}

func summarizeTests(in *inputs, drop string) Summary {
	s := summarizeFiles(in, drop)
	decided := read[disputed](in, drop)
	for _, d := range decided.Upheld {
		s.Findings = append(s.Findings, fmt.Sprintf("Test %s was written again, as it contradicted %s: %s", d.Test, d.Requirement, d.Reason))
	}
	var rejected []string
	for _, d := range decided.Rejected {
		rejected = append(rejected, d.File+" "+d.Test+" "+d.Requirement)
	}
	s.Fingerprint = fingerprint(rejected) // a dispute that was lost is something new for the next repair, once
	return s.bounded()
}

func summarizeValidation(in *inputs, drop string) Summary {
	out := read[pipeline.SemanticValidationOut](in, drop)
	faults := errorsIn(out.Issues)
	s := Summary{Detail: severities(out.Issues), CodeFaults: len(faults)}
	for _, issue := range faults {
		s.Findings = append(s.Findings, "Code: "+sentence(issue))
	}
	s.Fingerprint = fingerprint(s.Findings)
	return s.bounded()
}

func summarizeDependencies(in *inputs, drop string) Summary {
	out := read[resolved](in, drop)
	s := Summary{Detail: count(len(out.Packages), "package")}
	tests := in.index(pipeline.TestGeneration)
	for _, issue := range errorsIn(out.Issues) {
		if has(tests, issue.File) {
			s.TestFaults++
		} else {
			s.CodeFaults++
		}
		s.Findings = append(s.Findings, "Dependencies: "+sentence(issue))
	}
	s.Fingerprint = fingerprint(s.Findings)
	return s.bounded()
}

func summarizeTestPlan(in *inputs, drop string) Summary {
	plan := read[pipeline.TestPlanGenerationOut](in, drop).Plan
	cases := 0
	for _, f := range plan.Files {
		cases += len(f.Cases)
	}
	return Summary{Detail: fmt.Sprintf("%s in %s", count(cases, "case"), count(len(plan.Files), "file"))}
}

func summarizeSecurity(in *inputs, drop string) Summary {
	out := read[pipeline.SecurityScanningOut](in, drop)
	s := Summary{Detail: severities(out.Issues)}
	for _, issue := range errorsIn(out.Issues) {
		s.Findings = append(s.Findings, "Security: "+sentence(issue))
	}
	for _, what := range out.NotChecked {
		s.NotChecked = append(s.NotChecked, "Security: "+what)
	}
	return s.bounded()
}

func summarizePerformance(in *inputs, drop string) Summary {
	out := read[pipeline.PerformanceAnalysisOut](in, drop)
	return Summary{Detail: count(len(out.Functions), "function") + " measured, " + severities(out.Issues)}
}

// bounded cuts sentences to what a history may hold and says how many more there are.
func (s Summary) bounded() Summary {
	s.Detail, s.Findings, s.NotChecked = clip(s.Detail), bound(s.Findings, sentencesLimit), bound(s.NotChecked, sentencesLimit)
	s.Unused = bound(s.Unused, unusedLimit)
	return s
}

func bound(sentences []string, limit int) []string {
	if more := len(sentences) - limit; more > 0 {
		sentences = append(slices.Clone(sentences[:limit]), fmt.Sprintf("… and %d more; the drops have all of them.", more))
	}
	for i, s := range sentences {
		sentences[i] = clip(s)
	}
	return sentences
}

// clip makes one line of a text and shortens it.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) <= sentenceLimit {
		return s
	}
	cut := sentenceLimit - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

const severityError = "error"

func errorsIn(issues []pipeline.Issue) []pipeline.Issue {
	var found []pipeline.Issue
	for _, issue := range issues {
		if issue.Severity == severityError {
			found = append(found, issue)
		}
	}
	return found
}

func severities(issues []pipeline.Issue) string {
	wrong := len(errorsIn(issues))
	return count(wrong, "error") + ", " + count(len(issues)-wrong, "note")
}

func sentence(issue pipeline.Issue) string {
	s := issue.Message
	if issue.File != "" {
		place := issue.File
		if issue.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, issue.Line)
		}
		s = place + ": " + s
	}
	if issue.CWE != "" {
		s += " (" + issue.CWE + ")"
	}
	return s
}

func has(refs []workflow.FileRef, path string) bool {
	return slices.ContainsFunc(refs, func(ref workflow.FileRef) bool { return ref.Path == path })
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// varying is what differs between two runs of the same failure: places, which shift, addresses and durations.
var varying = regexp.MustCompile(`:\d+(:\d+)?|0x[0-9a-fA-F]+|\b\d+(\.\d+)?(ns|µs|ms|s)\b`)

// fingerprint is the same for the same faults, whatever their order and place; empty for none.
func fingerprint(faults []string) string {
	if len(faults) == 0 {
		return ""
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = varying.ReplaceAllString(f, "#")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:8])
}

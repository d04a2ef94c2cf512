// Package pipeline is the domain of a run: its twelve stages with what each needs, the request that starts it, and the
// payloads that go in and out of the stages. It knows no transport and no store.
package pipeline

import "fmt"

// Stage is the name of a stage as it stands in URLs, events, drops and folders.
type Stage string

// The twelve stages, in the order in which people read them.
const (
	PromptEnhancement    Stage = "prompt-enhancement"
	FRDGeneration        Stage = "frd-generation"
	RequirementsParsing  Stage = "requirements-parsing"
	ProjectStructure     Stage = "project-structure"
	CodeGeneration       Stage = "code-generation"
	SemanticValidation   Stage = "semantic-validation"
	DependencyResolution Stage = "dependency-resolution"
	TestPlanGeneration   Stage = "test-plan-generation"
	TestGeneration       Stage = "test-generation"
	SecurityScanning     Stage = "security-scanning"
	PerformanceAnalysis  Stage = "performance-analysis"
	Documentation        Stage = "documentation"
)

// The two steps of a run that are no stages: they keep drops and show progress as stages do.
const (
	VerificationStep Stage = "verification"
	PackagingStep    Stage = "packaging"
)

// stages is the one table of the pipeline. A stage starts as soon as the results of all it needs are there.
var stages = []struct {
	name  Stage
	needs []Stage
}{
	{PromptEnhancement, nil},
	{FRDGeneration, []Stage{PromptEnhancement}},
	{RequirementsParsing, []Stage{FRDGeneration}},
	{ProjectStructure, []Stage{RequirementsParsing}},
	{CodeGeneration, []Stage{RequirementsParsing, ProjectStructure}},
	{SemanticValidation, []Stage{ProjectStructure, CodeGeneration}},
	{DependencyResolution, []Stage{ProjectStructure, CodeGeneration, TestGeneration}},
	{TestPlanGeneration, []Stage{RequirementsParsing, ProjectStructure}},
	{TestGeneration, []Stage{RequirementsParsing, ProjectStructure, TestPlanGeneration}},
	{SecurityScanning, []Stage{CodeGeneration, DependencyResolution, TestGeneration}},
	{PerformanceAnalysis, []Stage{CodeGeneration}},
	{Documentation, []Stage{RequirementsParsing, ProjectStructure, CodeGeneration, DependencyResolution}},
}

// Stages gives the twelve stages in reading order.
func Stages() []Stage {
	names := make([]Stage, len(stages))
	for i, s := range stages {
		names[i] = s.name
	}
	return names
}

// Needs gives the stages whose results s reads; nil for the first stage and for names that are no stage.
func (s Stage) Needs() []Stage {
	for _, row := range stages {
		if row.name == s {
			return append([]Stage(nil), row.needs...)
		}
	}
	return nil
}

// Number is the stage's place in reading order, from 1; 0 for a name that is no stage.
func (s Stage) Number() int {
	for i, row := range stages {
		if row.name == s {
			return i + 1
		}
	}
	return 0
}

// ParseStage gives the stage of that name, or an error that lists the names.
func ParseStage(name string) (Stage, error) {
	if s := Stage(name); s.Number() > 0 {
		return s, nil
	}
	return "", fmt.Errorf("no stage %q; the stages are %v", name, Stages())
}

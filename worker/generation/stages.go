package generation

import (
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// stageWork is what RunStage knows of a stage: how to make its payload out of drops and call it, and what to tell of its
// answer, given the answer's drop.
type stageWork struct {
	call      func(*caller) (answer, error)
	summarize func(in *inputs, drop string) Summary
}

// stages is the one table of them.
var stages = map[pipeline.Stage]stageWork{
	pipeline.PromptEnhancement:    {callPromptEnhancement, summarizeEnhancement},
	pipeline.FRDGeneration:        {callFRDGeneration, summarizeFRD},
	pipeline.RequirementsParsing:  {callRequirementsParsing, summarizeRequirements},
	pipeline.ProjectStructure:     {callProjectStructure, summarizeStructure},
	pipeline.CodeGeneration:       {callCodeGeneration, summarizeCode},
	pipeline.SemanticValidation:   {callSemanticValidation, summarizeValidation},
	pipeline.DependencyResolution: {callDependencyResolution, summarizeDependencies},
	pipeline.TestPlanGeneration:   {callTestPlanGeneration, summarizeTestPlan},
	pipeline.TestGeneration:       {callTestGeneration, summarizeTests},
	pipeline.SecurityScanning:     {callSecurityScanning, summarizeSecurity},
	pipeline.PerformanceAnalysis:  {callPerformanceAnalysis, summarizePerformance},
	pipeline.Documentation:        {callDocumentation, summarizeFiles},
}

func callPromptEnhancement(c *caller) (answer, error) {
	out, err := ask[pipeline.PromptEnhancementIn, pipeline.PromptEnhancementOut](c, pipeline.PromptEnhancementIn{Request: c.request()})
	return answer{value: out, usage: out.Usage}, err
}

func callFRDGeneration(c *caller) (answer, error) {
	out, err := ask[pipeline.FRDGenerationIn, pipeline.FRDGenerationOut](c, pipeline.FRDGenerationIn{
		Request:  c.request(),
		Enhanced: result[pipeline.PromptEnhancementOut](c.inputs, pipeline.PromptEnhancement),
	})
	return answer{value: out, usage: out.Usage, volatile: out.Refusal != nil}, err
}

func callRequirementsParsing(c *caller) (answer, error) {
	out, err := ask[pipeline.RequirementsParsingIn, pipeline.RequirementsParsingOut](c, pipeline.RequirementsParsingIn{
		Markdown: result[pipeline.FRDGenerationOut](c.inputs, pipeline.FRDGeneration).Markdown,
	})
	return answer{value: out}, err
}

func callProjectStructure(c *caller) (answer, error) {
	out, err := ask[pipeline.ProjectStructureIn, pipeline.ProjectStructureOut](c, pipeline.ProjectStructureIn{
		Request: c.request(), Requirements: c.requirements(),
	})
	return answer{value: out, usage: out.Usage}, err
}

func callCodeGeneration(c *caller) (answer, error) {
	payload := pipeline.CodeGenerationIn{
		WorkflowID: workflowID(c.ctx), Request: c.request(), Requirements: c.requirements(), Contract: c.contract(),
		Repair: c.codeRepair(),
	}
	out, err := ask[pipeline.CodeGenerationIn, pipeline.CodeGenerationOut](c, payload)
	return answer{value: out, files: files(out.Files), usage: out.Usage}, err
}

func callSemanticValidation(c *caller) (answer, error) {
	out, err := ask[pipeline.SemanticValidationIn, pipeline.SemanticValidationOut](c, pipeline.SemanticValidationIn{
		Language: c.request().Language, Contract: c.contract(), Files: c.files(pipeline.CodeGeneration),
	})
	return answer{value: out}, err
}

// callDependencyResolution answers errUnchanged when the project imports what it imported in the round before.
func callDependencyResolution(c *caller) (answer, error) {
	request := c.request()
	payload := pipeline.DependencyResolutionIn{
		Request: request, Contract: c.contract(), Files: c.files(pipeline.CodeGeneration), TestFiles: c.files(pipeline.TestGeneration),
	}
	digest := importsDigest(request.Language, payload.Files, payload.TestFiles)
	if c.err == nil && c.previous().Metadata[metadataImports] == digest {
		return answer{}, errUnchanged
	}
	out, err := ask[pipeline.DependencyResolutionIn, pipeline.DependencyResolutionOut](c, payload)
	return answer{value: out, files: files(out.Files), usage: out.Usage, metadata: map[string]string{metadataImports: digest}}, err
}

func callTestPlanGeneration(c *caller) (answer, error) {
	out, err := ask[pipeline.TestPlanGenerationIn, pipeline.TestPlanGenerationOut](c, pipeline.TestPlanGenerationIn{
		Request: c.request(), Requirements: c.requirements(), Contract: c.contract(),
	})
	return answer{value: out, usage: out.Usage}, err
}

func callTestGeneration(c *caller) (answer, error) {
	payload := pipeline.TestGenerationIn{
		WorkflowID: workflowID(c.ctx), Request: c.request(), Requirements: c.requirements(), Contract: c.contract(),
		Plan:   result[pipeline.TestPlanGenerationOut](c.inputs, pipeline.TestPlanGeneration).Plan,
		Repair: c.testRepair(),
	}
	out, err := ask[pipeline.TestGenerationIn, pipeline.TestGenerationOut](c, payload)
	return answer{value: out, files: files(out.Files), usage: out.Usage}, err
}

func callSecurityScanning(c *caller) (answer, error) {
	out, err := ask[pipeline.SecurityScanningIn, pipeline.SecurityScanningOut](c, pipeline.SecurityScanningIn{
		Language: c.request().Language,
		Files:    c.files(pipeline.CodeGeneration, pipeline.DependencyResolution, pipeline.TestGeneration),
		Packages: c.packages(),
	})
	return answer{value: out}, err
}

func callPerformanceAnalysis(c *caller) (answer, error) {
	out, err := ask[pipeline.PerformanceAnalysisIn, pipeline.PerformanceAnalysisOut](c, pipeline.PerformanceAnalysisIn{
		Language: c.request().Language, Files: c.files(pipeline.CodeGeneration),
	})
	return answer{value: out}, err
}

func callDocumentation(c *caller) (answer, error) {
	out, err := ask[pipeline.DocumentationIn, pipeline.DocumentationOut](c, pipeline.DocumentationIn{
		WorkflowID: workflowID(c.ctx), Request: c.request(), Requirements: c.requirements(), Contract: c.contract(),
		Files: c.files(pipeline.CodeGeneration), Packages: c.packages(),
	})
	return answer{value: out, files: files(out.Files), usage: out.Usage}, err
}

// files makes sure that a stage which writes files is stored as one even if it wrote none.
func files(written []pipeline.File) []pipeline.File {
	if written == nil {
		return []pipeline.File{}
	}
	return written
}

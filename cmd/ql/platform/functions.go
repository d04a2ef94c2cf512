package platform

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/agent-orchestrator/orchestrator"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/metaprompt"
	"github.com/quantumlayer-dev/quantumlayer/functions/parser/parser"
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-capsule/quantumcapsule"
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/code-generation/codegeneration"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/dependency-resolution/dependencyresolution"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/documentation/readme"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/frd-generation/frdgeneration"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/performance-analysis/performanceanalysis"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/project-structure/projectstructure"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/prompt-enhancement/promptenhancement"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/requirements-parsing/requirementsparsing"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/security-scanning/securityscanning"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/semantic-validation/semanticvalidation"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-generation/testgeneration"
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-plan-generation/testplangeneration"
	"github.com/quantumlayer-dev/quantumlayer/functions/workflow-api/workflowapi"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// front is the function that answers at the root; the others answer under prefix.
const (
	front  = "workflow-api"
	prefix = "/functions/"
)

// services are the functions that others find by a variable of their own.
var services = []struct {
	variable string
	runner.Function
}{
	{"QL_LLM_ROUTER_URL", runner.Function{Name: "llm-router", New: llmrouter.New}},
	{"QL_META_PROMPT_ENGINE_URL", runner.Function{Name: "meta-prompt-engine", New: metaprompt.New}},
	{"QL_PARSER_URL", runner.Function{Name: "parser", New: parser.New}},
	{"QL_AGENT_ORCHESTRATOR_URL", runner.Function{Name: "agent-orchestrator", New: orchestrator.New}},
	{"QL_QUANTUM_DROPS_URL", runner.Function{Name: "quantum-drops", New: quantumdrops.New}},
	{"QL_QUANTUM_CAPSULE_URL", runner.Function{Name: "quantum-capsule", New: quantumcapsule.New}},
	{"QL_SANDBOX_RUNNER_URL", runner.Function{Name: "sandbox-runner", New: sandboxrunner.New}},
	{"QL_WORKFLOW_API_URL", runner.Function{Name: front, New: workflowapi.New}},
}

// stages are the stage functions, which are found by QL_STAGES_URL.
var stages = []runner.Function{
	{Name: string(pipeline.PromptEnhancement), New: promptenhancement.New},
	{Name: string(pipeline.FRDGeneration), New: frdgeneration.New},
	{Name: string(pipeline.RequirementsParsing), New: requirementsparsing.New},
	{Name: string(pipeline.ProjectStructure), New: projectstructure.New},
	{Name: string(pipeline.CodeGeneration), New: codegeneration.New},
	{Name: string(pipeline.SemanticValidation), New: semanticvalidation.New},
	{Name: string(pipeline.DependencyResolution), New: dependencyresolution.New},
	{Name: string(pipeline.TestPlanGeneration), New: testplangeneration.New},
	{Name: string(pipeline.TestGeneration), New: testgeneration.New},
	{Name: string(pipeline.SecurityScanning), New: securityscanning.New},
	{Name: string(pipeline.PerformanceAnalysis), New: performanceanalysis.New},
	{Name: string(pipeline.Documentation), New: readme.New},
}

// functions are all that run in the process.
func functions() []runner.Function {
	var all []runner.Function
	for _, s := range services {
		all = append(all, s.Function)
	}
	return append(all, stages...)
}

package pipeline

// File is one file of the project.
type File struct {
	Path    string `json:"path" doc:"Slash-separated path inside the project"`
	Content string `json:"content" doc:"Whole text of the file, UTF-8"`
}

// The kinds of requirement.
const (
	Functional    = "functional"
	NonFunctional = "non-functional"
)

// Requirement is one numbered requirement of the FRD. Its ID stays the same to the end of the run.
type Requirement struct {
	ID         string   `json:"id" example:"FR-1"`
	Title      string   `json:"title,omitempty"`
	Text       string   `json:"text"`
	Kind       string   `json:"kind" doc:"functional or non-functional"`
	Priority   string   `json:"priority" doc:"must, should or could"`
	Section    string   `json:"section,omitempty" doc:"Heading it stands under"`
	Acceptance []string `json:"acceptance,omitempty" doc:"Acceptance criteria"`
	Line       int      `json:"line,omitempty" doc:"Line of the FRD, from 1"`
}

// Entity is a thing that the project keeps, with its fields and relations.
type Entity struct {
	Name         string     `json:"name"`
	Fields       []Field    `json:"fields,omitempty"`
	Relations    []Relation `json:"relations,omitempty"`
	Requirements []string   `json:"requirements,omitempty" doc:"IDs of the requirements that mention it"`
}

// Field is one field of an entity.
type Field struct {
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"`
	Required bool   `json:"required,omitempty"`
	Unique   bool   `json:"unique,omitempty"`
	Note     string `json:"note,omitempty" doc:"Rules in words"`
}

// Relation points from one entity to another.
type Relation struct {
	Kind string `json:"kind" doc:"belongs-to, has-many or many-to-many"`
	To   string `json:"to"`
}

// Endpoint is one HTTP operation.
type Endpoint struct {
	Method       string   `json:"method" doc:"An HTTP method; ANY for all that have no endpoint of their own"`
	Path         string   `json:"path"`
	Summary      string   `json:"summary,omitempty"`
	Requirements []string `json:"requirements,omitempty"`
}

// Command is one command of a command-line tool.
type Command struct {
	Name         string   `json:"name"`
	Summary      string   `json:"summary,omitempty"`
	Requirements []string `json:"requirements,omitempty"`
}

// Issue is a finding at a place of a text. Line and Column count from 1; 0: the whole file.
type Issue struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Rule     string `json:"rule"`
	Severity string `json:"severity" doc:"error, warning or info"`
	Message  string `json:"message"`
	Advice   string `json:"advice,omitempty"`
	CWE      string `json:"cwe,omitempty" doc:"For security findings, e.g. CWE-89"`
}

// Prompt says which prompt file asked the model: the hash is of the file's text.
type Prompt struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
}

// Usage adds up what the models of a stage took. CostMicros is in millionths of a US dollar; 0: not known.
type Usage struct {
	Provider     string `json:"provider,omitempty"`
	Model        string `json:"model,omitempty"`
	Calls        int    `json:"calls" doc:"Calls to the router, answers from its cache included"`
	Cached       int    `json:"cached,omitempty" doc:"Calls that the cache answered"`
	InputTokens  int    `json:"input_tokens"`
	OutputTokens int    `json:"output_tokens"`
	CostMicros   int64  `json:"cost_micros,omitempty"`
}

// Add adds other to u; provider and model stay the first that were set.
func (u *Usage) Add(other Usage) {
	if u.Provider == "" {
		u.Provider, u.Model = other.Provider, other.Model
	}
	u.Calls += other.Calls
	u.Cached += other.Cached
	u.InputTokens += other.InputTokens
	u.OutputTokens += other.OutputTokens
	u.CostMicros += other.CostMicros
}

// Trace is what every stage that asks a model says about how it asked.
type Trace struct {
	Prompts []Prompt `json:"prompts,omitempty" doc:"The prompt files used"`
	Usage   Usage    `json:"usage"`
}

// Refusal is a domain "no": the stage worked, and its answer is that this cannot be built. The run ends failed with the reason.
type Refusal struct {
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// Context is a text that prompt enhancement found in the collections and put in.
type Context struct {
	Collection string  `json:"collection" doc:"prompts or code_samples"`
	ID         string  `json:"id" doc:"Where it is from"`
	Score      float64 `json:"score" doc:"Similarity, 0 to 1"`
	Vectors    string  `json:"vectors" doc:"How similarity was measured: lexical, or embedding:MODEL"`
	Text       string  `json:"text"`
}

// PromptEnhancementIn and the pairs that follow are the stages' payloads: In is the data of the requested event, Out of the completed one.
type PromptEnhancementIn struct {
	Request Request `json:"request"`
}

// PromptEnhancementOut is the enhanced prompt. Unused holds sentences of the prompt that the provider says it did not use.
type PromptEnhancementOut struct {
	Trace
	Prompt     string    `json:"prompt" doc:"The enhanced prompt"`
	Added      []Context `json:"added,omitempty" doc:"What was added, and from where"`
	Unsearched []string  `json:"unsearched,omitempty" doc:"Collections of earlier texts that did not answer: nothing could be added from them"`
	Template   Prompt    `json:"template"`
}

// FRDGenerationIn asks for the functional requirements document.
type FRDGenerationIn struct {
	Request  Request              `json:"request"`
	Enhanced PromptEnhancementOut `json:"enhanced"`
}

// FRDGenerationOut is the document in Markdown, or a refusal.
type FRDGenerationOut struct {
	Trace
	Markdown string   `json:"markdown,omitempty"`
	Unused   []string `json:"unused,omitempty" doc:"Sentences of the prompt that the document does not use"`
	Refusal  *Refusal `json:"refusal,omitempty"`
}

// RequirementsParsingIn is the FRD.
type RequirementsParsingIn struct {
	Markdown string `json:"markdown"`
}

// Requirements is what the parser reads out of an FRD.
type Requirements struct {
	Title        string        `json:"title,omitempty"`
	Summary      string        `json:"summary,omitempty"`
	Requirements []Requirement `json:"requirements"`
	Entities     []Entity      `json:"entities,omitempty"`
	Endpoints    []Endpoint    `json:"endpoints,omitempty"`
	Commands     []Command     `json:"commands,omitempty"`
	Issues       []Issue       `json:"issues,omitempty"`
}

// RequirementsParsingOut is the FRD as data.
type RequirementsParsingOut struct {
	Requirements
}

// ProjectStructureIn asks for the project's contract.
type ProjectStructureIn struct {
	Request      Request      `json:"request"`
	Requirements Requirements `json:"requirements"`
}

// ProjectStructureOut is the contract, checked.
type ProjectStructureOut struct {
	Trace
	Contract Contract `json:"contract"`
}

// CodeGenerationIn asks for the source files, or, with Repair, for new ones in place of those at fault.
type CodeGenerationIn struct {
	WorkflowID   string       `json:"workflow_id,omitempty" doc:"Subject of progress events"`
	Request      Request      `json:"request"`
	Requirements Requirements `json:"requirements"`
	Contract     Contract     `json:"contract"`
	Repair       *Repair      `json:"repair,omitempty"`
}

// Repair says what verification found wrong with the files of the round before.
type Repair struct {
	Round    int       `json:"round" doc:"From 1"`
	Files    []File    `json:"files" doc:"The files as they are"`
	Tests    []File    `json:"tests,omitempty" doc:"The test files, to be read only; for code generation"`
	Findings []Finding `json:"findings"`
	Output   string    `json:"output,omitempty" doc:"Raw tail of the failing step"`
	Disputes []Dispute `json:"disputes,omitempty" doc:"Tests that code generation holds to be wrong; for test generation"`
}

// Dispute says that a test asks for something that its requirement does not. Whoever writes tests decides, without seeing code.
type Dispute struct {
	Test        string `json:"test" doc:"Name of the test function"`
	File        string `json:"file" doc:"Test file it stands in"`
	Requirement string `json:"requirement" doc:"ID of the requirement"`
	Reason      string `json:"reason"`
}

// Finding is one thing that a build or test run found.
type Finding struct {
	Step    string `json:"step" doc:"build, vet, test or syntax"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Test    string `json:"test,omitempty"`
	Message string `json:"message"`
}

// SourceFiles is what a stage that writes code answers.
type SourceFiles struct {
	Trace
	Files    []File `json:"files"`
	Attempts int    `json:"attempts" doc:"Asks in all, re-asks included"`
}

// CodeGenerationOut holds every source file of the project, the unchanged ones of a repair included.
type CodeGenerationOut struct {
	SourceFiles
	Disputes []Dispute `json:"disputes,omitempty" doc:"Of a repair: tests held to be wrong"`
}

// SemanticValidationIn is the code with the contract that it should keep.
type SemanticValidationIn struct {
	Language string   `json:"language"`
	Contract Contract `json:"contract"`
	Files    []File   `json:"files"`
}

// SemanticValidationOut is what syntax trees say about the code.
type SemanticValidationOut struct {
	Issues []Issue       `json:"issues"`
	Files  []FileSummary `json:"files"`
}

// FileSummary is one file seen through its syntax tree.
type FileSummary struct {
	Path    string   `json:"path"`
	Lines   int      `json:"lines"`
	Imports []string `json:"imports,omitempty"`
	Exports []string `json:"exports,omitempty" doc:"Signatures"`
}

// DependencyResolutionIn is all that imports something.
type DependencyResolutionIn struct {
	Request   Request  `json:"request"`
	Contract  Contract `json:"contract"`
	Files     []File   `json:"files"`
	TestFiles []File   `json:"test_files"`
}

// DependencyResolutionOut is packages that exist, and the files (go.mod, go.sum) that pin them.
type DependencyResolutionOut struct {
	Trace
	Packages []Package `json:"packages"`
	Files    []File    `json:"files"`
	Issues   []Issue   `json:"issues,omitempty" doc:"Imports that no package provides"`
}

// Package is one dependency as the registry knows it.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence,omitempty" doc:"SPDX identifier; empty: not recognised"`
	Direct  bool   `json:"direct"`
}

// TestPlanGenerationIn asks for the test plan.
type TestPlanGenerationIn struct {
	Request      Request      `json:"request"`
	Requirements Requirements `json:"requirements"`
	Contract     Contract     `json:"contract"`
}

// TestPlanGenerationOut is the test plan.
type TestPlanGenerationOut struct {
	Trace
	Plan TestPlan `json:"plan"`
}

// TestPlan says which test files there will be and what each shows.
type TestPlan struct {
	Strategy string         `json:"strategy"`
	Files    []TestPlanFile `json:"files"`
}

// TestPlanFile is one test file of the plan.
type TestPlanFile struct {
	Path  string     `json:"path"`
	Cases []TestCase `json:"cases"`
}

// TestCase is one test of the plan.
type TestCase struct {
	Name         string   `json:"name"`
	Requirements []string `json:"requirements"`
	Given        string   `json:"given"`
	Expect       string   `json:"expect"`
}

// TestGenerationIn asks for the test files; it never holds the code. With Repair the files at fault are asked for again.
type TestGenerationIn struct {
	WorkflowID   string       `json:"workflow_id,omitempty"`
	Request      Request      `json:"request"`
	Requirements Requirements `json:"requirements"`
	Contract     Contract     `json:"contract"`
	Plan         TestPlan     `json:"plan"`
	Repair       *Repair      `json:"repair,omitempty" doc:"Files: test files only"`
}

// TestGenerationOut holds every test file.
type TestGenerationOut struct {
	SourceFiles
	Upheld   []Dispute `json:"upheld,omitempty" doc:"Disputes that were right: these tests were written again"`
	Rejected []Dispute `json:"rejected,omitempty" doc:"Disputes that were wrong: the tests stay, the code must change"`
}

// SecurityScanningIn is the whole project.
type SecurityScanningIn struct {
	Language string    `json:"language"`
	Files    []File    `json:"files"`
	Packages []Package `json:"packages"`
}

// SecurityScanningOut is the security report.
type SecurityScanningOut struct {
	Issues     []Issue  `json:"issues"`
	NotChecked []string `json:"not_checked" doc:"What this scan does not look at"`
}

// PerformanceAnalysisIn is the code.
type PerformanceAnalysisIn struct {
	Language string `json:"language"`
	Files    []File `json:"files"`
}

// PerformanceAnalysisOut is complexity read off syntax trees; nothing is run.
type PerformanceAnalysisOut struct {
	Functions []FunctionMetrics `json:"functions"`
	Hotspots  []Hotspot         `json:"hotspots,omitempty" doc:"Worst first, at most twenty"`
	Issues    []Issue           `json:"issues"`
}

// Hotspot is a function that is worth a look first.
type Hotspot struct {
	File     string   `json:"file"`
	Function string   `json:"function"`
	Line     int      `json:"line"`
	Score    int      `json:"score" doc:"Sum of what the reasons weigh; only the order means something"`
	Reasons  []string `json:"reasons"`
}

// FunctionMetrics measures one function.
type FunctionMetrics struct {
	File        string `json:"file"`
	Name        string `json:"name"`
	Line        int    `json:"line"`
	Lines       int    `json:"lines"`
	Cyclomatic  int    `json:"cyclomatic"`
	MaxNesting  int    `json:"max_nesting"`
	Parameters  int    `json:"parameters"`
	NestedLoops int    `json:"nested_loops" doc:"Deepest nesting of loops"`
}

// DocumentationIn asks for README and docs.
type DocumentationIn struct {
	WorkflowID   string       `json:"workflow_id,omitempty"`
	Request      Request      `json:"request"`
	Requirements Requirements `json:"requirements"`
	Contract     Contract     `json:"contract"`
	Files        []File       `json:"files"`
	Packages     []Package    `json:"packages"`
}

// DocumentationOut holds the documentation's files.
type DocumentationOut struct {
	SourceFiles
}

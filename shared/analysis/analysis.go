// Package analysis is the vocabulary of the parser function: what a caller sends, what it gets back, and the client
// that carries both. It holds no parser itself, so that a caller needs no C compiler.
package analysis

import "github.com/quantumlayer-dev/quantumlayer/shared/pipeline"

// Check names a family of rules.
type Check string

// The checks.
const (
	Syntax      Check = "syntax"      // what the grammar cannot read
	Semantic    Check = "semantic"    // code that does not compile, does nothing or hides errors
	Security    Check = "security"    // code that an attacker can use
	Performance Check = "performance" // code that costs more than it has to
)

// Checks lists every check.
func Checks() []Check { return []Check{Syntax, Semantic, Security, Performance} }

// The severities of an issue. An error has to be mended before the project may count as done; a warning should be;
// an info is for the reader alone.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityInfo    = "info"
)

// Import is one thing that a file imports.
type Import struct {
	Path  string `json:"path" doc:"As the source names it, e.g. net/http, ./store, std::fmt"`
	Alias string `json:"alias,omitempty" doc:"The name it is bound to, when the source gives one; . or * for all names, _ for none"`
	Line  int    `json:"line"`
}

// Kind says what a symbol is.
type Kind string

// The kinds of symbol.
const (
	Func      Kind = "func"
	Method    Kind = "method"
	Type      Kind = "type"
	Class     Kind = "class"
	Interface Kind = "interface"
	Const     Kind = "const"
	Var       Kind = "var"
)

// Symbol is one name that a file offers to others.
type Symbol struct {
	Name      string `json:"name"`
	Kind      Kind   `json:"kind" enum:"func,method,type,class,interface,const,var"`
	Receiver  string `json:"receiver,omitempty" doc:"The type that a method belongs to, without pointer or type arguments"`
	Signature string `json:"signature" doc:"The declaration without its body, in one line"`
	Line      int    `json:"line"`
}

// Qualified is the symbol's name as a contract writes it: a method is Type.Method.
func (s Symbol) Qualified() string {
	if s.Receiver == "" {
		return s.Name
	}
	return s.Receiver + "." + s.Name
}

// File is what is known of one file.
type File struct {
	Path         string                     `json:"path"`
	Language     string                     `json:"language,omitempty" doc:"Empty for a file that is source code in no known language"`
	Package      string                     `json:"package,omitempty" doc:"Package that the file says it belongs to; for Python and Rust the module that its path gives"`
	Imports      []Import                   `json:"imports,omitempty"`
	Exports      []Symbol                   `json:"exports,omitempty"`
	Functions    []pipeline.FunctionMetrics `json:"functions,omitempty"`
	Outline      string                     `json:"outline,omitempty" doc:"The exported declarations without their bodies, to be read"`
	Lines        int                        `json:"lines"`
	CommentLines int                        `json:"comment_lines"`
	SyntaxErrors int                        `json:"syntax_errors" doc:"Places that the grammar cannot read; above 0, what is said of the file may be incomplete"`
}

// Request asks for an analysis.
type Request struct {
	Language string                  `json:"language" enum:"go,python,javascript,typescript,java,rust" doc:"The project's language; files in another one are read by their extension"`
	Files    []pipeline.File         `json:"files" minItems:"1" maxItems:"2000"`
	Module   string                  `json:"module,omitempty" doc:"Go: the project's module path, for files without their go.mod"`
	Checks   []Check                 `json:"checks,omitempty" enum:"syntax,semantic,security,performance" doc:"None: only what the files hold is told"`
	Contract []pipeline.ContractFile `json:"contract,omitempty" doc:"What the files should export; files that are not sent are not compared"`
}

// Report is the answer. It is in the order of paths and lines, so the same files always give the same report.
type Report struct {
	Files    []File             `json:"files"`
	Issues   []pipeline.Issue   `json:"issues"`
	Hotspots []pipeline.Hotspot `json:"hotspots,omitempty" doc:"Worst first, at most twenty; with the performance check"`
}

// RequirementsRequest asks to read a functional requirements document.
type RequirementsRequest struct {
	Markdown string `json:"markdown" minLength:"1" doc:"The document; at most 256 KiB"`
}

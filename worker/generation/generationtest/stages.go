package generationtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// stage makes a stage function that answers by the script of the run which the event is about.
func stage[In, Out any](w *World, mux *http.ServeMux, name pipeline.Stage, handle func(*Script, In) Out) error {
	environ := runner.Environ{"QL_QUANTUM_DROPS_URL": w.DropsURL()}
	service, err := runner.Stage(environ, name, func(ctx context.Context, in In) (Out, error) {
		var none Out
		s := ctx.Value(scriptKey{}).(*Script)
		call := s.begin(name, ctx.Value(eventKey{}).(string))
		defer func() { s.end(name, call, ctx.Err() != nil) }()
		if s.Before != nil {
			if err := s.Before(ctx, name, call); err != nil {
				return none, err
			}
		}
		return handle(s, in), nil
	})
	if err != nil {
		return err
	}
	mux.HandleFunc("POST /stages/"+string(name), func(rw http.ResponseWriter, r *http.Request) {
		s, ok := w.script(r.Header.Get("ce-subject"))
		if !ok {
			fault.Write(rw, r, fault.New(fault.Unprocessable, "no script for run %q", r.Header.Get("ce-subject")))
			return
		}
		ctx := context.WithValue(r.Context(), scriptKey{}, s)
		service.Handler.ServeHTTP(rw, r.WithContext(context.WithValue(ctx, eventKey{}, r.Header.Get("ce-id"))))
	})
	return nil
}

type (
	scriptKey struct{}
	eventKey  struct{}
)

func (w *World) stages(mux *http.ServeMux) error {
	for _, err := range []error{
		stage(w, mux, pipeline.PromptEnhancement, func(_ *Script, in pipeline.PromptEnhancementIn) pipeline.PromptEnhancementOut {
			return pipeline.PromptEnhancementOut{Trace: trace, Prompt: in.Request.Prompt + ", enhanced"}
		}),
		stage(w, mux, pipeline.FRDGeneration, frd),
		stage(w, mux, pipeline.RequirementsParsing, func(*Script, pipeline.RequirementsParsingIn) pipeline.RequirementsParsingOut {
			return pipeline.RequirementsParsingOut{Requirements: pipeline.Requirements{Requirements: []pipeline.Requirement{
				{ID: Requirement, Text: "It greets.", Kind: pipeline.Functional, Priority: "must"}}}}
		}),
		stage(w, mux, pipeline.ProjectStructure, structure),
		stage(w, mux, pipeline.CodeGeneration, code),
		stage(w, mux, pipeline.SemanticValidation, validation),
		stage(w, mux, pipeline.DependencyResolution, dependencies),
		stage(w, mux, pipeline.TestPlanGeneration, func(*Script, pipeline.TestPlanGenerationIn) pipeline.TestPlanGenerationOut {
			return pipeline.TestPlanGenerationOut{Trace: trace, Plan: pipeline.TestPlan{Strategy: "table tests", Files: []pipeline.TestPlanFile{
				{Path: TestFile, Cases: []pipeline.TestCase{{Name: "TestGreet", Requirements: []string{Requirement}, Given: "a name", Expect: "a greeting"}}}}}}
		}),
		stage(w, mux, pipeline.TestGeneration, tests),
		stage(w, mux, pipeline.SecurityScanning, func(*Script, pipeline.SecurityScanningIn) pipeline.SecurityScanningOut {
			return pipeline.SecurityScanningOut{Issues: []pipeline.Issue{}, NotChecked: []string{"business logic"}}
		}),
		stage(w, mux, pipeline.PerformanceAnalysis, func(*Script, pipeline.PerformanceAnalysisIn) pipeline.PerformanceAnalysisOut {
			return pipeline.PerformanceAnalysisOut{Functions: []pipeline.FunctionMetrics{}, Issues: []pipeline.Issue{}}
		}),
		stage(w, mux, pipeline.Documentation, func(_ *Script, in pipeline.DocumentationIn) pipeline.DocumentationOut {
			return pipeline.DocumentationOut{SourceFiles: pipeline.SourceFiles{Trace: trace, Attempts: 1,
				Files: []pipeline.File{{Path: "README.md", Content: fmt.Sprintf("# %s\n\n%d files\n", in.Contract.Name, len(in.Files))}}}}
		}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func frd(s *Script, in pipeline.FRDGenerationIn) pipeline.FRDGenerationOut {
	if s.FRD != nil {
		return s.FRD(in)
	}
	return pipeline.FRDGenerationOut{Trace: trace, Markdown: "# Greeting\n\n- FR-1: It greets.\n"}
}

func structure(s *Script, _ pipeline.ProjectStructureIn) pipeline.ProjectStructureOut {
	if s.Structure != nil {
		return pipeline.ProjectStructureOut{Trace: trace, Contract: s.Structure()}
	}
	return pipeline.ProjectStructureOut{Trace: trace, Contract: Project(s.run, 2)}
}

func code(s *Script, in pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
	if s.Code != nil {
		out := s.Code(in)
		out.Trace = trace
		return out
	}
	out := pipeline.CodeGenerationOut{SourceFiles: pipeline.SourceFiles{Trace: trace, Attempts: len(in.Contract.Files)}}
	for _, f := range in.Contract.Files {
		out.Files = append(out.Files, Source(f, "first"))
	}
	return out
}

func tests(s *Script, in pipeline.TestGenerationIn) pipeline.TestGenerationOut {
	if s.Tests != nil {
		out := s.Tests(in)
		out.Trace = trace
		return out
	}
	return pipeline.TestGenerationOut{SourceFiles: pipeline.SourceFiles{Trace: trace, Attempts: 1, Files: []pipeline.File{{Path: TestFile,
		Content: "package part0\n\nimport \"testing\"\n\nfunc TestGreet(t *testing.T) {\n\tif Greet(\"x\") == \"\" {\n\t\tt.Error(\"silent\")\n\t}\n}\n"}}}}
}

func validation(s *Script, in pipeline.SemanticValidationIn) pipeline.SemanticValidationOut {
	if s.Validation != nil {
		return s.Validation(in)
	}
	return pipeline.SemanticValidationOut{Issues: []pipeline.Issue{}, Files: []pipeline.FileSummary{}}
}

func dependencies(s *Script, in pipeline.DependencyResolutionIn) pipeline.DependencyResolutionOut {
	if s.Dependencies != nil {
		return s.Dependencies(in)
	}
	return pipeline.DependencyResolutionOut{Packages: []pipeline.Package{}, Files: []pipeline.File{GoMod(in.Contract.Module)}}
}

// GoMod is the go.mod of a module without dependencies.
func GoMod(module string) pipeline.File {
	return pipeline.File{Path: "go.mod", Content: "module " + module + "\n\ngo 1.24\n"}
}

// sandbox knows the run again by the module's name.
func (w *World) sandbox(rw http.ResponseWriter, r *http.Request) {
	var request verification.Request
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		fault.Write(rw, r, fault.New(fault.Invalid, "no JSON: %w", err))
		return
	}
	files := map[string]string{}
	for _, f := range request.Files {
		files[f.Path] = f.Content
	}
	module, _, _ := strings.Cut(strings.TrimPrefix(files["go.mod"], "module example.com/"), "\n")
	s, ok := w.script(module)
	if !ok {
		fault.Write(rw, r, fault.New(fault.Unprocessable, "no script for module %q", module))
		return
	}
	call := s.begin(pipeline.VerificationStep, "")
	defer func() { s.end(pipeline.VerificationStep, call, r.Context().Err() != nil) }()
	if s.Before != nil {
		if err := s.Before(r.Context(), pipeline.VerificationStep, call); err != nil {
			fault.Write(rw, r, err)
			return
		}
	}
	result := Passing()
	if s.Verify != nil {
		result = s.Verify(files, call)
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(result) // a test that cuts the connection looks at the calls
}

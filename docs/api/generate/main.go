// Command generate writes docs/api: the JSON Schemas of the stages' payloads and of other events' data, and the OpenAPI document of
// workflow-api, made from the Go types of the functions. With -check it writes nothing and fails when a file would change.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/quantumlayer-dev/quantumlayer/functions/workflow-api/workflowapi"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail when a file would change")
	dir := flag.String("dir", "docs/api", "folder to write to")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string, check bool) error {
	openAPI, err := openAPI()
	if err != nil {
		return err
	}
	docs := map[string]any{"openapi.json": openAPI}
	add(docs, pipeline.PromptEnhancement, runner.NewSchema[pipeline.PromptEnhancementIn](), runner.NewSchema[pipeline.PromptEnhancementOut]())
	add(docs, pipeline.FRDGeneration, runner.NewSchema[pipeline.FRDGenerationIn](), runner.NewSchema[pipeline.FRDGenerationOut]())
	add(docs, pipeline.RequirementsParsing, runner.NewSchema[pipeline.RequirementsParsingIn](), runner.NewSchema[pipeline.RequirementsParsingOut]())
	add(docs, pipeline.ProjectStructure, runner.NewSchema[pipeline.ProjectStructureIn](), runner.NewSchema[pipeline.ProjectStructureOut]())
	add(docs, pipeline.CodeGeneration, runner.NewSchema[pipeline.CodeGenerationIn](), runner.NewSchema[pipeline.CodeGenerationOut]())
	add(docs, pipeline.SemanticValidation, runner.NewSchema[pipeline.SemanticValidationIn](), runner.NewSchema[pipeline.SemanticValidationOut]())
	add(docs, pipeline.DependencyResolution, runner.NewSchema[pipeline.DependencyResolutionIn](), runner.NewSchema[pipeline.DependencyResolutionOut]())
	add(docs, pipeline.TestPlanGeneration, runner.NewSchema[pipeline.TestPlanGenerationIn](), runner.NewSchema[pipeline.TestPlanGenerationOut]())
	add(docs, pipeline.TestGeneration, runner.NewSchema[pipeline.TestGenerationIn](), runner.NewSchema[pipeline.TestGenerationOut]())
	add(docs, pipeline.SecurityScanning, runner.NewSchema[pipeline.SecurityScanningIn](), runner.NewSchema[pipeline.SecurityScanningOut]())
	add(docs, pipeline.PerformanceAnalysis, runner.NewSchema[pipeline.PerformanceAnalysisIn](), runner.NewSchema[pipeline.PerformanceAnalysisOut]())
	add(docs, pipeline.Documentation, runner.NewSchema[pipeline.DocumentationIn](), runner.NewSchema[pipeline.DocumentationOut]())
	docs["events/drop.stored.schema.json"] = runner.NewSchema[drop.Announcement]()
	var errs []error
	for name, doc := range docs {
		errs = append(errs, write(filepath.Join(dir, name), doc, check))
	}
	return errors.Join(errs...)
}

// openAPI is the document that workflow-api serves.
func openAPI() (json.RawMessage, error) {
	rec := httptest.NewRecorder()
	workflowapi.Handler(context.Background(), workflowapi.Parts{}).ServeHTTP(rec, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/openapi.json", nil))
	if rec.Code != http.StatusOK {
		return nil, fmt.Errorf("workflow-api answers %d for /openapi.json", rec.Code)
	}
	return rec.Body.Bytes(), nil
}

// add names the two schemas of a stage after its event types.
func add[In, Out any](docs map[string]any, stage pipeline.Stage, in *runner.Schema[In], out *runner.Schema[Out]) {
	docs["stages/"+string(stage)+"."+event.Requested+".schema.json"] = in
	docs["stages/"+string(stage)+"."+event.Completed+".schema.json"] = out
}

func write(path string, doc any, check bool) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	b.WriteByte('\n')
	have, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(have, b.Bytes()):
		return nil
	case check:
		return fmt.Errorf("%s is not what the types say; run `make generate`", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

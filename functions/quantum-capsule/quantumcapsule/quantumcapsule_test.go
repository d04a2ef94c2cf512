package quantumcapsule_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-capsule/quantumcapsule"
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsuleclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func serve(t *testing.T, service *runner.Service) string {
	t.Helper()
	server := httptest.NewServer(runner.Handler(t.Context(), service, quantumcapsule.MaxArchive))
	t.Cleanup(func() {
		server.Close()
		if service.Close != nil {
			if err := service.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return server.URL
}

// platform starts the real quantum-drops and quantum-capsule.
func platform(t *testing.T) (*dropclient.Client, *capsuleclient.Client, string) {
	t.Helper()
	dir := t.TempDir()
	drops, err := quantumdrops.New(t.Context(), runner.Environ{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "drops.db"), "QL_BLOBS_URL": "file://" + filepath.Join(dir, "blobs"),
	})
	if err != nil {
		t.Fatal(err)
	}
	dropsURL := serve(t, drops)
	capsules, err := quantumcapsule.New(t.Context(), runner.Environ{"QL_QUANTUM_DROPS_URL": dropsURL})
	if err != nil {
		t.Fatal(err)
	}
	base := serve(t, capsules)
	return dropclient.New(dropsURL), capsuleclient.New(base), base
}

// store keeps files as drops of a workflow and returns a request for a capsule.
func store(t *testing.T, drops *dropclient.Client, workflowID string, moment time.Time) capsuleclient.Request {
	t.Helper()
	r := capsuleclient.Request{
		WorkflowID: workflowID,
		Project: capsule.Project{
			Name: "library", Language: "go", Type: "api", EntryPoint: "cmd/library",
			Commands: capsule.Commands{Build: "go build ./...", Run: "go run ./cmd/library", Test: "go test ./..."},
		},
		Verification: capsule.Verification{
			Status: capsule.Passed, Mode: "namespaces",
			Steps: []capsule.Step{{Name: "test", Status: capsule.Passed}}, Tests: capsule.Tests{Passed: 3},
		},
		Models:     []capsule.Model{{Provider: "blueprint", Model: "blueprint-1"}},
		NotChecked: []string{"Load was not tested."},
	}
	var batch []drop.Drop
	for path, body := range map[string]string{
		"go.mod": "module example.com/library\n", "cmd/library/main.go": "package main\n\nfunc main() {}\n", "run.sh": "#!/bin/sh\n",
	} {
		d, err := drop.Seal(drop.Drop{
			WorkflowID: workflowID, Stage: "code-generation", Type: drop.TypeFile, Timestamp: moment,
			Artifact: []byte(body), Metadata: map[string]string{drop.MetadataPath: path},
		})
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, d)
		r.Files = append(r.Files, capsuleclient.File{Path: path, DropID: d.ID, Executable: strings.HasSuffix(path, ".sh")})
	}
	if err := drops.Store(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCapsuleOfDrops(t *testing.T) {
	t.Parallel()
	drops, capsules, _ := platform(t)
	request := store(t, drops, "wf-1", time.Now())
	created, err := capsules.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	d, err := drops.Get(t.Context(), drop.DefaultTenant, created.DropID)
	if err != nil {
		t.Fatal(err)
	}
	if d.SHA256 != created.SHA256 || d.Size != created.Size || d.Type != drop.TypeCapsule || d.Stage != "packaging" ||
		d.WorkflowID != "wf-1" || d.Name() != "library.tar.gz" || len(d.Parents) != 3 {
		t.Errorf("created %+v, stored %+v", created, d)
	}
	report, err := capsule.Verify(bytes.NewReader(d.Artifact), capsule.Limits{})
	if err != nil || !report.OK {
		t.Fatalf("the stored capsule: %v, %v", report.Err(), err)
	}
	if diff := cmp.Diff(&created.Manifest, report.Manifest); diff != "" {
		t.Errorf("manifest (-answered +stored):\n%s", diff)
	}
	if got := created.Manifest.Files[2]; got.Path != "run.sh" || got.Mode != "0755" || !strings.HasPrefix(got.Drop, "code-generation/file/run.sh@sha256:") {
		t.Errorf("run.sh is %+v", got)
	}
	again, err := capsules.Create(t.Context(), request)
	if diff := cmp.Diff(created, again); err != nil || diff != "" {
		t.Errorf("packing again: %v (-first +second):\n%s", err, diff)
	}
}

func TestCapsulesOfEqualFilesAreEqual(t *testing.T) {
	t.Parallel()
	drops, capsules, _ := platform(t)
	first, err := capsules.Create(t.Context(), store(t, drops, "wf-1", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	second, err := capsules.Create(t.Context(), store(t, drops, "wf-2", time.Now().Add(-time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if first.SHA256 != second.SHA256 || first.DropID == second.DropID {
		t.Errorf("another workflow's capsule: %s in %s, then %s in %s", first.SHA256, first.DropID, second.SHA256, second.DropID)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	drops, capsules, _ := platform(t)
	missing := "drop_" + strings.Repeat("0", 32)
	for name, tt := range map[string]struct {
		change   func(*capsuleclient.Request)
		code     fault.Code
		location string
	}{
		"unknown drop":     {func(r *capsuleclient.Request) { r.Files[1].DropID = missing }, fault.Unprocessable, "body.files[1].drop_id"},
		"another's drop":   {func(r *capsuleclient.Request) { r.Tenant = "acme" }, fault.Unprocessable, "body.files[0].drop_id"},
		"no files":         {func(r *capsuleclient.Request) { r.Files = nil }, fault.Unprocessable, "body.files"},
		"unsafe path":      {func(r *capsuleclient.Request) { r.Files[2].Path = "../x" }, fault.Unprocessable, "body.files[2].path"},
		"path twice":       {func(r *capsuleclient.Request) { r.Files[1].Path = r.Files[0].Path }, fault.Unprocessable, "body.files[0].path"},
		"no entry point":   {func(r *capsuleclient.Request) { r.Project.EntryPoint = "nowhere" }, fault.Unprocessable, "body"},
		"red but passed":   {func(r *capsuleclient.Request) { r.Verification.Tests.Failed = 1 }, fault.Unprocessable, "body"},
		"unknown verdict":  {func(r *capsuleclient.Request) { r.Verification.Status = "fine" }, fault.Unprocessable, "body.verification.status"},
		"no workflow":      {func(r *capsuleclient.Request) { r.WorkflowID = "" }, fault.Unprocessable, "body.workflow_id"},
		"deeper than fits": {func(r *capsuleclient.Request) { r.Files[0].Path = strings.Repeat("a/", 40) + "x" }, fault.TooLarge, "body.files[0].path"},
	} {
		t.Run(name, func(t *testing.T) {
			request := store(t, drops, "wf-1", time.Now())
			tt.change(&request)
			created, err := capsules.Create(t.Context(), request)
			if !fault.Is(err, tt.code) {
				t.Fatalf("created %+v, error %v, want %s", created, err, tt.code)
			}
			var f *fault.Error
			errors.As(err, &f)
			found := false
			for _, field := range f.Fields {
				found = found || field.Location == tt.location
			}
			if !found {
				t.Errorf("no field %q in %+v", tt.location, f.Fields)
			}
		})
	}
}

func TestCreateWithoutQuantumDrops(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	service, err := quantumcapsule.New(t.Context(), runner.Environ{"QL_QUANTUM_DROPS_URL": gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = capsuleclient.New(serve(t, service)).Create(t.Context(), capsuleclient.Request{
		WorkflowID: "wf", Project: capsule.Project{Name: "p", Language: "go"},
		Verification: capsule.Verification{Status: capsule.Failed, Reason: "r", Steps: []capsule.Step{}},
		Files:        []capsuleclient.File{{Path: "a", DropID: "drop_" + strings.Repeat("0", 32)}},
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("error %v, want unavailable: the next try may work", err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	drops, capsules, base := platform(t)
	created, err := capsules.Create(t.Context(), store(t, drops, "wf-1", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := drops.Artifact(t.Context(), created.DropID)
	if err != nil {
		t.Fatal(err)
	}
	report, err := capsules.Verify(t.Context(), bytes.NewReader(raw))
	if err != nil || !report.OK || report.SHA256 != created.SHA256 || report.Manifest.Project.Name != "library" {
		t.Errorf("report %+v, %v", report, err)
	}
	raw[len(raw)/2] ^= 1
	report, err = capsules.Verify(t.Context(), bytes.NewReader(raw))
	if err != nil || report.OK || len(report.Problems) == 0 {
		t.Errorf("one byte was changed: report %+v, %v", report, err)
	}
	large := io.LimitReader(zeros{}, quantumcapsule.MaxArchive+1)
	if _, err := capsules.Verify(t.Context(), large); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a body over the limit: %v, want too_large", err)
	}
	resp, err := http.Get(base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct{ Paths map[string]any }
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Paths["/v1/capsules"] == nil || doc.Paths["/v1/capsules/verify"] == nil {
		t.Errorf("OpenAPI paths %v, %v", doc.Paths, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	_, err := quantumcapsule.New(t.Context(), runner.Environ{"QL_QUANTUM_DROPS_URL": "drops"})
	if err == nil || !strings.Contains(err.Error(), "QL_QUANTUM_DROPS_URL") {
		t.Errorf("error %v, want one that names the variable", err)
	}
}

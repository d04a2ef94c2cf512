package workflowapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

func TestWhatARunMade(t *testing.T) {
	t.Parallel()
	c, base, _ := serve(t)
	id := create(t, c, &generationtest.Script{})
	run := await(t, c, id, ended)

	files, err := c.Files(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
		content, err := c.File(t.Context(), id, f.Path)
		if err != nil || drop.Digest(content) != f.SHA256 || int64(len(content)) != f.Size {
			t.Errorf("%s: %d bytes with another digest than listed (%v)", f.Path, len(content), err)
		}
	}
	if diff := cmp.Diff([]string{"README.md", "go.mod", "part0/part.go", generationtest.TestFile, "part1/part.go"}, paths); diff != "" {
		t.Errorf("files:\n%s", diff)
	}
	_, err = c.File(t.Context(), id, "part0/other.go")
	wantFault(t, err, fault.NotFound)

	drops, err := c.Drops(t.Context(), id, pipeline.CodeGeneration, "")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[drop.Type]int{}
	for _, d := range drops {
		kinds[d.Type]++
		if d.Stage != string(pipeline.CodeGeneration) || d.Artifact != nil || d.Size == 0 {
			t.Errorf("listed drop %+v", d)
		}
	}
	if diff := cmp.Diff(map[drop.Type]int{drop.TypeResult: 1, drop.TypeFile: 2}, kinds); diff != "" {
		t.Errorf("drops of code-generation:\n%s", diff)
	}

	for _, d := range drops {
		got, err := c.Drop(t.Context(), id, d.ID)
		if err != nil || got.Address() != d.Address() || int64(len(got.Artifact)) != d.Size {
			t.Errorf("drop %s read by itself is %s, %d bytes (%v)", d.Address(), got.Address(), len(got.Artifact), err)
		}
	}
	_, err = c.Drop(t.Context(), id, "drop_"+strings.Repeat("0", 32))
	wantFault(t, err, fault.NotFound)
	_, err = c.Drop(t.Context(), id, "drop_1")
	wantFault(t, err, fault.Unprocessable)
	other := create(t, c, &generationtest.Script{})
	_, err = c.Drop(t.Context(), other, drops[0].ID) // it is there, in another run
	wantFault(t, err, fault.NotFound)

	var archive bytes.Buffer
	if err := c.Capsule(t.Context(), id, &archive); err != nil {
		t.Fatal(err)
	}
	if got := drop.Digest(archive.Bytes()); got != run.Capsule.SHA256 || int64(archive.Len()) != run.Capsule.Size {
		t.Errorf("the capsule has digest %s, not %s", got, run.Capsule.SHA256)
	}
	report, err := capsule.Verify(bytes.NewReader(archive.Bytes()), capsule.Limits{})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("the capsule does not verify: %+v (%v)", report, err)
	}
	capsuleHeaders(t, base+"/v1/workflows/"+id+"/capsule", id, run.Capsule.SHA256)
}

func capsuleHeaders(t *testing.T, url, id, digest string) {
	t.Helper()
	for match, status := range map[string]int{"": http.StatusOK, `"` + digest + `"`: http.StatusNotModified, `"other"`: http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", match)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status || resp.Header.Get("ETag") != `"`+digest+`"` {
			t.Errorf("If-None-Match %s: got %s, ETag %s", match, resp.Status, resp.Header.Get("ETag"))
		}
		if got := resp.Header.Get("Content-Disposition"); status == http.StatusOK &&
			(got != `attachment; filename="`+id+`.tar.gz"` || resp.Header.Get("Content-Type") != "application/gzip") {
			t.Errorf("Content-Disposition %q, Content-Type %q", got, resp.Header.Get("Content-Type"))
		}
	}
}

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	t.Parallel()
	_, base, _ := serve(t)
	resp, err := http.Get(base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string   `json:"operationId"`
			Summary     string   `json:"summary"`
			Tags        []string `json:"tags"`
			Responses   map[string]struct {
				Content map[string]json.RawMessage `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			got[strings.ToUpper(method)+" "+path] = op.OperationID
			if op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: summary %q, tags %q", method, path, op.Summary, op.Tags)
			}
			for status, r := range op.Responses {
				if _, problem := r.Content[fault.ProblemType]; status >= "400" && !problem {
					t.Errorf("%s %s answers %s without a problem document", method, path, status)
				}
			}
		}
	}
	want := map[string]string{
		"POST /v1/workflows": "start-run", "GET /v1/workflows": "list-runs", "GET /v1/workflows/{id}": "get-run",
		"DELETE /v1/workflows/{id}": "cancel-run", "POST /v1/workflows/{id}/retry": "retry-run",
		"GET /v1/workflows/{id}/events": "stream-events", "GET /v1/workflows/{id}/drops": "list-drops", "GET /v1/workflows/{id}/drops/{drop}": "get-drop",
		"GET /v1/workflows/{id}/files": "list-files", "GET /v1/workflows/{id}/files/{path}": "get-file",
		"GET /v1/workflows/{id}/capsule": "get-capsule", "GET /v1/dead-letters": "list-dead-letters", "GET /": "get-index",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes:\n%s", diff)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
}

package quantumdrops_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3/s3test"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

// serve runs the function as main does, and returns its base URL and the
// directory of its SQLite file and blobs.
func serve(t *testing.T) (base, dir string) {
	t.Helper()
	dir = t.TempDir()
	return serveOn(t, runner.Environ{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "drops.db"),
		"QL_BLOBS_URL":    "file://" + filepath.Join(dir, "blobs"),
	}), dir
}

func serveOn(t *testing.T, environ runner.Environ) (base string) {
	t.Helper()
	service, err := quantumdrops.New(t.Context(), environ)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	server := httptest.NewServer(runner.Handler(t.Context(), service, quantumdrops.MaxBody))
	t.Cleanup(func() {
		server.Close()
		if err := service.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return server.URL
}

func sealed(t *testing.T, path, body string, change func(*drop.Drop)) drop.Drop {
	t.Helper()
	d := drop.Drop{
		WorkflowID: "wf/1 ?", Stage: "code-generation", Type: drop.TypeFile,
		Artifact: []byte(body), Metadata: map[string]string{drop.MetadataPath: path},
		Usage: drop.Usage{Model: "m", InputTokens: 3, Calls: 1},
	}
	if change != nil {
		change(&d)
	}
	d, err := drop.Seal(d)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func without(artifact drop.Drop) drop.Drop {
	artifact.Artifact = nil
	return artifact
}

func TestClientAgainstTheService(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string]runner.Environ{
		"sqlite":         {"QL_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "drops.db"), "QL_BLOBS_URL": "file://" + t.TempDir()},
		"postgres":       {"QL_DATABASE_URL": testservices.Postgres(t), "QL_BLOBS_URL": s3test.New(t).URL},
		"postgres alone": {"QL_DATABASE_URL": testservices.Postgres(t), "QL_BLOBS_URL": "database:"},
	} {
		t.Run(name, func(t *testing.T) { // not parallel: the database ends with the parent
			clientAgainst(t, dropclient.New(serveOn(t, environ)))
		})
	}
}

func clientAgainst(t *testing.T, client *dropclient.Client) {
	ctx := t.Context()
	source := sealed(t, "main.go", "package main // <&>\n", nil)
	picture := sealed(t, "logo.png", "\x89PNG\xff\x00", nil)
	large := sealed(t, "large.txt", strings.Repeat("é", 100_000), nil)
	result := sealed(t, "", `{"files":3}`, func(d *drop.Drop) { d.Type = drop.TypeResult; d.Metadata = nil; d.Parents = []string{source.ID} })
	foreign := sealed(t, "secret.go", "package secret", func(d *drop.Drop) { d.Tenant = "acme" })
	all := []drop.Drop{source, picture, large, result}
	for range 2 { // storing again is no error
		if err := client.Store(ctx, append(all, foreign)); err != nil {
			t.Fatalf("Store: %v", err)
		}
	}
	if err := client.Store(ctx, nil); err != nil {
		t.Errorf("storing nothing: %v", err)
	}
	for _, want := range all {
		got, err := client.Get(ctx, drop.DefaultTenant, want.ID)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Get: %v (-want +got):\n%s", err, diff)
		}
		body, err := client.Artifact(ctx, want.ID)
		if err != nil || !bytes.Equal(body, want.Artifact) {
			t.Errorf("Artifact of %s: %d bytes, %v", want.Name(), len(body), err)
		}
	}
	for _, tenant := range []string{drop.DefaultTenant, "other"} {
		if _, err := client.Get(ctx, tenant, foreign.ID); !errors.Is(err, drop.ErrNotFound) || !fault.Is(err, fault.NotFound) {
			t.Errorf("tenant %s reads another's drop: %v", tenant, err)
		}
	}
	if got, err := client.Get(ctx, "", foreign.ID); err != nil || got.Tenant != "acme" {
		t.Errorf("any tenant: %v, %v", got.Tenant, err)
	}
	listed := func(q drop.Query) (drops []drop.Drop) {
		t.Helper()
		for d, err := range client.All(ctx, q) {
			if err != nil {
				t.Fatalf("All: %v", err)
			}
			drops = append(drops, d)
		}
		return drops
	}
	if diff := cmp.Diff([]drop.Drop{without(source), without(picture), without(large), without(result)},
		listed(drop.Query{WorkflowID: "wf/1 ?", Limit: 3})); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	zero := 0
	if diff := cmp.Diff([]drop.Drop{source}, listed(drop.Query{Text: "package MAIN", Type: drop.TypeFile, Version: &zero, WithArtifacts: true})); diff != "" {
		t.Errorf("search (-want +got):\n%s", diff)
	}
	got, err := client.Latest(ctx, "", "wf/1 ?", "code-generation", drop.TypeResult)
	if diff := cmp.Diff(result, got); err != nil || diff != "" {
		t.Errorf("Latest: %v (-want +got):\n%s", err, diff)
	}
	if _, err := client.Latest(ctx, "", "wf/1 ?", "documentation", drop.TypeResult); !errors.Is(err, drop.ErrNotFound) {
		t.Errorf("Latest of a stage without drops: %v", err)
	}
	stages, err := client.Stages(ctx, "", "wf/1 ?")
	if err != nil || len(stages) != 1 || stages[0].Drops != 4 || stages[0].Usage.InputTokens != 12 || stages[0].Types[drop.TypeFile] != 3 {
		t.Errorf("Stages = %+v, %v", stages, err)
	}
	if stages, err := client.Stages(ctx, "acme", "none"); err != nil || len(stages) != 0 {
		t.Errorf("Stages of an unknown workflow = %+v, %v", stages, err)
	}
}

// call sends a request and returns the response with its body.
func call(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}

func TestStoreOne(t *testing.T) {
	t.Parallel()
	base, _ := serve(t)
	const body = `{"workflow_id":"w","stage":"frd-generation","type":"result","artifact":"# FRD","usage":{"model":"m"}}`
	for _, want := range []int{http.StatusCreated, http.StatusOK} {
		resp, answer := call(t, http.MethodPost, base+"/v1/drops", body)
		var stored quantumdrops.Stored
		if err := json.Unmarshal([]byte(answer), &stored); err != nil || resp.StatusCode != want {
			t.Fatalf("status %d, want %d: %s (%v)", resp.StatusCode, want, answer, err)
		}
		if stored.Size != 5 || stored.SHA256 != drop.Digest([]byte("# FRD")) || stored.Address != "frd-generation/result@sha256:"+stored.SHA256 {
			t.Errorf("stored %+v", stored)
		}
		if resp.Header.Get("Location") != "/v1/drops/"+stored.ID {
			t.Errorf("Location %q", resp.Header.Get("Location"))
		}
	}
}

func TestArtifactHeaders(t *testing.T) {
	t.Parallel()
	base, _ := serve(t)
	page := sealed(t, "index.html", "<script>alert(1)</script>", nil)
	archive := sealed(t, "", "\x1f\x8b\xff", func(d *drop.Drop) { d.Type = drop.TypeCapsule })
	if err := dropclient.New(base).Store(t.Context(), []drop.Drop{page, archive}); err != nil {
		t.Fatal(err)
	}
	url := base + "/v1/drops/" + page.ID + "/artifact"
	resp, body := call(t, http.MethodGet, url, "")
	if body != string(page.Artifact) || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" ||
		resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("body %q, header %v", body, resp.Header)
	}
	if resp, body := call(t, http.MethodGet, url, "", "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("If-None-Match: status %d, body %q", resp.StatusCode, body)
	}
	if resp, body := call(t, http.MethodGet, url, "", "Range", "bytes=1-6"); resp.StatusCode != http.StatusPartialContent || body != "script" {
		t.Errorf("Range: status %d, body %q", resp.StatusCode, body)
	}
	if resp, _ := call(t, http.MethodGet, base+"/v1/drops/"+archive.ID+"/artifact", ""); resp.Header.Get("Content-Type") != "application/gzip" {
		t.Errorf("a capsule comes as %q", resp.Header.Get("Content-Type"))
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	base, _ := serve(t)
	good := `{"workflow_id":"w","stage":"s","type":"file","artifact":"a"}`
	many := `{"drops":[` + strings.TrimSuffix(strings.Repeat(good+",", 257), ",") + `]}`
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		code               fault.Code
		location           string // of one wrong field; empty: not looked at
	}{
		"no JSON":          {http.MethodPost, "/v1/drops", `{`, 400, fault.Invalid, ""},
		"no artifact":      {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"s","type":"file"}`, 422, fault.Unprocessable, "body.artifact"},
		"both artifacts":   {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"s","type":"file","artifact":"a","artifact_base64":"YQ=="}`, 422, fault.Unprocessable, ""},
		"no base64":        {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"s","type":"file","artifact_base64":"%"}`, 422, fault.Unprocessable, ""},
		"unknown field":    {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"s","type":"file","artifact":"a","x":1}`, 422, fault.Unprocessable, "body.x"},
		"bad stage":        {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"S!","type":"file","artifact":"a"}`, 422, fault.Unprocessable, "body.stage"},
		"foreign digest":   {http.MethodPost, "/v1/drops", `{"workflow_id":"w","stage":"s","type":"file","artifact":"a","sha256":"00"}`, 422, fault.Unprocessable, "body.sha256"},
		"one of the batch": {http.MethodPost, "/v1/drops/batch", `{"drops":[` + good + `,{"workflow_id":"w","stage":"s!","type":"file","artifact":"a"}]}`, 422, fault.Unprocessable, "body.drops[1].stage"},
		"null batch":       {http.MethodPost, "/v1/drops/batch", `{"drops":null}`, 422, fault.Unprocessable, "body.drops"},
		"empty batch":      {http.MethodPost, "/v1/drops/batch", `{"drops":[]}`, 422, fault.Unprocessable, "body.drops"},
		"large batch":      {http.MethodPost, "/v1/drops/batch", many, 422, fault.Unprocessable, "body.drops"},
		"large body":       {http.MethodPost, "/v1/drops", `"` + strings.Repeat("x", quantumdrops.MaxBody), 413, fault.TooLarge, ""},
		"unknown drop":     {http.MethodGet, "/v1/drops/drop_0", "", 404, fault.NotFound, ""},
		"its artifact":     {http.MethodGet, "/v1/drops/drop_0/artifact", "", 404, fault.NotFound, ""},
		"bad cursor":       {http.MethodGet, "/v1/drops?cursor=x", "", 422, fault.Unprocessable, "cursor"},
		"bad limit":        {http.MethodGet, "/v1/drops?limit=0", "", 422, fault.Unprocessable, "query.limit"},
		"nothing to find":  {http.MethodGet, "/v1/drops?q=!", "", 422, fault.Unprocessable, "q"},
		"bad version":      {http.MethodGet, "/v1/workflows/w/drops?version=x", "", 422, fault.Unprocessable, "query.version"},
		"no latest":        {http.MethodGet, "/v1/workflows/w/stages/s/latest", "", 404, fault.NotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := call(t, tt.method, base+tt.path, tt.body)
			var problem fault.Problem
			if err := json.Unmarshal([]byte(body), &problem); err != nil {
				t.Fatalf("status %d, no problem document: %.200s", resp.StatusCode, body)
			}
			if resp.StatusCode != tt.status || problem.Code != tt.code || resp.Header.Get("Content-Type") != fault.ProblemType {
				t.Errorf("status %d, %s, want %d, %s: %.300s", resp.StatusCode, problem.Code, tt.status, tt.code, body)
			}
			found := tt.location == ""
			for _, field := range problem.Errors {
				found = found || field.Location == tt.location
			}
			if !found {
				t.Errorf("no field %q in %+v", tt.location, problem.Errors)
			}
		})
	}
	if resp, body := call(t, http.MethodGet, base+"/v1/drops", ""); resp.StatusCode != http.StatusOK || body != `{"drops":[]}`+"\n" {
		t.Errorf("after bad requests alone the store holds %s", body)
	}
}

// A damaged store is our fault and the answer says nothing of its inside.
func TestDamagedArtifact(t *testing.T) {
	t.Parallel()
	base, dir := serve(t)
	d := sealed(t, "a.bin", "\xff", nil)
	client := dropclient.New(base)
	if err := client.Store(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", d.SHA256[:2], d.SHA256[2:4], d.SHA256), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := client.Get(t.Context(), "", d.ID)
	if !fault.Is(err, fault.Internal) || strings.Contains(err.Error(), "blobs") {
		t.Errorf("error %v, want an internal one that tells nothing", err)
	}
}

func TestReadinessFollowsTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	service, err := quantumdrops.New(t.Context(), runner.Environ{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "drops.db"), "QL_BLOBS_URL": "file://" + dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	if err := service.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := service.Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Ready without a store: %v, want unavailable", err)
	}
}

func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, environ := range map[string]runner.Environ{
		"QL_BLOBS_URL is not set":           {"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "a.db")},
		"QL_DATABASE_URL is not set":        {"QL_BLOBS_URL": "file://" + dir},
		"QL_BLOBS_URL: write file://DIR":    {"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "a.db"), "QL_BLOBS_URL": dir},
		"or s3://BUCKET":                    {"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "a.db"), "QL_BLOBS_URL": "gs://key:s3cr3t@bucket"},
		"must hold no credentials":          {"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "a.db"), "QL_BLOBS_URL": "s3://key:s3cr3t@bucket"},
		"QL_DATABASE_URL: the database URL": {"QL_DATABASE_URL": "mysql://root:s3cr3t@db", "QL_BLOBS_URL": "file://" + dir},
	} {
		_, err := quantumdrops.New(t.Context(), environ)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestOpenAPINamesEveryRoute(t *testing.T) {
	t.Parallel()
	base, _ := serve(t)
	resp, body := call(t, http.MethodGet, base+"/openapi.json", "")
	var doc struct {
		OpenAPI    string
		Paths      map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	for _, path := range []string{
		"/v1/drops", "/v1/drops/batch", "/v1/drops/{id}", "/v1/drops/{id}/artifact", "/v1/workflows/{id}/drops",
		"/v1/workflows/{id}/stages", "/v1/workflows/{id}/stages/{stage}/drops", "/v1/workflows/{id}/stages/{stage}/latest",
	} {
		if doc.Paths[path] == nil {
			t.Errorf("no %s", path)
		}
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || !strings.Contains(body, "artifact_base64") {
		t.Errorf("OpenAPI %s, schemas %v", doc.OpenAPI, doc.Components.Schemas)
	}
}

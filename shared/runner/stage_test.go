package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// dropsInMemory stands in for quantum-drops: the two routes that references use.
func dropsInMemory(t *testing.T) (url string, artifacts map[string][]byte) {
	artifacts = map[string][]byte{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/drops", func(_ http.ResponseWriter, r *http.Request) {
		var d drop.Drop
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		artifacts[d.ID] = d.Artifact
	})
	mux.HandleFunc("GET /v1/drops/{id}/artifact", func(w http.ResponseWriter, r *http.Request) {
		body, ok := artifacts[r.PathValue("id")]
		if !ok {
			fault.Write(w, r, fault.New(fault.NotFound, "no drop %s", r.PathValue("id")))
			return
		}
		w.Write(body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, artifacts
}

func parsing(t *testing.T, dropsURL string) http.Handler {
	s, err := runner.Stage(runner.Environ{"QL_QUANTUM_DROPS_URL": dropsURL}, pipeline.RequirementsParsing,
		func(_ context.Context, in pipeline.RequirementsParsingIn) (pipeline.RequirementsParsingOut, error) {
			switch in.Markdown {
			case "missing":
				return pipeline.RequirementsParsingOut{}, fault.New(fault.NotFound, "nothing there")
			case "down":
				return pipeline.RequirementsParsingOut{}, fault.New(fault.Unavailable, "parser is down")
			}
			return pipeline.RequirementsParsingOut{Requirements: pipeline.Requirements{Title: in.Markdown, Requirements: []pipeline.Requirement{}}}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler
}

const requested = "dev.quantumlayer.stage.requirements-parsing.requested"

func post(h http.Handler, body []byte, headers map[string]string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

func binary(extra map[string]string) map[string]string {
	h := map[string]string{"ce-id": "1", "ce-type": requested, "ce-source": "/test", "ce-specversion": "1.0", "ce-subject": "run-1", "Content-Type": "application/json"}
	for k, v := range extra {
		h[k] = v
	}
	return h
}

func TestStageAnswersInBinaryMode(t *testing.T) {
	url, _ := dropsInMemory(t)
	h := parsing(t, url)
	rec := post(h, []byte(`{"markdown":"# T"}`), binary(nil))
	if rec.Code != 200 || rec.Header().Get("ce-type") != "dev.quantumlayer.stage.requirements-parsing.completed" || rec.Header().Get("ce-subject") != "run-1" {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	var out pipeline.RequirementsParsingOut
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || out.Title != "# T" {
		t.Errorf("answer %s, %v", rec.Body, err)
	}
	if again := post(h, []byte(`{"markdown":"# T"}`), binary(nil)); again.Header().Get("ce-id") != rec.Header().Get("ce-id") {
		t.Error("the same request was answered with another event ID")
	}
}

func TestStageAnswersInStructuredMode(t *testing.T) {
	url, _ := dropsInMemory(t)
	body := `{"specversion":"1.0","id":"1","type":"` + requested + `","source":"/test","subject":"run-1","datacontenttype":"application/json","data":{"markdown":"# T"}}`
	rec := post(parsing(t, url), []byte(body), map[string]string{"Content-Type": "application/cloudevents+json"})
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/cloudevents+json") || !strings.Contains(rec.Body.String(), `"title":"# T"`) {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
}

func TestLargeDataTravelsByReference(t *testing.T) {
	url, artifacts := dropsInMemory(t)
	large := strings.Repeat("a", event.InlineLimit+1)
	payload, err := json.Marshal(pipeline.RequirementsParsingIn{Markdown: large})
	if err != nil {
		t.Fatal(err)
	}
	d, err := drop.Seal(drop.Drop{WorkflowID: "run-1", Stage: "frd-generation", Type: drop.TypePayload, Artifact: payload})
	if err != nil {
		t.Fatal(err)
	}
	artifacts[d.ID] = payload
	rec := post(parsing(t, url), nil, binary(map[string]string{"ce-dataref": url + "/v1/drops/" + d.ID + "/artifact"}))
	if rec.Code != 200 || rec.Body.Len() != 0 {
		t.Fatalf("%d with %d bytes inline: %.200s", rec.Code, rec.Body.Len(), rec.Body)
	}
	ref := rec.Header().Get("ce-dataref")
	id, _ := strings.CutPrefix(ref, url+"/v1/drops/")
	var out pipeline.RequirementsParsingOut
	if err := json.Unmarshal(artifacts[strings.TrimSuffix(id, "/artifact")], &out); err != nil || out.Title != large {
		t.Errorf("behind %s stand %d bytes of title, %v", ref, len(out.Title), err)
	}
}

func TestStageRefusesBadInputWithoutA5xx(t *testing.T) {
	url, _ := dropsInMemory(t)
	h := parsing(t, url)
	good := []byte(`{"markdown":"# T"}`)
	for name, tc := range map[string]struct {
		body    []byte
		headers map[string]string
		status  int
		code    fault.Code
	}{
		"no event":               {good, map[string]string{"Content-Type": "application/json"}, 400, fault.Invalid},
		"no id":                  {good, binary(map[string]string{"ce-id": ""}), 400, fault.Invalid},
		"an unknown type":        {good, binary(map[string]string{"ce-type": "dev.quantumlayer.stage.documentation.requested"}), 422, fault.UnknownEvent},
		"no JSON":                {[]byte("{"), binary(nil), 400, fault.Invalid},
		"no data":                {nil, binary(nil), 400, fault.Invalid},
		"a missing field":        {[]byte(`{}`), binary(nil), 422, fault.Unprocessable},
		"a field too many":       {[]byte(`{"markdown":"x","y":1}`), binary(nil), 422, fault.Unprocessable},
		"a wrong type":           {[]byte(`{"markdown":1}`), binary(nil), 422, fault.Unprocessable},
		"two values":             {[]byte(`{"markdown":"x"} {}`), binary(nil), 400, fault.Invalid},
		"over the limit":         {bytes.Repeat([]byte("a"), 1<<20+1), binary(nil), 413, fault.TooLarge},
		"a reference elsewhere":  {nil, binary(map[string]string{"ce-dataref": "http://169.254.169.254/latest"}), 422, fault.Unprocessable},
		"a reference to nothing": {nil, binary(map[string]string{"ce-dataref": url + "/v1/drops/drop_" + strings.Repeat("0", 32) + "/artifact"}), 422, fault.Unprocessable},
		"not found inside":       {[]byte(`{"markdown":"missing"}`), binary(nil), 422, fault.Unprocessable},
		"a broken dependency":    {[]byte(`{"markdown":"down"}`), binary(nil), 503, fault.Unavailable},
		"a number for base64":    {[]byte(numberForBase64), structured, 400, fault.Invalid},
		"an empty encoding":      {[]byte(emptyEncoding), structured, 400, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			rec := post(h, tc.body, tc.headers)
			var p fault.Problem
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
				t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
			}
			if diff := cmp.Diff([]any{tc.status, tc.code}, []any{rec.Code, p.Code}); diff != "" {
				t.Errorf("%s (-want +got):\n%s", p.Detail, diff)
			}
		})
	}
}

// Structured events that the SDK cannot read without a panic.
const (
	numberForBase64 = `{"data_base64":5,"specversion":"1.0","id":"1","type":"t","source":"/s"}`
	emptyEncoding   = `{"datacontentencoding":"","specversion":"0.3","id":"1","type":"t","source":"/s"}`
)

var structured = map[string]string{"Content-Type": "application/cloudevents+json"}

// receiver takes every event that can be read.
func receiver() http.Handler {
	return runner.Receiver(func(context.Context, ce.Event) error { return nil })
}

func TestReceiverRefusesWhatIsNoEvent(t *testing.T) {
	for _, body := range []string{numberForBase64, emptyEncoding, `{`, `null`, ``} {
		if rec := post(receiver(), []byte(body), structured); rec.Code != 400 || !strings.Contains(rec.Body.String(), "no CloudEvent") {
			t.Errorf("%s: answered %d %s", body, rec.Code, rec.Body)
		}
	}
}

// No body makes reading an event a defect of ours.
func FuzzStructuredEvent(f *testing.F) {
	for _, seed := range []string{
		numberForBase64, emptyEncoding, `{"specversion":"1.0","id":"1","type":"t","source":"/s","subject":"w","time":"2025-03-01T12:00:00Z","data":{"a":[1,null]}}`,
		`{"specversion":"1.0","id":"1","type":"t","source":"/s","datacontenttype":"text/plain","data":"x","dataschema":"http://h","x":true,"y":7}`,
		`{"specversion":"0.3","id":"1","type":"t","source":"/s","datacontentencoding":"base64","data":"eA==","schemaurl":"/x"}`,
		`{"data":"x","data_base64":"eA==","datacontenttype":"text/plain; charset=utf-8","specversion":"1.0","id":"1","type":"t","source":"/s"}`,
		`{"time":0,"specversion":"1.0"}`, `{"source":"%","specversion":"1.0"}`, `{"dataschema":5,"extension":{"a":1},"specversion":"1.0"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if rec := post(receiver(), []byte(body), structured); rec.Code != http.StatusAccepted && rec.Code != http.StatusBadRequest {
			t.Errorf("answered %d %s", rec.Code, rec.Body)
		}
	})
}

func TestSchemasOfAllPayloadsCanBeWritten(t *testing.T) {
	doc, err := json.Marshal(runner.NewSchema[pipeline.CodeGenerationIn]())
	if err != nil || !strings.Contains(string(doc), "json-schema.org/draft/2020-12") || !strings.Contains(string(doc), `"Contract"`) {
		t.Errorf("%v: %.300s", err, doc)
	}
}

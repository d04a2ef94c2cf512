package quantumdrops_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/binding"
	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestDeadLettersAreKeptOnce(t *testing.T) {
	t.Parallel()
	base, _ := serve(t)
	for _, subject := range []string{"run-1", "run-1", "not an ID\u00a0", strings.Repeat("x", 300)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/dead-letters", strings.NewReader(`{"specversion":"1.0","id":"1","type":"t","source":"/s","subject":"`+subject+`","knativeerrorcode":"422","data":{"a":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/cloudevents+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("subject %.20q: answered %s", subject, resp.Status)
		}
	}
	kept := map[string]int{}
	for d, err := range dropclient.New(base).All(t.Context(), drop.Query{Stage: drop.DeadLetterStage, WithArtifacts: true}) {
		if err != nil {
			t.Fatal(err)
		}
		letter, err := workflow.ReadDeadLetter(d)
		if err != nil || letter.Code != "422" || letter.ID != "1" {
			t.Errorf("kept %+v (%v)", letter, err)
		}
		kept[letter.Subject]++
	}
	if len(kept) != 3 || kept["run-1"] != 1 {
		t.Errorf("kept %v, want each event once", kept)
	}
	of, err := dropclient.New(base).Find(t.Context(), drop.Query{WorkflowID: "run-1"})
	if err != nil || len(of.Drops) != 0 {
		t.Errorf("among the drops of the run that the subject names: %+v (%v)", of.Drops, err)
	}
}

// Whatever the data is, the event is kept whole: sent again as it is listed, it is the one that was.
func TestDeadLettersKeepAnyData(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		version, contentType, body string
		inline                     bool
	}{
		"JSON":                 {"1.0", "application/json", `{"prompt":"hüllo"}`, true},
		"JSON without a type":  {"1.0", "", `{"prompt":"hello"}`, true},
		"malformed JSON":       {"1.0", "application/json", `prompt=hello`, false},
		"malformed +json":      {"1.0", "application/problem+json; charset=utf-8", `{"a":`, false},
		"two values":           {"1.0", "application/json", `{} {}`, false},
		"another event's ID":   {"1.0", "application/json", `{},"id":"2"`, false},
		"no content type":      {"1.0", "", `prompt=hello`, false},
		"a form":               {"1.0", "application/x-www-form-urlencoded", `prompt=hello`, true},
		"JSON, not UTF-8":      {"1.0", "application/json", "{\"prompt\":\"h\xfcllo\"}", false},
		"text, not UTF-8":      {"1.0", "text/plain", "h\xfcllo", false},
		"bytes":                {"1.0", "application/octet-stream", "\x00\x1f\x8b\xff", false},
		"version 0.3":          {"0.3", "application/json", `prompt=hello`, false},
		"version 0.3, as JSON": {"0.3", "application/json", `{"a":1}`, true},
		"no data":              {"1.0", "application/json", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, _ := serve(t)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/dead-letters", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range map[string]string{"Content-Type": tc.contentType, "ce-specversion": tc.version, "ce-id": "1", "ce-type": "t", "ce-source": "/s", "ce-subject": "run-\xfc", "ce-knativeerrorcode": "400"} {
				if value != "" {
					req.Header.Set(key, value)
				}
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusAccepted {
				t.Fatalf("answered %s %s (%v)", resp.Status, answer, err)
			}
			page, err := dropclient.New(base).Find(t.Context(), drop.Query{Stage: drop.DeadLetterStage, WithArtifacts: true})
			if err != nil || len(page.Drops) != 1 {
				t.Fatalf("kept %+v (%v)", page, err)
			}
			letter, err := workflow.ReadDeadLetter(page.Drops[0])
			if err != nil || letter.ID != "1" || letter.Type != "t" || letter.Source != "/s" || letter.Subject != "run-\uFFFD" || letter.Code != "400" || !utf8.Valid(page.Drops[0].Artifact) {
				t.Errorf("kept %+v (%v)", letter, err)
			}
			listed, err := json.Marshal(letter)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(listed, &letter); err != nil {
				t.Fatal(err)
			}
			again := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(letter.Event))
			again.Header.Set("Content-Type", ce.ApplicationCloudEventsJSON)
			event, err := binding.ToEvent(t.Context(), cehttp.NewMessageFromHttpRequest(again))
			if err != nil {
				t.Fatalf("%s: %v", letter.Event, err)
			}
			if got := string(event.Data()); got != tc.body || event.ID() != "1" {
				t.Errorf("sent again it has %q, want %q", got, tc.body)
			}
			if got := event.DataContentType(); got != tc.contentType {
				t.Errorf("sent again it is %q, want %q", got, tc.contentType)
			}
			if inline := !strings.Contains(string(letter.Event), "base64"); inline != tc.inline {
				t.Errorf("as %s", letter.Event)
			}
		})
	}
}

package quantumdrops_test

import (
	"net/http"
	"strings"
	"testing"

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
}

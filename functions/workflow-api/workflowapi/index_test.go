package workflowapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// ask gives the status, the media type and the body that a path answers with.
func ask(t *testing.T, method, url string) (int, string, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), body
}

// TestIndex: the root says where to go on, and its links lead somewhere.
func TestIndex(t *testing.T) {
	t.Parallel()
	_, base, _ := serve(t)
	status, _, body := ask(t, http.MethodGet, base+"/")
	var index struct {
		Name, Version string
		Links         map[string]string
	}
	if err := json.Unmarshal(body, &index); err != nil || status != http.StatusOK || index.Name == "" || index.Version == "" || len(index.Links) != 2 {
		t.Fatalf("got %d, %s (%v)", status, body, err)
	}
	for name, path := range index.Links {
		if status, _, body := ask(t, http.MethodGet, base+path); status != http.StatusOK {
			t.Errorf("%s: %s answers %d, %s", name, path, status, body)
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	_, base, _ := serve(t)
	for _, path := range []string{"/nowhere", "/v1", "/v1/workflows/", "/v1/workflows/run-1/nothing"} {
		status, media, body := ask(t, http.MethodGet, base+path)
		var problem fault.Problem
		if err := json.Unmarshal(body, &problem); err != nil || status != http.StatusNotFound || media != fault.ProblemType || problem.Code != fault.NotFound {
			t.Errorf("%s answers %d, %s, %s (%v)", path, status, media, body, err)
		}
	}
	if status, _, _ := ask(t, http.MethodPut, base+"/v1/workflows"); status != http.StatusMethodNotAllowed {
		t.Errorf("a method that is none answers %d", status)
	}
}

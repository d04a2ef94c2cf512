package workflowapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

const (
	apiName    = "QuantumLayer workflow API"
	apiVersion = "1"
)

// index is what whoever comes to the root is told.
type index struct {
	Name    string     `json:"name"`
	Version string     `json:"version" doc:"Of the API"`
	Links   indexLinks `json:"links" doc:"Paths on this server"`
}

type indexLinks struct {
	OpenAPI string `json:"openapi" doc:"What there is, in full"`
	Runs    string `json:"runs"`
}

func registerIndex(h huma.API) {
	op := huma.Operation{OperationID: "get-index", Method: http.MethodGet, Path: "/{$}", Summary: "Find the way", Tags: []string{"runs"}}
	op.Description = "Browsers, and others who ask for text/html, get a page to start and follow runs with."
	huma.Register(h, op, func(context.Context, *struct{}) (*struct{ Body index }, error) {
		answer := &struct{ Body index }{index{Name: apiName, Version: apiVersion}}
		answer.Body.Links.OpenAPI, answer.Body.Links.Runs = "/openapi.json", runsPath
		return answer, nil
	})
	// {$} is how net/http keeps a path that ends in a slash to itself; to OpenAPI it would be a parameter.
	paths := h.OpenAPI().Paths
	paths["/"] = paths["/{$}"]
	delete(paths, "/{$}")
	paths["/"].Get.Responses["200"].Content["text/html"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
}

// orProblem answers a path that mux does not have with a problem document, as every other error is.
func orProblem(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern == "" {
			seen := &statusOnly{header: http.Header{}}
			if handler.ServeHTTP(seen, r); seen.status == http.StatusNotFound { // else another method would do, or another spelling
				fault.Write(w, r, fault.New(fault.NotFound, "there is nothing at %s", r.URL.Path).WithHint("/openapi.json says what there is"))
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// statusOnly remembers the status of an answer that nobody gets.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

package quantumdrops

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

// anyVersion is the query parameter's way to say that the round does not matter.
const anyVersion = -1

// Filter holds the query parameters that all lists share. It is exported because huma
// sets embedded fields only then.
type Filter struct {
	Tenant    string `query:"tenant" maxLength:"64" doc:"Owner; the default tenant when left out"`
	Type      string `query:"type" maxLength:"50" doc:"Type of the drops, e.g. file"`
	Version   int    `query:"version" default:"-1" minimum:"-1" doc:"Round; -1 for every one"`
	Text      string `query:"q" maxLength:"1024" doc:"Words that the artifact (UTF-8, up to 64 KiB) or its metadata must have, all of them"`
	Artifacts bool   `query:"artifacts" doc:"Answer with the artifacts too; a page then ends early after 32 MiB"`
	Limit     int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Drops on a page"`
	Cursor    string `query:"cursor" maxLength:"200" doc:"The cursor of the page before"`
}

func (f Filter) query() drop.Query {
	q := drop.Query{
		Tenant: f.Tenant, Type: drop.Type(f.Type), Text: f.Text,
		WithArtifacts: f.Artifacts, Limit: f.Limit, Cursor: f.Cursor,
	}
	if f.Version != anyVersion {
		q.Version = &f.Version
	}
	return q
}

// pageBody is a page of drops, oldest first.
type pageBody struct {
	Drops  []drop.Drop `json:"drops" doc:"Oldest first"`
	Cursor string      `json:"cursor,omitempty" doc:"Where the next page begins; absent on the last"`
}

type page struct{ Body pageBody }

type oneDrop struct {
	ETag string `header:"ETag"`
	Body drop.Drop
}

type dropPath struct {
	ID     string `path:"id" maxLength:"64" doc:"ID of the drop"`
	Tenant string `query:"tenant" maxLength:"64" doc:"Answer only if the drop belongs to this tenant"`
}

func (s *service) registerReads(api huma.API) {
	huma.Get(api, "/v1/drops/{id}", func(ctx context.Context, in *dropPath) (*oneDrop, error) {
		d, err := s.get(ctx, in)
		if err != nil {
			return nil, err
		}
		return &oneDrop{ETag: etag(d), Body: d}, nil
	}, describe("get-drop", "Read a drop with its artifact"))
	huma.Get(api, "/v1/drops/{id}/artifact", s.artifact, describe("get-artifact", "Read a drop's artifact as it is; honours If-None-Match and Range"))
	huma.Get(api, "/v1/drops", func(ctx context.Context, in *struct {
		Filter
		Workflow string `query:"workflow" maxLength:"255" doc:"ID of a workflow"`
		Stage    string `query:"stage" maxLength:"100" doc:"Stage that made the drops"`
	}) (*page, error) {
		q := in.query()
		q.WorkflowID, q.Stage = in.Workflow, in.Stage
		return s.list(ctx, q)
	}, describe("list-drops", "List and search drops"))
	huma.Get(api, "/v1/workflows/{id}/drops", func(ctx context.Context, in *struct {
		Filter
		ID    string `path:"id" maxLength:"255" doc:"ID of the workflow"`
		Stage string `query:"stage" maxLength:"100" doc:"Stage that made the drops"`
	}) (*page, error) {
		q := in.query()
		q.WorkflowID, q.Stage = in.ID, in.Stage
		return s.list(ctx, q)
	}, describe("list-workflow-drops", "List the drops of a workflow"))
	huma.Get(api, "/v1/workflows/{id}/stages", func(ctx context.Context, in *struct {
		ID     string `path:"id" maxLength:"255" doc:"ID of the workflow"`
		Tenant string `query:"tenant" maxLength:"64" doc:"Owner; the default tenant when left out"`
	}) (*struct {
		Body struct {
			Stages []drop.StageSummary `json:"stages" doc:"In the order of their first drops"`
		}
	}, error) {
		stages, err := s.store.Stages(ctx, in.Tenant, in.ID)
		if err != nil {
			return nil, asFault(err)
		}
		out := &struct {
			Body struct {
				Stages []drop.StageSummary `json:"stages" doc:"In the order of their first drops"`
			}
		}{}
		out.Body.Stages = append([]drop.StageSummary{}, stages...)
		return out, nil
	}, describe("list-stages", "Sum up what each stage of a workflow has stored"))
	s.registerStageReads(api)
}

// StagePath is where the routes of one stage stand.
type StagePath struct {
	ID    string `path:"id" maxLength:"255" doc:"ID of the workflow"`
	Stage string `path:"stage" maxLength:"100" doc:"Name of the stage"`
}

func (s *service) registerStageReads(api huma.API) {
	huma.Get(api, "/v1/workflows/{id}/stages/{stage}/drops", func(ctx context.Context, in *struct {
		Filter
		StagePath
	}) (*page, error) {
		q := in.query()
		q.WorkflowID, q.Stage = in.ID, in.Stage
		return s.list(ctx, q)
	}, describe("list-stage-drops", "List the drops of a workflow's stage"))
	huma.Get(api, "/v1/workflows/{id}/stages/{stage}/latest", func(ctx context.Context, in *struct {
		StagePath
		Tenant string `query:"tenant" maxLength:"64" doc:"Owner; the default tenant when left out"`
		Type   string `query:"type" default:"result" maxLength:"50" doc:"Type of the drop"`
	}) (*oneDrop, error) {
		d, err := s.store.Latest(ctx, drop.Query{Tenant: in.Tenant, WorkflowID: in.ID, Stage: in.Stage, Type: drop.Type(in.Type)})
		if err != nil {
			return nil, asFault(err)
		}
		return &oneDrop{ETag: etag(d), Body: d}, nil
	}, describe("get-latest-drop", "Read the drop of the last round of a workflow's stage"))
}

func describe(id, summary string) func(*huma.Operation) {
	return func(op *huma.Operation) { op.OperationID, op.Summary = id, summary }
}

func (s *service) list(ctx context.Context, q drop.Query) (*page, error) {
	found, err := s.store.List(ctx, q)
	if err != nil {
		return nil, asFault(err)
	}
	return &page{Body: pageBody{Drops: found.Drops, Cursor: found.Next}}, nil
}

func (s *service) get(ctx context.Context, in *dropPath) (drop.Drop, error) {
	d, err := s.store.Get(ctx, in.ID)
	if err == nil && in.Tenant != "" && in.Tenant != d.Tenant {
		err = fmt.Errorf("drop %s belongs to another tenant: %w", in.ID, drop.ErrNotFound)
	}
	return d, asFault(err)
}

func etag(d drop.Drop) string { return `"` + d.SHA256 + `"` }

// artifact answers with the bare bytes.
func (s *service) artifact(ctx context.Context, in *dropPath) (*huma.StreamResponse, error) {
	d, err := s.get(ctx, in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("ETag", etag(d))
		header.Set("Cache-Control", "private, max-age=31536000, immutable")
		header.Set("Content-Type", contentType(d))
		// An artifact is a stranger's text: no browser may take it for a page.
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", d.Timestamp, bytes.NewReader(d.Artifact))
	}}, nil
}

func contentType(d drop.Drop) string {
	switch {
	case d.Type == drop.TypeCapsule:
		return "application/gzip"
	case utf8.Valid(d.Artifact):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

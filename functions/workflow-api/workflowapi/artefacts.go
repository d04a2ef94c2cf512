package workflowapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

type dropsInput struct {
	RunID
	Stage  string `query:"stage" maxLength:"100" doc:"Only drops of this stage" example:"frd-generation"`
	Type   string `query:"type" enum:"result,file,verification,capsule,payload" doc:"Only drops of this type"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The cursor of the page before"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Drops on a page"`
}

type dropsPage struct {
	Body struct {
		Drops  []drop.Drop `json:"drops" doc:"Oldest first, without their artefacts"`
		Cursor string      `json:"cursor,omitempty" doc:"Where the next page begins; absent on the last"`
	}
}

type filesList struct {
	Body struct {
		Files []workflow.FileRef `json:"files" doc:"By path"`
	}
}

func (a *api) registerArtefacts(h huma.API) {
	h.OpenAPI().Components.Schemas.RegisterTypeAlias(typeOf[drop.Drop](), typeOf[drop.Document]())
	huma.Register(h, operation("list-drops", http.MethodGet, runPath+"/drops", "artefacts", "List what the stages made",
		"", http.StatusOK, 404, 422, 503), a.listDrops)
	huma.Register(h, operation("get-drop", http.MethodGet, runPath+"/drops/{drop}", "artefacts", "Read a drop with its artifact",
		"", http.StatusOK, 404, 422, 503), a.drop)
	huma.Register(h, operation("list-files", http.MethodGet, runPath+"/files", "artefacts", "List the files of the project",
		"While the run goes on, those that there are so far.", http.StatusOK, 404, 503), a.listFiles)
	stream := func(id, path, summary, media string) huma.Operation {
		op := operation(id, http.MethodGet, runPath+path, "artefacts", summary, "Honours If-None-Match and Range.", http.StatusOK, 404, 409, 503)
		op.Responses = map[string]*huma.Response{"200": {Description: "The content", Content: map[string]*huma.MediaType{
			media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}
		return op
	}
	// {path...} is how net/http matches the rest of a path; OpenAPI knows only {path}.
	huma.Register(h, stream("get-file", "/files/{path...}", "Read a file of the project", "text/plain"), a.file)
	paths := h.OpenAPI().Paths
	paths[runPath+"/files/{path}"] = paths[runPath+"/files/{path...}"]
	delete(paths, runPath+"/files/{path...}")
	huma.Register(h, stream("get-capsule", "/capsule", "Download the capsule", "application/gzip"), a.capsule)
}

func (a *api) listDrops(ctx context.Context, in *dropsInput) (*dropsPage, error) {
	if _, err := a.describe(ctx, in.ID); err != nil {
		return nil, err
	}
	found, err := a.Drops.Find(ctx, drop.Query{Tenant: a.tenant, WorkflowID: in.ID, Stage: in.Stage, Type: drop.Type(in.Type),
		Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	page := &dropsPage{}
	page.Body.Drops, page.Body.Cursor = append([]drop.Drop{}, found.Drops...), found.Next
	return page, nil
}

func (a *api) drop(ctx context.Context, in *struct {
	RunID
	Drop string `path:"drop" maxLength:"64" pattern:"^drop_[0-9a-f]{32}$" doc:"ID of the drop" example:"drop_0f3a6c1e5d7b9a2c4e6f8091a2b3c4d5"`
}) (*struct{ Body drop.Drop }, error) {
	if _, err := a.describe(ctx, in.ID); err != nil {
		return nil, err
	}
	d, err := a.Drops.Get(ctx, a.tenant, in.Drop)
	if errors.Is(err, drop.ErrNotFound) || err == nil && d.WorkflowID != in.ID {
		return nil, fault.New(fault.NotFound, "run %s has no drop %s", in.ID, in.Drop).WithHint("GET %s/%s/drops lists them", runsPath, in.ID)
	}
	return &struct{ Body drop.Drop }{d}, err
}

func (a *api) listFiles(ctx context.Context, in *RunID) (*filesList, error) {
	run, err := a.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list := &filesList{}
	list.Body.Files, err = a.files(ctx, run)
	return list, err
}

// files gives the files of a run as it stands: the results of the stages that write some name them.
func (a *api) files(ctx context.Context, run workflow.Run) ([]workflow.FileRef, error) {
	files := []workflow.FileRef{}
	for _, state := range run.Stages {
		if state.DropID == "" || !slices.Contains(workflow.WritingStages(), state.Stage) {
			continue
		}
		d, err := a.Drops.Get(ctx, a.tenant, state.DropID)
		if err != nil {
			return nil, err
		}
		var index workflow.FileIndex
		if err := json.Unmarshal(d.Artifact, &index); err != nil {
			return nil, fmt.Errorf("reading drop %s (%s): %w", d.ID, d.Address(), err)
		}
		files = append(files, index.Files...)
	}
	slices.SortFunc(files, func(x, y workflow.FileRef) int { return strings.Compare(x.Path, y.Path) })
	return files, nil
}

func (a *api) file(ctx context.Context, in *struct {
	RunID
	Path string `path:"path" maxLength:"200" doc:"Path inside the project; its slashes stay as they are" example:"cmd/library/main.go"`
}) (*huma.StreamResponse, error) {
	run, err := a.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	files, err := a.files(ctx, run)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f workflow.FileRef) bool { return f.Path == in.Path })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "run %s has no file %q", in.ID, in.Path)
	}
	return a.artefact(ctx, files[i].DropID, "text/plain; charset=utf-8", "")
}

func (a *api) capsule(ctx context.Context, in *RunID) (*huma.StreamResponse, error) {
	run, err := a.run(ctx, in.ID)
	switch {
	case err != nil:
		return nil, err
	case run.Capsule == nil && !run.Status.Ended():
		return nil, fault.New(fault.Conflict, "run %s goes on: its capsule is made in the end", in.ID)
	case run.Capsule == nil:
		return nil, fault.New(fault.NotFound, "run %s ended as %s, without a capsule", in.ID, run.Status).WithHint("POST %s/%s/retry lets it go on", runsPath, in.ID)
	}
	return a.artefact(ctx, run.Capsule.DropID, "application/gzip", in.ID+".tar.gz")
}

// artefact sends a drop's artefact as it is; name, if any, is that of the file to save it in.
func (a *api) artefact(ctx context.Context, id, media, name string) (*huma.StreamResponse, error) {
	d, err := a.Drops.Get(ctx, a.tenant, id)
	if errors.Is(err, drop.ErrNotFound) { // the run says that it is there
		return nil, fault.Wrap(fault.Internal, err, "drop %s is missing", id)
	}
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		w.Header().Set("ETag", `"`+d.SHA256+`"`)
		w.Header().Set("Content-Type", media)
		w.Header().Set("X-Content-Type-Options", "nosniff") // a stranger's text: no browser may take it for a page
		if name != "" {
			w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		}
		http.ServeContent(w, r, "", d.Timestamp, bytes.NewReader(d.Artifact))
	}}, nil
}

package quantumdrops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Stored is what the service says of a drop that it was given.
type Stored struct {
	ID      string       `json:"id" doc:"ID of the drop"`
	Address string       `json:"address" doc:"Names the artifact whatever workflow made it: stage/type/name@sha256:…"`
	SHA256  string       `json:"sha256" doc:"Digest of the artifact, hexadecimal"`
	Size    int64        `json:"size" doc:"Bytes of the artifact"`
	Outcome drop.Outcome `json:"outcome" enum:"created,exists" doc:"Whether the drop is new"`
}

type storedOne struct {
	Status   int
	Location string `header:"Location"`
	Body     Stored
}

type storedBatch struct {
	Body struct {
		Drops []Stored `json:"drops" doc:"In the order of the request"`
	}
}

func (s *service) registerWrites(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "store-drop", Method: http.MethodPost, Path: "/v1/drops", DefaultStatus: http.StatusCreated,
		Summary:      "Store a drop",
		Description:  "Answers 201 when the drop is new, 200 when it was there already and stays as it was.",
		MaxBodyBytes: MaxBody, BodyReadTimeout: bodyTimeout,
	}, func(ctx context.Context, in *struct{ Body drop.Drop }) (*storedOne, error) {
		stored, err := s.put(ctx, []drop.Drop{in.Body}, func(int) string { return "body." })
		if err != nil {
			return nil, err
		}
		out := &storedOne{Status: http.StatusCreated, Location: "/v1/drops/" + stored[0].ID, Body: stored[0]}
		if stored[0].Outcome == drop.Exists {
			out.Status = http.StatusOK
		}
		return out, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "store-drops", Method: http.MethodPost, Path: "/v1/drops/batch",
		Summary:      "Store drops, all or none",
		MaxBodyBytes: MaxBody, BodyReadTimeout: bodyTimeout,
	}, func(ctx context.Context, in *struct {
		Body struct {
			Drops []drop.Drop `json:"drops" nullable:"false" minItems:"1" maxItems:"256"`
		}
	}) (*storedBatch, error) {
		stored, err := s.put(ctx, in.Body.Drops, func(i int) string { return fmt.Sprintf("body.drops[%d].", i) })
		if err != nil {
			return nil, err
		}
		out := &storedBatch{}
		out.Body.Drops = stored
		return out, nil
	})
}

// put seals and stores drops. location is where drop i stands in the request.
func (s *service) put(ctx context.Context, drops []drop.Drop, location func(i int) string) ([]Stored, error) {
	sealed := make([]drop.Drop, len(drops))
	var wrong []fault.Field
	var errs []error
	for i, d := range drops {
		if d.Artifact == nil {
			wrong = append(wrong, fault.Field{Location: location(i) + "artifact", Message: "is missing: send artifact or artifact_base64"})
			continue
		}
		one, err := drop.Seal(d)
		if err != nil {
			wrong = append(wrong, fields(location(i), err)...)
			errs = append(errs, err)
		}
		sealed[i] = one
	}
	if len(wrong) > 0 {
		return nil, fault.Wrap(fault.Unprocessable, errors.Join(errs...), "nothing was stored: what was sent breaks rules of drops").WithFields(wrong...)
	}
	outcomes, err := s.store.Put(ctx, sealed)
	if err != nil {
		return nil, asFault(err)
	}
	if s.stored != nil && slices.Contains(outcomes, drop.Created) {
		s.stored()
	}
	stored := make([]Stored, len(sealed))
	for i, d := range sealed {
		stored[i] = Stored{ID: d.ID, Address: d.Address(), SHA256: d.SHA256, Size: d.Size, Outcome: outcomes[i]}
	}
	return stored, nil
}

// Package dataref carries event data that is too large to travel in its event: it is kept as a drop of type payload, and the
// event holds the URL of the drop's artifact in its dataref extension.
package dataref

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// Store reads and writes references of one quantum-drops.
type Store struct{ client *httpclient.Client }

// New makes a store for the quantum-drops at base.
func New(base string) *Store { return &Store{httpclient.New("quantum-drops", base)} }

// Save keeps data as a drop and gives the URL that refers to it.
func (s *Store) Save(ctx context.Context, workflowID, stage string, data []byte) (string, error) {
	d, err := drop.Seal(drop.Drop{WorkflowID: workflowID, Stage: stage, Type: drop.TypePayload, Artifact: data})
	if err != nil {
		return "", fmt.Errorf("sealing the event's data: %w", err)
	}
	if err := s.client.JSON(ctx, http.MethodPost, "/v1/drops", d, nil); err != nil {
		return "", fmt.Errorf("storing the event's data: %w", err)
	}
	return s.client.Base + "/v1/drops/" + d.ID + "/artifact", nil
}

// Load fetches what ref refers to. Only drops of this store are followed: a reference comes from outside.
func (s *Store) Load(ctx context.Context, ref string) ([]byte, error) {
	id, ours := strings.CutPrefix(ref, s.client.Base+"/v1/drops/")
	id, artifact := strings.CutSuffix(id, "/artifact")
	if !ours || !artifact || !drop.ValidID(id) {
		return nil, fault.New(fault.Unprocessable, "dataref %q is no artifact of the quantum-drops at %s", ref, s.client.Base)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching the event's data: %w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the event's data: %w", err)
	}
	defer resp.Body.Close()
	return s.client.Body(resp)
}

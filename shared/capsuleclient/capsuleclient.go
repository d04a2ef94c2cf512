// Package capsuleclient is the contract of the quantum-capsule function and its
// client.
package capsuleclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// Request asks for a capsule of files that are kept as drops.
type Request struct {
	// Tenant that the drops belong to; empty is drop.DefaultTenant.
	Tenant       string               `json:"tenant,omitempty" maxLength:"64" doc:"Owner of the drops; the default tenant when left out"`
	WorkflowID   string               `json:"workflow_id" minLength:"1" maxLength:"255" doc:"Workflow that the capsule is stored for; the capsule does not name it"`
	Project      capsule.Project      `json:"project"`
	Files        []File               `json:"files" nullable:"false" minItems:"1" maxItems:"4096"`
	Verification capsule.Verification `json:"verification"`
	Models       []capsule.Model      `json:"models,omitempty" maxItems:"1000" doc:"Models that took part, in any order"`
	NotChecked   []string             `json:"not_checked,omitempty" maxItems:"1000" doc:"What nobody verified, in sentences"`
	Unused       []string             `json:"unused,omitempty" maxItems:"1000" doc:"Parts of the prompt that nothing came of"`
}

// File is one file of the project.
type File struct {
	Path   string `json:"path" minLength:"1" maxLength:"512" doc:"Path inside the project, with slashes"`
	DropID string `json:"drop_id" minLength:"1" maxLength:"64" doc:"ID of the drop with the content"`
	// Executable files are programs or scripts to be run.
	Executable bool `json:"executable,omitempty" doc:"Whether the file is a program or script to be run"`
}

// Created is a capsule that was packed and stored.
type Created struct {
	DropID   string           `json:"drop_id" doc:"ID of the drop that holds the capsule"`
	SHA256   string           `json:"sha256" doc:"Digest of the capsule, hexadecimal"`
	Size     int64            `json:"size" doc:"Bytes of the capsule"`
	Manifest capsule.Manifest `json:"manifest"`
}

// Client calls one quantum-capsule. Make it with New. Its errors are faults.
type Client struct{ http *httpclient.Client }

// New makes a client of the quantum-capsule at an absolute base URL.
func New(base string) *Client { return &Client{httpclient.New("quantum-capsule", base)} }

// Create packs a capsule and stores it as a drop. The same request gives the same
// capsule and the same drop. A file whose drop does not exist, or an input that no
// capsule can have, is fault.Unprocessable.
func (c *Client) Create(ctx context.Context, r Request) (Created, error) {
	var created Created
	if err := c.http.JSON(ctx, http.MethodPost, "/v1/capsules", r, &created); err != nil {
		return Created{}, fmt.Errorf("packing the capsule: %w", err)
	}
	return created, nil
}

// Verify has a capsule of at most 64 MiB verified. One with problems is a report,
// not an error.
func (c *Client) Verify(ctx context.Context, archive io.Reader) (capsule.Report, error) {
	var report capsule.Report
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.http.Base+"/v1/capsules/verify", archive)
	if err != nil {
		return report, fmt.Errorf("verifying the capsule: %w", err)
	}
	req.Header.Set("Content-Type", "application/gzip")
	resp, err := c.http.Do(req)
	if err != nil {
		return report, fmt.Errorf("verifying the capsule: %w", err)
	}
	defer resp.Body.Close()
	raw, err := c.http.Body(resp)
	if err != nil {
		return report, fmt.Errorf("verifying the capsule: %w", err)
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return report, fault.New(fault.Unavailable, "quantum-capsule answered something that is no report: %w", err)
	}
	return report, nil
}

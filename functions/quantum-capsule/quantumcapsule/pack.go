package quantumcapsule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsuleclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

const (
	// maxFiles is what all files of a capsule may hold together, in bytes: they
	// are in memory at once.
	maxFiles = 256 << 20
	// readers of drops at the same time.
	readers = 8
)

type packer struct {
	drops     Drops
	generator capsule.Generator
}

// create reads the files, packs them and stores the capsule.
func (p *packer) create(ctx context.Context, r capsuleclient.Request) (capsuleclient.Created, error) {
	files, err := p.read(ctx, r)
	if err != nil {
		return capsuleclient.Created{}, err
	}
	var archive bytes.Buffer
	packed, err := capsule.Pack(&archive, capsule.Input{
		Generator: p.generator, Project: r.Project, Files: files,
		Verification: r.Verification, Models: r.Models, NotChecked: r.NotChecked, Unused: r.Unused,
	})
	if err != nil {
		return capsuleclient.Created{}, refused(err, r.Files)
	}
	if packed.Size > drop.MaxArtifact {
		return capsuleclient.Created{}, fault.New(fault.TooLarge, "the capsule is %d bytes, a drop holds at most %d", packed.Size, drop.MaxArtifact)
	}
	d, err := drop.Seal(drop.Drop{
		Tenant: r.Tenant, WorkflowID: r.WorkflowID, Stage: string(pipeline.PackagingStep), Type: drop.TypeCapsule,
		Artifact: archive.Bytes(), Parents: parents(r.Files),
		Metadata: map[string]string{
			drop.MetadataPath: r.Project.Name + ".tar.gz",
			"verification":    r.Verification.Status,
		},
	})
	if err != nil {
		return capsuleclient.Created{}, fault.New(fault.Unprocessable, "the capsule cannot be stored as a drop: %w", err)
	}
	if err := p.drops.Store(ctx, []drop.Drop{d}); err != nil {
		return capsuleclient.Created{}, err
	}
	return capsuleclient.Created{DropID: d.ID, SHA256: packed.SHA256, Size: packed.Size, Manifest: packed.Manifest}, nil
}

// read fetches the files' content. It names every drop that does not exist.
func (p *packer) read(ctx context.Context, r capsuleclient.Request) ([]capsule.File, error) {
	tenant := r.Tenant
	if tenant == "" {
		tenant = drop.DefaultTenant
	}
	files := make([]capsule.File, len(r.Files))
	missing := make([]bool, len(r.Files))
	var total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, f := range r.Files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d, err := p.drops.Get(ctx, tenant, f.DropID)
			if errors.Is(err, drop.ErrNotFound) {
				missing[i] = true
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", f.Path, err)
			}
			if total.Add(d.Size) > maxFiles {
				return fault.New(fault.TooLarge, "the files have more than %d bytes together", maxFiles)
			}
			files[i] = capsule.File{Path: f.Path, Content: d.Artifact, Executable: f.Executable, Drop: d.Address()}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var wrong []fault.Field
	for i, f := range r.Files {
		if missing[i] {
			wrong = append(wrong, fault.Field{Location: fmt.Sprintf("body.files[%d].drop_id", i), Message: fmt.Sprintf("there is no drop %s", f.DropID)})
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Unprocessable, "files of the capsule do not exist").WithFields(wrong...)
	}
	return files, nil
}

// parents are the drops that a capsule is made from, each once.
func parents(files []capsuleclient.File) []string {
	ids := make([]string, len(files))
	for i, f := range files {
		ids[i] = f.DropID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

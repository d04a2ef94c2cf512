package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func (a *app) drops() *cobra.Command {
	var stage, kind string
	cmd := &cobra.Command{
		Use:   "drops ID [DROP]",
		Short: "List what the stages of a run made, or read one drop",
		Long: `Drops lists what the stages of a run made. With the ID of one drop, or its address as a capsule's manifest has it, it writes
what that drop holds to standard output, byte for byte; with --json it writes the whole drop.`,
		Example: `  ql drops run-k4w2m7x5q3b6d7fa --stage code-generation --type file --json
  ql drops run-k4w2m7x5q3b6d7fa drop_0f3a6c1e5d7b9a2c4e6f8091a2b3c4d5
  ql drops run-k4w2m7x5q3b6d7fa drop_9a2c4e6f8091a2b3c4d50f3a6c1e5d7b > library.tar.gz`,
		Args:              arguments,
		ValidArgsFunction: a.completeRunAnd(completeDrop),
		RunE: func(cmd *cobra.Command, args []string) error {
			if stage != "" && !slices.Contains(stageNames(), stage) {
				return usage(cmd, fmt.Errorf("--stage: %q is unknown; known: %s", stage, strings.Join(stageNames(), ", ")))
			}
			if kind != "" && !slices.Contains(dropTypes(), kind) {
				return usage(cmd, fmt.Errorf("--type: %q is unknown; known: %s", kind, strings.Join(dropTypes(), ", ")))
			}
			if len(args) == 1 {
				return a.listDrops(cmd.Context(), args[0], pipeline.Stage(stage), drop.Type(kind))
			}
			if stage != "" || kind != "" {
				return usage(cmd, errors.New("--stage and --type select from the list, and one drop is named"))
			}
			return a.showDrop(cmd.Context(), args[0], args[1])
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "only of this `stage`: "+strings.Join(stageNames(), ", "))
	cmd.Flags().StringVar(&kind, "type", "", "only of this `type`: "+strings.Join(dropTypes(), ", "))
	complete(cmd, "stage", func(string) []string { return stageNames() })
	complete(cmd, "type", func(string) []string { return dropTypes() })
	return cmd
}

func (a *app) listDrops(ctx context.Context, id string, stage pipeline.Stage, kind drop.Type) error {
	return a.withRun(ctx, look, id, func(ctx context.Context, s *session) error {
		drops, err := s.Drops(ctx, id, stage, kind)
		if err != nil {
			return err
		}
		if a.json {
			return a.encode(struct {
				Drops []drop.Drop `json:"drops"`
			}{drops})
		}
		if len(drops) == 0 {
			return a.print("No such drops.\n")
		}
		return a.table([]string{"ID", "STAGE", "TYPE", "ROUND", "SIZE", "NAME"}, len(drops), func(i int) []string {
			d := drops[i]
			return []string{d.ID, d.Stage, string(d.Type), fmt.Sprint(d.Version), live.Size(d.Size), d.Name()}
		})
	})
}

// showDrop writes the drop of a run that has a name, which is its ID or its address.
func (a *app) showDrop(ctx context.Context, id, name string) error {
	address, err := drop.ParseAddress(name)
	if err != nil && !drop.ValidID(name) {
		return fault.New(fault.Invalid, "%q is no drop: neither an ID (drop_…) nor an address (stage/type/name@sha256:…)", name).
			WithHint("\"ql drops %s\" lists them", id)
	}
	return a.withRun(ctx, look, id, func(ctx context.Context, s *session) error {
		if !drop.ValidID(name) {
			drops, err := s.Drops(ctx, id, pipeline.Stage(address.Stage), address.Type)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(drops, func(d drop.Drop) bool { return d.Address() == name })
			if i < 0 {
				return hasNot(id, "drop", name)
			}
			name = drops[i].ID
		}
		d, err := s.Drop(ctx, id, name)
		if fault.Is(err, fault.NotFound) {
			return hasNot(id, "drop", name)
		}
		if err != nil {
			return err
		}
		return a.show(d)
	})
}

func (a *app) files() *cobra.Command {
	return &cobra.Command{
		Use:   "files ID [PATH]",
		Short: "List the files of a run's project, or read one",
		Long: `Files lists the files of a run's project: while the run goes on, those that there are so far. With a path it writes that file
to standard output, byte for byte; with --json it writes the drop that holds it. "ql resume" writes the whole project.`,
		Example: `  ql files run-k4w2m7x5q3b6d7fa
  ql files run-k4w2m7x5q3b6d7fa README.md
  ql files run-k4w2m7x5q3b6d7fa --json`,
		Args:              arguments,
		ValidArgsFunction: a.completeRunAnd(completeFile),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRun(cmd.Context(), look, args[0], func(ctx context.Context, s *session) error {
				files, err := s.Files(ctx, args[0])
				if err != nil {
					return err
				}
				if len(args) == 1 {
					return a.listFiles(files)
				}
				i := slices.IndexFunc(files, func(f workflow.FileRef) bool { return f.Path == args[1] })
				if i < 0 {
					return hasNot(args[0], "file", args[1])
				}
				d, err := s.Drop(ctx, args[0], files[i].DropID)
				if err != nil {
					return err
				}
				return a.show(d)
			})
		},
	}
}

func (a *app) listFiles(files []workflow.FileRef) error {
	if a.json {
		return a.encode(workflow.FileIndex{Files: append([]workflow.FileRef{}, files...)})
	}
	if len(files) == 0 {
		return a.print("No files yet.\n")
	}
	return a.table([]string{"SIZE", "STAGE", "ROUND", "PATH"}, len(files), func(i int) []string {
		f := files[i]
		return []string{live.Size(f.Size), string(f.Stage), fmt.Sprint(f.Round), f.Path}
	})
}

// hasNot is the fault of naming a drop or a file that the run does not have.
func hasNot(id, what, name string) error {
	return fault.New(fault.NotFound, "run %s has no %s %s", id, what, name).WithHint("\"ql %ss %s\" lists them", what, id)
}

// show writes what a drop holds: its bytes, or for a terminal those of them that are safe there.
func (a *app) show(d drop.Drop) error {
	if a.json {
		return a.encode(d)
	}
	content := d.Artifact
	if a.terminal(a.stdout) {
		if !utf8.Valid(content) || bytes.ContainsRune(content, 0) {
			return fault.New(fault.Invalid, "%s (%s) is no text", d.ID, live.Size(d.Size)).WithHint("write it to a file: > FILE")
		}
		content = []byte(live.Text(string(content)))
	}
	if _, err := a.stdout.Write(content); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func stageNames() []string {
	var names []string
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		names = append(names, string(stage))
	}
	return names
}

func dropTypes() []string {
	var names []string
	for _, kind := range drop.Types() {
		names = append(names, string(kind))
	}
	return names
}

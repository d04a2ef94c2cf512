package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

func (a *app) capsule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capsule",
		Short: "Verify, inspect and extract capsules; no platform is needed",
		Example: `  ql capsule verify library.tar.gz
  ql capsule extract library.tar.gz ./library`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.capsuleVerify(), a.capsuleInspect(), a.capsuleExtract())
	return cmd
}

func (a *app) capsuleVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that every byte of a capsule is as its manifest says",
		Long: `Verify reads the whole capsule: one changed byte, an added or a missing file is found. The exit code is 1 when the capsule
is not what its manifest says.`,
		Example: `  ql capsule verify library.tar.gz
  ql capsule verify library.tar.gz --json`,
		Args:              arguments,
		ValidArgsFunction: capsuleFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := openCapsule(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			report, err := capsule.Verify(file, capsule.Limits{})
			if err != nil {
				return fmt.Errorf("reading %s: %w", args[0], err)
			}
			if err := a.tellReport(args[0], report); err != nil {
				return err
			}
			if !report.OK {
				return &exitError{code: exitUnverified}
			}
			return nil
		},
	}
}

func (a *app) tellReport(name string, r capsule.Report) error {
	if a.json {
		return a.encode(r)
	}
	var s strings.Builder
	verdict := "is as its manifest says"
	if !r.OK {
		verdict = "is NOT as its manifest says"
	}
	fmt.Fprintf(&s, "%s %s\n  sha256     %s\n  files      %d (%s), and the manifest\n", live.Clean(name), verdict, r.SHA256, r.Files, live.Size(r.Bytes))
	if r.Signature != "" {
		fmt.Fprintf(&s, "  signature  %s\n", live.Clean(r.Signature))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&s, "  problem    %s\n", live.Clean(p.Error()))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&s, "  note       %s\n", live.Clean(note))
	}
	return a.print("%s", s.String())
}

func (a *app) capsuleInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a capsule says of itself, without verifying it",
		Example: `  ql capsule inspect library.tar.gz
  ql capsule inspect library.tar.gz --json`,
		Args:              arguments,
		ValidArgsFunction: capsuleFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := openCapsule(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			m, err := capsule.Inspect(file, capsule.Limits{})
			if err != nil {
				return badCapsule(args[0], err)
			}
			if a.json {
				return a.encode(m)
			}
			return a.tellManifest(m)
		},
	}
}

func (a *app) tellManifest(m capsule.Manifest) error {
	var s strings.Builder
	row := func(name, format string, args ...any) {
		if text := live.Clean(fmt.Sprintf(format, args...)); text != "" {
			fmt.Fprintf(&s, "%-12s %s\n", name, text)
		}
	}
	row("Project", "%s, %s %s", m.Project.Name, m.Project.Language, m.Project.Type)
	row("Entry point", "%s", m.Project.EntryPoint)
	row("Build", "%s", m.Project.Commands.Build)
	row("Run", "%s", m.Project.Commands.Run)
	row("Test", "%s", m.Project.Commands.Test)
	v := m.Verification
	row("Verified", "%s, sandbox %s", strings.ReplaceAll(v.Status, "_", " "), v.Mode)
	row("", "%s", v.Reason)
	for _, step := range v.Steps {
		row("", "%s %s", step.Name, strings.ReplaceAll(step.Status, "_", " "))
	}
	row("Tests", "%d passed, %d failed, %d skipped", v.Tests.Passed, v.Tests.Failed, v.Tests.Skipped)
	for _, text := range m.Unused {
		row("Not used", "%q", text)
	}
	for _, text := range m.NotChecked {
		row("Not checked", "%s", text)
	}
	for _, model := range m.Models {
		row("Model", "%s (%s)", model.Model, model.Provider)
	}
	row("Made by", "%s %s", m.Generator.Name, m.Generator.Version)
	row("Signature", "%s", m.Signature.Status)
	fmt.Fprintf(&s, "\n%s:\n", live.Count(len(m.Files), "file"))
	for _, f := range m.Files {
		fmt.Fprintf(&s, "  %10s  %s\n", live.Size(f.Size), live.Clean(f.Path))
	}
	return a.print("%s", s.String())
}

func (a *app) capsuleExtract() *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "extract FILE DIR",
		Short: "Verify a capsule and write its project into a folder",
		Example: `  ql capsule extract library.tar.gz ./library
  ql capsule extract library.tar.gz ./library --force --json`,
		Args:              arguments,
		ValidArgsFunction: capsuleFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := openCapsule(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			m, err := capsule.Extract(file, args[1], capsule.ExtractOptions{Overwrite: force})
			if errors.Is(err, capsule.ErrExists) {
				return fault.New(fault.Invalid, "%s is not empty", args[1]).
					WithHint("name another folder, or use --force: it writes over files of the project and leaves others alone")
			}
			if err != nil {
				return badCapsule(args[0], err)
			}
			if a.json {
				return a.encode(struct {
					Out      string           `json:"out"`
					Manifest capsule.Manifest `json:"manifest"`
				}{args[1], m})
			}
			return a.print("%s: %s and the manifest in %s\n", live.Clean(m.Project.Name), live.Count(len(m.Files), "file"), args[1])
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write into a folder that is not empty: files of the project are written over, others stay")
	return cmd
}

func openCapsule(name string) (io.ReadSeekCloser, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the capsule cannot be read: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the capsule cannot be read: %w", errors.Join(err, file.Close()))
	}
	return file, nil
}

// badCapsule ends ql as verify does, when the capsule is at fault.
func badCapsule(name string, err error) error {
	err = fmt.Errorf("%s: %w", name, err)
	var p *capsule.Problem
	if errors.As(err, &p) {
		return &exitError{code: exitUnverified, err: err}
	}
	return err
}

// capsuleFiles completes the first argument with archives, a second one with folders.
func capsuleFiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return []string{"gz"}, cobra.ShellCompDirectiveFilterFileExt
}

// extract writes the project of a capsule and says where. Without --out it makes a folder here that is named after the
// project, and numbered when there is one already.
func (t *target) extract(file *os.File) (written, error) {
	out := t.out
	if out == "" {
		m, err := capsule.Inspect(file, capsule.Limits{})
		if err != nil {
			return written{}, err
		}
		if out, err = freeFolder(m.Project.Name, t.force); err != nil {
			return written{}, err
		}
	}
	m, err := capsule.Extract(file, out, capsule.ExtractOptions{Overwrite: t.force})
	if errors.Is(err, capsule.ErrExists) {
		return written{}, fault.New(fault.Invalid, "%s is no longer empty", out).WithHint("resume the run with another folder: nothing is done again")
	}
	if err != nil {
		return written{}, err
	}
	return written{out: out, files: len(m.Files), test: m.Project.Commands.Test}, nil
}

// freeFolder gives an absolute path here for a project of this name, which comes from a model.
func freeFolder(project string, force bool) (string, error) {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, project)
	if name = strings.Trim(name, "-."); name == "" {
		name = "project"
	}
	const tries = 1000
	for i := 1; i <= tries; i++ {
		numbered := name
		if i > 1 {
			numbered = fmt.Sprintf("%s-%d", name, i)
		}
		path, err := filepath.Abs(numbered)
		if err != nil {
			return "", fmt.Errorf("folder of the project: %w", err)
		}
		if entries, err := os.ReadDir(path); force || errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there are %d folders named %s here", tries, name)
}

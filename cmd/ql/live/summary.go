package live

import (
	"fmt"
	"io"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Outcome is what came of a run, for the person who asked for it.
type Outcome struct {
	Run     workflow.Run
	Out     string   // folder with the project; empty: none was written
	Files   int      // files in it beside the manifest
	Capsule string   // file with the capsule; empty: none was written
	Next    []string // commands to type next
	Notes   []string // what else to know
}

// Summary writes the outcome.
func Summary(w io.Writer, o Outcome) error {
	var s strings.Builder
	run := o.Run
	fmt.Fprintf(&s, "\n%s\n\n", headline(run))
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "  %-10s %s\n", name, Clean(fmt.Sprintf(format, args...)))
	}
	if o.Out != "" {
		row("Project", "%s (%s and the manifest)", o.Out, Count(o.Files, "file"))
	}
	if o.Capsule != "" && run.Capsule != nil {
		row("Capsule", "%s (%s, sha256 %s)", o.Capsule, Size(run.Capsule.Size), run.Capsule.SHA256)
	}
	if v := run.Verification; v != nil {
		row("Build", "%s", words(v.Build))
		row("Vet", "%s", words(v.Vet))
		row("Tests", "%s", tests(*v))
		if v.Weaker == "" {
			row("Sandbox", "%s", v.Mode)
		} else {
			row("Sandbox", "%s, %s", v.Mode, v.Weaker)
		}
		if v.Rounds > 0 {
			row("Repairs", "%s", Count(v.Rounds, "round"))
		}
	}
	if u := run.Usage; u.Calls > 0 {
		model := u.Model
		if model == "" {
			model = "unknown"
		}
		text := fmt.Sprintf("%s, %s, %s tokens in, %s out", model, Count(u.Calls, "call"), Number(u.InputTokens), Number(u.OutputTokens))
		if u.Cached > 0 {
			text += fmt.Sprintf(", %d of the calls from the cache", u.Cached)
		}
		row("Model", "%s", text)
	}
	if run.EndedAt != nil {
		row("Time", "%s", Duration(run.EndedAt.Sub(run.StartedAt)))
	}
	if !run.Verified() { // else they stand beside the verdict
		list(&s, "Parts of the prompt that were not used", quoted(run.Unused))
	}
	list(&s, "Findings", run.Findings)
	list(&s, "Not checked", run.NotChecked)
	list(&s, "Note", o.Notes)
	if len(o.Next) > 0 {
		fmt.Fprintf(&s, "\n  Next:\n")
		for _, command := range o.Next {
			fmt.Fprintf(&s, "    %s\n", Clean(command))
		}
	}
	_, err := io.WriteString(w, s.String())
	return err
}

// headline says in one sentence whether the project can be relied on.
func headline(run workflow.Run) string {
	v := run.Verification
	switch {
	case run.Verified() && len(run.Unused) > 0:
		were := " of the prompt was not used:"
		if len(run.Unused) > 1 {
			were = " of the prompt were not used:"
		}
		return "Verified, but " + Count(len(run.Unused), "part") + were + "\n  - " + strings.Join(quoted(run.Unused), "\n  - ") +
			"\nThe project builds, and " + passed(*v) + "; it does nothing about the above."
	case run.Verified():
		return "Verified: the project builds, and " + passed(*v) + "."
	case run.Status == workflow.Cancelled:
		return "Cancelled."
	case run.Status == workflow.Failed || run.Status == workflow.Completed || run.Status == workflow.CompletedWithFindings:
		s := "Not verified"
		switch {
		case refused(run.Problem):
			s = "Refused"
		case run.Status == workflow.Failed:
			s = "Failed"
		}
		return s + ": " + because(run)
	}
	return "The run is " + words(string(run.Status)) + "."
}

// quoted gives texts of the prompt as they are quoted in sentences.
func quoted(texts []string) []string {
	var all []string
	for _, s := range texts {
		all = append(all, `"`+Clean(s)+`"`)
	}
	return all
}

// refused says whether a stage or a run failed because nothing can be made of the prompt.
func refused(p *fault.Problem) bool { return p != nil && p.Code == fault.Refused }

func because(run workflow.Run) string {
	switch {
	case run.Problem != nil:
		s := Clean(run.Problem.Detail)
		if run.Problem.Hint != "" {
			s += "\n" + Clean(run.Problem.Hint)
		}
		return s
	case run.Verification != nil && run.Verification.Reason != "":
		return Clean(run.Verification.Reason)
	case run.Verification == nil:
		return "nothing was built or run."
	case len(run.Findings) > 0:
		return Clean(run.Findings[0])
	}
	return "the platform gave no reason."
}

func passed(v workflow.Verification) string {
	s := Count(v.Passed, "test") + " pass"
	if v.Passed == 1 {
		s += "es"
	}
	return s
}

func tests(v workflow.Verification) string {
	s := words(v.Tests)
	if v.Passed+v.Failed+v.Skipped > 0 {
		s += fmt.Sprintf(" (%s passed, %s failed, %s skipped)", Number(v.Passed), Number(v.Failed), Number(v.Skipped))
	}
	return s
}

func words(s string) string {
	if s == "" {
		return "not run"
	}
	return strings.ReplaceAll(s, "_", " ")
}

func list(s *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(s, "\n  %s:\n", title)
	for _, item := range items {
		fmt.Fprintf(s, "    - %s\n", Clean(item))
	}
}

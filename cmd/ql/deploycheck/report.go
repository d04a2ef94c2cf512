package deploycheck

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
)

// sections are how Write puts the groups under headings. A group with a sum has one line for all that is well in it.
var sections = []struct {
	heading string
	group   Group
	name    string
	sum     string // after "20 of 20"
}{
	{"The cluster", Cluster, "", ""},
	{"Secrets", Secrets, "", ""},
	{"The deployment", Functions, "Functions", "ready"},
	{"The deployment", Workloads, "Stores and worker", "available"},
	{"The deployment", Events, "Broker and Triggers", "ready"},
	{"The deployment", Objects, "All else", "there"},
}

var marks = map[State]struct{ sign, colour string }{
	OK: {"✓", "2"}, Missing: {"✗", "1"}, Wrong: {"✗", "1"}, Waiting: {"…", "3"}, Unknown: {"?", "3"},
}

// Write tells a person what a Check found: a line for each thing, with what to do below it, and one sentence at the end. It is
// coloured where w is a terminal and NO_COLOR is not set.
func Write(w io.Writer, found []Finding) error {
	p := page{colours: lipgloss.NewRenderer(w)}
	for _, section := range sections {
		var fine, rest []Finding
		for _, f := range found {
			switch {
			case f.Group != section.group:
			case f.State == OK && section.sum != "":
				fine = append(fine, f)
			default:
				rest = append(rest, f)
			}
		}
		if len(fine)+len(rest) == 0 {
			continue
		}
		p.below(section.heading)
		all := len(fine) + len(rest)
		if section.sum != "" {
			rest = alike(rest)
		}
		switch {
		case section.sum != "" && len(fine) == 0 && len(rest) == 1 && all > 1:
			p.line(rest[0].State, section.name, fmt.Sprintf("%s (all %d)", rest[0].Why, all), rest[0].Hint)
			continue
		case section.sum != "" && (len(fine) > 0 || len(rest) > 1):
			p.line(worst(rest), section.name, fmt.Sprintf("%d of %d are %s", len(fine), all, section.sum), "")
		}
		for _, f := range rest {
			p.line(f.State, f.What, f.Why, f.Hint)
		}
	}
	p.flush()
	_, err := io.WriteString(w, p.text.String()+sentence(found)+"\n")
	return err
}

// page is what Write writes.
type page struct {
	colours *lipgloss.Renderer
	text    strings.Builder
	heading string
	lines   []Finding // below the heading
}

// below begins a heading, unless the last one is the same.
func (p *page) below(heading string) {
	if heading != p.heading {
		p.flush()
		p.heading = heading
	}
}

func (p *page) line(state State, what, why, hint string) {
	p.lines = append(p.lines, Finding{What: live.Clean(what), State: state, Why: live.Clean(why), Hint: hint})
}

// flush writes what is below a heading, with the names in one column. A name longer than most is not in step.
func (p *page) flush() {
	const most = 36 // characters
	column := 0
	for _, f := range p.lines {
		if n := lipgloss.Width(f.What); n <= most {
			column = max(column, n)
		}
	}
	if len(p.lines) > 0 {
		p.text.WriteString(p.heading + "\n")
	}
	for _, f := range p.lines {
		mark := marks[f.State]
		sign := p.colours.NewStyle().Foreground(lipgloss.Color(mark.colour)).Render(mark.sign)
		fmt.Fprintf(&p.text, "  %s %s%s  %s\n", sign, f.What, strings.Repeat(" ", max(0, column-lipgloss.Width(f.What))), f.Why)
		if f.Hint == "" {
			continue
		}
		for line := range strings.SplitSeq(f.Hint, "\n") {
			p.text.WriteString("      " + live.Clean(line) + "\n")
		}
	}
	if len(p.lines) > 0 {
		p.text.WriteString("\n")
	}
	p.lines = nil
}

// worst is the state that speaks for all: OK when there is none.
func worst(found []Finding) State {
	order := []State{OK, Unknown, Waiting, Missing, Wrong}
	state := OK
	for _, f := range found {
		if slices.Index(order, f.State) > slices.Index(order, state) {
			state = f.State
		}
	}
	return state
}

// alike makes one finding of those that say the same.
func alike(found []Finding) []Finding {
	var all []Finding
	whats := map[Finding][]string{}
	for _, f := range found {
		key := f
		key.What = ""
		if whats[key] == nil {
			all = append(all, key)
		}
		whats[key] = append(whats[key], f.What)
	}
	for i, f := range all {
		all[i].What = some(whats[f])
	}
	return all
}

// some lists the first of many words.
func some(words []string) string {
	const most = 6
	if len(words) > most+1 {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
	}
	return join(words)
}

// sentence says what is lacking, or that nothing is.
func sentence(found []Finding) string {
	var lacking []string
	unknown := 0
	for _, f := range found {
		switch {
		case f.State == Unknown:
			unknown++
		case f.Lacks():
			what := f.What
			switch f.Group {
			case Secrets:
				what = "Secret " + what
			case Functions:
				what = "function " + what
			}
			lacking = append(lacking, what)
		}
	}
	switch {
	case len(lacking) == 0 && unknown == 0:
		return "Nothing is lacking."
	case len(lacking) == 0:
		return "Nothing is lacking, as far as it is seen; what has a ? is not."
	case unknown == 0:
		return "Lacking: " + some(lacking) + "."
	}
	return "Lacking: " + some(lacking) + ". What has a ? is not seen."
}

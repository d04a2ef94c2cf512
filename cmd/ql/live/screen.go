package live

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// frame is how often the screen is drawn while a stage runs.
const frame = 120 * time.Millisecond

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Screen redraws a table of the stages on a terminal. It reads no keys, so Ctrl-C stays a signal for the process.
type Screen struct {
	program *tea.Program
	done    chan error
}

// NewScreen starts to draw on w, which must be a terminal. Footer says what to press. NO_COLOR is honoured.
func NewScreen(w io.Writer, footer string) *Screen {
	program := tea.NewProgram(newModel(lipgloss.NewRenderer(w), footer, time.Now), tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler())
	s := &Screen{program: program, done: make(chan error, 1)}
	go func() {
		_, err := program.Run()
		s.done <- err
	}()
	return s
}

// Event is part of View; Screen shows boards only.
func (s *Screen) Event(workflow.Event) {}

// Show draws the board.
func (s *Screen) Show(b Board) { s.program.Send(boardMsg(b.clone())) }

// Close draws the last state without the footer and gives the terminal back.
func (s *Screen) Close() error {
	s.program.Send(closeMsg{})
	if err := <-s.done; err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return fmt.Errorf("drawing the run: %w", err)
	}
	return nil
}

type (
	boardMsg Board
	tickMsg  time.Time
	closeMsg struct{}
)

// model is the screen's state. Width and height of 0 mean that the terminal's size is not known.
type model struct {
	board         Board
	footer        string
	width, height int
	now           time.Time
	frames        int
	closed        bool
	clock         func() time.Time
	style         styles
}

type styles struct {
	render                        *lipgloss.Renderer
	bold, dim, good, bad, working lipgloss.Style
}

func newModel(r *lipgloss.Renderer, footer string, clock func() time.Time) model {
	return model{footer: footer, clock: clock, now: clock(), style: styles{
		render:  r,
		bold:    r.NewStyle().Bold(true),
		dim:     r.NewStyle().Faint(true),
		good:    r.NewStyle().Foreground(lipgloss.Color("2")),
		bad:     r.NewStyle().Foreground(lipgloss.Color("1")),
		working: r.NewStyle().Foreground(lipgloss.Color("6")),
	}}
}

func tick() tea.Cmd {
	return tea.Tick(frame, func(t time.Time) tea.Msg { return tickMsg(t) })
}

// Init is part of tea.Model.
func (m model) Init() tea.Cmd { return tick() }

// Update is part of tea.Model.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case boardMsg:
		m.board = Board(msg)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		m.now = m.clock()
		m.frames++
		return m, tick()
	case closeMsg:
		m.closed, m.now = true, m.clock()
		return m, tea.Quit
	}
	return m, nil
}

// View is part of tea.Model.
func (m model) View() string {
	run := m.board.Run
	if run.ID == "" {
		return m.fit(m.style.dim.Render("starting…")) + "\n"
	}
	lines := append([]string{m.header(run), ""}, m.rows(run)...)
	if !m.closed && m.footer != "" {
		lines = append(lines, "", m.style.dim.Render(m.footer))
	}
	for i, line := range lines {
		lines[i] = m.fit(line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (m model) header(run workflow.Run) string {
	end := m.now
	if run.EndedAt != nil {
		end = *run.EndedAt
	}
	s := m.style.bold.Render("QuantumLayer") + "  run " + Clean(run.ID) + "  " + m.style.dim.Render(title(run))
	if !run.StartedAt.IsZero() {
		s += "  " + Duration(end.Sub(run.StartedAt))
	}
	return s
}

// rows gives a line a stage. On a terminal that is too low for all of them, those that ended well or wait are only counted.
func (m model) rows(run workflow.Run) []string {
	const around = 5 // header, footer, the empty lines, and the cursor's line
	low := m.height > 0 && len(run.Stages)+around > m.height && !m.closed
	var lines []string
	done, waiting := 0, 0
	for _, row := range run.Stages {
		switch {
		case low && (row.Status == workflow.Completed || row.Status == workflow.Skipped):
			done++
		case low && row.Status == workflow.Pending:
			waiting++
		default:
			lines = append(lines, m.row(row))
		}
	}
	if low {
		lines = append(lines, m.style.dim.Render(fmt.Sprintf("     %d done, %d waiting", done, waiting)))
	}
	return lines
}

func (m model) row(row workflow.StageState) string {
	number := "  "
	if row.Number > 0 {
		number = fmt.Sprintf("%2d", row.Number)
	}
	name := fmt.Sprintf("%-*s", nameWidth, Clean(string(row.Stage)))
	if row.Status == workflow.Pending {
		return m.style.dim.Render("  " + number + " · " + Clean(string(row.Stage)))
	}
	took := ""
	switch {
	case row.StartedAt != nil && row.EndedAt != nil:
		took = Duration(row.EndedAt.Sub(*row.StartedAt))
	case row.StartedAt != nil && row.Status == workflow.Running:
		took = Duration(m.now.Sub(*row.StartedAt))
	}
	used := ""
	if n := tokens(m.board.usage(row)); n > 0 {
		used = Number(n) + " tokens"
	}
	return strings.TrimRight(fmt.Sprintf("  %s %s %s %7s  %15s  %s", number, m.mark(row.Status), name, took, used, m.note(row)), " ")
}

// nameWidth is the width of the longest name of a stage.
var nameWidth = func() int {
	widest := 0
	for _, stage := range pipeline.Stages() {
		widest = max(widest, len(stage))
	}
	return widest
}()

func (m model) mark(s workflow.Status) string {
	switch s {
	case workflow.Completed:
		return m.style.good.Render("✓")
	case workflow.CompletedWithFindings:
		return m.style.bad.Render("!")
	case workflow.Failed, workflow.Cancelled:
		return m.style.bad.Render("✗")
	case workflow.Skipped:
		return m.style.dim.Render("-")
	}
	return m.style.working.Render(spinner[m.frames%len(spinner)])
}

func (m model) note(row workflow.StageState) string {
	var parts []string
	if row.Round > 0 {
		parts = append(parts, fmt.Sprintf("round %d", row.Round))
	}
	if row.Reused {
		parts = append(parts, "was done already")
	}
	if p, ok := m.board.Progress[row.Stage]; ok {
		parts = append(parts, progressText(p))
	} else if row.Detail != "" {
		parts = append(parts, Clean(row.Detail))
	}
	note := strings.Join(parts, " · ")
	if row.Status == workflow.Failed {
		return m.style.bad.Render(note)
	}
	return m.style.dim.Render(note)
}

// fit cuts a line to the terminal's width: a wrapped line would make the screen count wrong.
func (m model) fit(line string) string {
	if m.width <= 0 || lipgloss.Width(line) <= m.width {
		return line
	}
	return m.style.render.NewStyle().MaxWidth(m.width).Render(line)
}

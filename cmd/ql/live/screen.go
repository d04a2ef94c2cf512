package live

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// frame is how often the screen is drawn while a stage runs.
const frame = 120 * time.Millisecond

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Terminal is where a Screen draws; *os.File is one.
type Terminal interface {
	io.Writer
	Fd() uintptr
}

// Screen redraws a table of the stages on a terminal. It asks the terminal nothing and reads no keys, so Ctrl-C stays a signal
// for the process, and a terminal that answers no questions is no trouble.
type Screen struct {
	terminal Terminal
	canvas   canvas
	mu       sync.Mutex
	picture  picture
	closing  chan struct{}
	closed   chan struct{}
}

// NewScreen starts to draw. Footer says what to press. NO_COLOR is honoured.
func NewScreen(terminal Terminal, footer string) *Screen {
	s := &Screen{
		terminal: terminal,
		canvas:   canvas{w: terminal},
		picture:  newPicture(lipgloss.NewRenderer(terminal), footer),
		closing:  make(chan struct{}),
		closed:   make(chan struct{}),
	}
	go s.loop()
	return s
}

func (s *Screen) loop() {
	defer close(s.closed)
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	s.canvas.begin()
	defer s.canvas.end()
	for {
		s.draw()
		select {
		case <-ticker.C:
		case <-s.closing:
			s.draw()
			return
		}
	}
}

func (s *Screen) draw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.now = time.Now()
	s.picture.frames++
	width, height, err := term.GetSize(int(s.terminal.Fd()))
	if err != nil {
		width, height = 0, 0 // not known: the lines are drawn as long as they are
	}
	s.picture.width, s.picture.height = width, height
	s.canvas.draw(s.picture.lines(), width)
}

// Event is part of View; Screen shows boards only.
func (s *Screen) Event(workflow.Event) {}

// Show is drawn with the next frame.
func (s *Screen) Show(b Board) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture.board = b.clone()
}

// Close draws the last state without the footer and gives the terminal back.
func (s *Screen) Close() error {
	s.mu.Lock()
	s.picture.closed = true
	s.mu.Unlock()
	close(s.closing)
	<-s.closed
	if s.canvas.err != nil {
		return fmt.Errorf("drawing the run: %w", s.canvas.err)
	}
	return nil
}

// picture is what a Screen draws. Width and height of 0 mean that the terminal's size is not known.
type picture struct {
	board         Board
	footer        string
	width, height int
	now           time.Time
	frames        int
	closed        bool
	style         styles
}

type styles struct {
	render                        *lipgloss.Renderer
	bold, dim, good, bad, working lipgloss.Style
}

func newPicture(r *lipgloss.Renderer, footer string) picture {
	return picture{footer: footer, style: styles{
		render:  r,
		bold:    r.NewStyle().Bold(true),
		dim:     r.NewStyle().Faint(true),
		good:    r.NewStyle().Foreground(lipgloss.Color("2")),
		bad:     r.NewStyle().Foreground(lipgloss.Color("1")),
		working: r.NewStyle().Foreground(lipgloss.Color("6")),
	}}
}

// lines gives the picture, no line wider than the terminal.
func (p picture) lines() []string {
	run := p.board.Run
	if run.ID == "" {
		return []string{p.fit(p.style.dim.Render("starting…"))}
	}
	lines := append([]string{p.header(run), ""}, p.rows(run)...)
	if !p.closed && p.footer != "" {
		lines = append(lines, "", p.style.dim.Render(p.footer))
	}
	for i, line := range lines {
		lines[i] = p.fit(line)
	}
	return lines
}

func (p picture) header(run workflow.Run) string {
	end := p.now
	if run.EndedAt != nil {
		end = *run.EndedAt
	}
	s := p.style.bold.Render("QuantumLayer") + "  run " + Clean(run.ID) + "  " + p.style.dim.Render(title(run))
	if !run.StartedAt.IsZero() {
		s += "  " + Duration(end.Sub(run.StartedAt))
	}
	return s
}

// rows gives a line a stage. On a terminal that is too low for all of them, those that ended well or wait are only counted.
func (p picture) rows(run workflow.Run) []string {
	const around = 5 // header, footer, the empty lines, and the cursor's line
	low := p.height > 0 && len(run.Stages)+around > p.height && !p.closed
	var lines []string
	done, waiting := 0, 0
	for _, row := range run.Stages {
		switch {
		case p.closed && row.Status == workflow.Skipped: // was never begun
		case low && (row.Status == workflow.Completed || row.Status == workflow.Skipped):
			done++
		case low && row.Status == workflow.Pending:
			waiting++
		default:
			lines = append(lines, p.row(row))
		}
	}
	if low {
		lines = append(lines, p.style.dim.Render(fmt.Sprintf("     %d done, %d waiting", done, waiting)))
	}
	return lines
}

func (p picture) row(row workflow.StageState) string {
	number := "  "
	if row.Number > 0 {
		number = fmt.Sprintf("%2d", row.Number)
	}
	name := fmt.Sprintf("%-*s", nameWidth, Clean(string(row.Stage)))
	if row.Status == workflow.Pending {
		return p.style.dim.Render("  " + number + " · " + Clean(string(row.Stage)))
	}
	took := ""
	switch {
	case row.StartedAt != nil && row.EndedAt != nil:
		took = Duration(row.EndedAt.Sub(*row.StartedAt))
	case row.StartedAt != nil && row.Status == workflow.Running:
		took = Duration(p.now.Sub(*row.StartedAt))
	}
	used := ""
	if n := tokens(p.board.usage(row)); n > 0 {
		used = Number(n) + " tokens"
	}
	return strings.TrimRight(fmt.Sprintf("  %s %s %s %7s  %15s  %s", number, p.mark(row.Status), name, took, used, p.note(row)), " ")
}

// nameWidth is the width of the longest name of a stage.
var nameWidth = func() int {
	widest := 0
	for _, stage := range pipeline.Stages() {
		widest = max(widest, len(stage))
	}
	return widest
}()

func (p picture) mark(s workflow.Status) string {
	switch s {
	case workflow.Completed:
		return p.style.good.Render("✓")
	case workflow.CompletedWithFindings:
		return p.style.bad.Render("!")
	case workflow.Failed, workflow.Cancelled:
		return p.style.bad.Render("✗")
	case workflow.Skipped:
		return p.style.dim.Render("-")
	}
	return p.style.working.Render(spinner[p.frames%len(spinner)])
}

func (p picture) note(row workflow.StageState) string {
	var parts []string
	if row.Round > 0 {
		parts = append(parts, fmt.Sprintf("round %d", row.Round))
	}
	if row.Reused {
		parts = append(parts, "was done already")
	}
	if progress, ok := p.board.Progress[row.Stage]; ok {
		parts = append(parts, progressText(progress))
	} else if refused(row.Problem) {
		parts = append(parts, "refused the prompt") // the reason is told at the run's end
	} else if row.Detail != "" {
		parts = append(parts, Clean(row.Detail))
	}
	note := strings.Join(parts, " · ")
	if row.Status == workflow.Failed {
		return p.style.bad.Render(note)
	}
	return p.style.dim.Render(note)
}

// fit cuts a line to the terminal's width: a wrapped line would make the screen count wrong.
func (p picture) fit(line string) string {
	if p.width <= 0 || lipgloss.Width(line) <= p.width {
		return line
	}
	return p.style.render.NewStyle().MaxWidth(p.width).Render(line)
}

package live

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// ShowCursor is the terminal's code that makes the cursor visible again, for who ends without Close.
const ShowCursor = "\x1b[?25h"

// The terminal's other codes (ECMA-48, and DEC's for the cursor).
const (
	hideCursor = "\x1b[?25l"
	cursorUp   = "\x1b[%dA"
	clearRight = "\x1b[K"
	clearBelow = "\x1b[J"
)

// canvas draws lines over those that it drew before.
type canvas struct {
	w    io.Writer
	last []string
	err  error // first error of writing
}

func (c *canvas) begin() { c.write(hideCursor) }
func (c *canvas) end()   { c.write(ShowCursor) }

// draw puts lines in the place of the last ones, in one write so that nothing flickers. Width is the terminal's, 0 when it is
// not known: a terminal that was made narrower since has wrapped the last lines.
func (c *canvas) draw(lines []string, width int) {
	var s strings.Builder
	up := 0
	for _, line := range c.last {
		up++
		if w := lipgloss.Width(line); width > 0 && w > width {
			up += (w - 1) / width
		}
	}
	if up > 0 {
		fmt.Fprintf(&s, "\r"+cursorUp, up)
	}
	for _, line := range lines {
		s.WriteString(line + clearRight + "\r\n")
	}
	s.WriteString(clearBelow)
	c.last = lines
	c.write(s.String())
}

func (c *canvas) write(s string) {
	if _, err := io.WriteString(c.w, s); err != nil && c.err == nil {
		c.err = err
	}
}

//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// statusLimit is the longest status in bytes, far above any that is meant.
const statusLimit = 64 << 10

// outcome of the whole sandbox, as its statuses have it.
type outcome struct {
	failure  string
	commands []CommandResult
	ready    time.Time // zero before
	last     int       // the last command that started, -1 before the first
	running  bool      // the last command has not ended
}

// readStatuses reads what the first process tells until it is gone. It closes
// ready when that is ready, and breach when it tells what it cannot mean: in mode
// Gvisor a job that has broken out of that kernel could be the one that writes.
func readStatuses(r io.Reader, commands []Command, ready, breach chan<- struct{}) outcome {
	o := outcome{commands: make([]CommandResult, len(commands)), last: -1}
	lines := bufio.NewReaderSize(r, statusLimit)
	var began time.Time
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			// The pipe ended, maybe within a line if we were killed.
			if o.running {
				o.commands[o.last].Wall = time.Since(began)
			}
			return o
		}
		if o.failure != "" {
			continue // it may write what it likes
		}
		var st status
		if err == nil {
			err = json.Unmarshal(line, &st)
		}
		if err == nil {
			err = o.take(st, commands)
		}
		switch {
		case err != nil:
			o.failure = fmt.Sprintf("the sandbox tells what it cannot mean: %v", err)
			close(breach)
		case st.Event == eventReady:
			o.ready = time.Now()
			close(ready)
		case st.Event == eventStarted:
			began = time.Now()
		}
	}
}

// take notes a status. The error says that it is not one that can come now.
func (o *outcome) take(st status, commands []Command) error {
	switch st.Event {
	case eventFailed:
		o.failure = cmp.Or(st.Error, "the sandbox failed and does not say why")
		return nil
	case eventReady:
		if o.ready.IsZero() {
			return nil
		}
	case eventStarted:
		if !o.ready.IsZero() && !o.running && !o.complete(commands) && st.Command == o.last+1 {
			o.last, o.running = st.Command, true
			o.commands[o.last].Ran = true
			return nil
		}
	case eventEnded:
		const lastSignal = 64
		possible := st.Exit >= -1 && st.Exit <= 255 && st.Signal >= 0 && st.Signal <= lastSignal && st.Wall >= 0
		if o.running && st.Command == o.last && possible {
			o.running = false
			c := &o.commands[o.last]
			c.ExitCode, c.Signal, c.Wall = st.Exit, st.Signal, st.Wall
			if st.Error != "" {
				c.Output = []byte(st.Error + "\n")
			}
			return nil
		}
	}
	return fmt.Errorf("%.20q of command %d, exit code %d, signal %d, after command %d", st.Event, st.Command, st.Exit, st.Signal, o.last)
}

// complete reports whether no command's turn is to come any more.
func (o *outcome) complete(commands []Command) bool {
	switch {
	case o.ready.IsZero() || o.running:
		return false
	case o.last == len(commands)-1:
		return true
	}
	return o.last >= 0 && o.commands[o.last].ExitCode != 0 && !commands[o.last].KeepGoing
}

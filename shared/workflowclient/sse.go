package workflowclient

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// messageLimit bounds one server-sent event, in bytes: an event of the platform has at most 1 MiB.
const messageLimit = 4 << 20

var errMessageTooLong = fmt.Errorf("a server-sent event is over %d MiB", messageLimit>>20)

// message is one server-sent event as it stands in the stream.
type message struct {
	id    string
	event string
	data  string
}

// reader reads a text/event-stream as the HTML standard defines it, but for the byte order mark and lone carriage returns.
type reader struct {
	lines *bufio.Reader
}

func newReader(r io.Reader) *reader { return &reader{lines: bufio.NewReader(r)} }

// next gives the next message that has data. A message that the stream's end cuts off is dropped, as the standard says:
// the error is then io.EOF.
func (r *reader) next() (message, error) {
	var m message
	var data []string
	size := 0
	for {
		line, err := r.line()
		if err != nil {
			return message{}, err
		}
		if line == "" {
			if data != nil {
				m.data = strings.Join(data, "\n")
				return m, nil
			}
			m, size = message{}, 0
			continue
		}
		if size += len(line); size > messageLimit {
			return message{}, errMessageTooLong
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			data = append(data, value)
		} // "" is a comment, "retry" is ours to decide, and unknown fields are to be ignored
	}
}

// line reads one line without its end.
func (r *reader) line() (string, error) {
	var line []byte
	for {
		part, err := r.lines.ReadSlice('\n')
		if line = append(line, part...); len(line) > messageLimit {
			return "", errMessageTooLong
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	}
}

package llmclient

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// eventLimit bounds one event of a stream, in bytes: the last one holds the whole answer, of which the router lets pass 8 MiB,
// and JSON takes up to six bytes for one.
const eventLimit = 64 << 20

// read reads the router's stream: events of one data line each. alive is called for every line, comments included.
func read(body io.Reader, alive func(), each func(string) error) (llm.Response, error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), eventLimit)
	event := ""
	for lines.Scan() {
		alive()
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			event = ""
		case field == "event":
			event = value
		case field == "data" && event == "error":
			return llm.Response{}, failure(value)
		case field == "data":
			var d llm.Delta
			if err := json.Unmarshal([]byte(value), &d); err != nil {
				return llm.Response{}, fault.New(fault.Unavailable, "llm-router streamed something that is no part of an answer: %w", err)
			}
			if d.Done != nil {
				return *d.Done, nil
			}
			if each == nil || d.Text == "" {
				continue
			}
			if err := each(d.Text); err != nil {
				return llm.Response{}, err
			}
		}
	}
	err := lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return llm.Response{}, fault.New(fault.Unavailable, "llm-router's stream ended before the answer did: %w", err)
}

// failure is the fault of an error event.
func failure(data string) error {
	var p fault.Problem
	if err := json.Unmarshal([]byte(data), &p); err != nil || p.Code == "" {
		return fault.New(fault.Unavailable, "llm-router broke off with an error that cannot be read")
	}
	return &fault.Error{Code: p.Code, Detail: p.Detail, Hint: p.Hint, Fields: p.Errors}
}

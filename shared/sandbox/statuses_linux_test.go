package sandbox

import (
	"strings"
	"testing"
)

var twoCommands = []Command{{KeepGoing: true}, {}}

// read gives what the lines make of two commands, and which channels it closed.
func read(lines string) (o outcome, ready, breach bool) {
	r, b := make(chan struct{}), make(chan struct{})
	o = readStatuses(strings.NewReader(lines), twoCommands, r, b)
	closed := func(c chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	return o, closed(r), closed(b)
}

const (
	isReady  = `{"Event":"ready"}` + "\n"
	started  = `{"Event":"started"}` + "\n"
	ended    = `{"Event":"ended","Exit":1,"Wall":5}` + "\n"
	started1 = `{"Event":"started","Command":1}` + "\n"
	ended1   = `{"Event":"ended","Command":1,"Wall":5}` + "\n"
)

func TestStatusesAreRead(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]struct {
		complete bool
		last     int
		failure  string
	}{
		"":                                   {false, -1, ""},
		isReady:                              {false, -1, ""},
		isReady + started:                    {false, 0, ""},
		isReady + started + ended:            {false, 0, ""},
		isReady + started + ended + started1: {false, 1, ""},
		isReady + started + ended + `{"Eve`:  {false, 0, ""}, // killed meanwhile
		isReady + started + ended + started1 + ended1:                         {true, 1, ""},
		isReady + started + `{"Event":"failed","Error":"why"}` + "\n" + "x\n": {false, 0, "why"},
		`{"Event":"failed"}` + "\n":                                           {false, -1, "the sandbox failed and does not say why"},
	} {
		o, _, breach := read(lines)
		if breach || o.complete(twoCommands) != want.complete || o.last != want.last || o.failure != want.failure {
			t.Errorf("%s: %+v, breach %t", lines, o, breach)
		}
	}
	if o, _, _ := read(isReady + started + ended); !o.commands[0].Ran || o.commands[0].ExitCode != 1 || o.commands[0].Wall != 5 || o.commands[1].Ran {
		t.Errorf("%+v", o)
	}
}

var breaches = map[string]string{
	"ready twice":           isReady + isReady,
	"not ready":             started,
	"no such command":       isReady + `{"Event":"started","Command":7}` + "\n",
	"command below 0":       isReady + `{"Event":"started","Command":-1}` + "\n",
	"not its turn":          isReady + started1,
	"started twice":         isReady + started + started,
	"next before the end":   isReady + started + started1,
	"end of another":        isReady + started + ended1,
	"ended twice":           isReady + started + ended + ended,
	"one more":              isReady + started + ended + started1 + ended1 + `{"Event":"started","Command":2}` + "\n",
	"no such exit code":     isReady + started + `{"Event":"ended","Exit":256}` + "\n",
	"no such signal":        isReady + started + `{"Event":"ended","Signal":-9}` + "\n",
	"time before its start": isReady + started + `{"Event":"ended","Wall":-1}` + "\n",
	"unknown event":         isReady + `{"Event":"paused"}` + "\n",
	"no event":              "{}\n",
	"no JSON":               "ready\n",
	"endless line":          isReady + strings.Repeat("x", 4*statusLimit),
	"long name":             `{"Event":"` + strings.Repeat("x", statusLimit/2) + `"}` + "\n",
}

// Who writes the statuses may be who attacks.
func TestStatusesThatCannotBeAreFailures(t *testing.T) {
	t.Parallel()
	for name, lines := range breaches {
		o, _, breach := read(lines + isReady + started)
		if !breach || !strings.HasPrefix(o.failure, "the sandbox tells what it cannot mean: ") || len(o.failure) > 500 {
			t.Errorf("%s: %+v, breach %t", name, o, breach)
		}
	}
}

func FuzzReadStatuses(f *testing.F) {
	for _, lines := range breaches {
		if len(lines) < 1000 { // the fuzzer is slow at making long ones shorter
			f.Add(lines)
		}
	}
	f.Add(isReady + started + ended + started1 + ended1)
	f.Add(isReady + `{"Event":"failed","Error":"why"}` + "\n" + isReady)
	f.Fuzz(func(t *testing.T, lines string) {
		o, ready, breach := read(lines)
		if ready == o.ready.IsZero() || breach && o.failure == "" || o.last >= len(twoCommands) || len(o.commands) != len(twoCommands) {
			t.Errorf("%+v, ready %t, breach %t", o, ready, breach)
		}
		for i, c := range o.commands {
			if c.Ran != (i <= o.last) || c.ExitCode < -1 || c.ExitCode > 255 || c.Wall < 0 || len(c.Output) > statusLimit*4 {
				t.Errorf("command %d: %+v", i, c)
			}
		}
	})
}

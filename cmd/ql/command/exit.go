package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// The exit codes, as the root's help documents them.
const (
	exitDone        = 0
	exitUnverified  = 1
	exitBadInput    = 2
	exitUnreachable = 3
	exitUnused      = 4
	exitInterrupted = 130
)

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// exitError ends ql with a code. The user has been told why already when err is nil.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func isExit(err error) bool {
	var e *exitError
	return errors.As(err, &e)
}

// usage is bad input that the command's help explains.
func usage(cmd *cobra.Command, err error) error {
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if !cmd.HasSubCommands() {
		hint = "usage: " + cmd.UseLine() + "\n" + hint
	}
	return fault.New(fault.Invalid, "%w", err).WithHint("%s", hint)
}

// exitCode says how ql ends with this error.
func exitCode(err error) int {
	var exit *exitError
	var f *fault.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case !errors.As(err, &f):
		return exitUnverified
	}
	switch f.Code {
	case fault.Invalid, fault.Unprocessable, fault.TooLarge, fault.Unsupported, fault.NotFound, fault.Conflict, fault.Unauthorized:
		return exitBadInput
	case fault.Unavailable, fault.Busy, fault.DeadlinePassed:
		return exitUnreachable
	}
	return exitUnverified
}

// report tells the user of an error and gives the exit code.
func (a *app) report(err error) int {
	code := exitCode(err)
	var exit *exitError
	if err == nil || (errors.As(err, &exit) && exit.err == nil) {
		return code
	}
	if a.json {
		_ = json.NewEncoder(a.stderr).Encode(problem(err)) // when standard error is gone, the exit code still tells
		return code
	}
	_, _ = fmt.Fprintln(a.stderr, message(err)) // as above
	return code
}

func problem(err error) *fault.Problem {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Problem()
	}
	code := fault.Internal
	if errors.Is(err, errInterrupted) {
		code = fault.Cancelled
	}
	return fault.New(code, "%w", err).Problem()
}

// message is an error for a person: what, which fields, what to do.
func message(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return "ql: " + live.Lines(strings.TrimPrefix(err.Error(), "ql: "))
	}
	s := "ql: " + live.Lines(f.Detail)
	for _, field := range f.Fields {
		s += "\n  " + live.Clean(field.Location+": "+field.Message)
	}
	if f.Hint != "" {
		s += "\n  " + strings.ReplaceAll(live.Lines(f.Hint), "\n", "\n  ")
	}
	return s
}

// nonCancel leaves out an error that only says that the context ended.
func nonCancel(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) || fault.Is(err, fault.Cancelled) {
		return nil
	}
	return err
}

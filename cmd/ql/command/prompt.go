package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// byteOrderMark is what some editors put before UTF-8 text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// prompt gives the prompt of the arguments, of standard input (-) or of a file.
func (a *app) prompt(cmd *cobra.Command, args []string, file string) (string, error) {
	switch {
	case file != "" && len(args) > 0:
		return "", usage(cmd, errors.New("the prompt is given twice: as an argument and with --prompt-file"))
	case file == "" && len(args) == 0:
		return "", usage(cmd, errors.New("no prompt; write it in quotes, or use - for standard input, or --prompt-file FILE"))
	case len(args) > 1:
		return "", usage(cmd, fmt.Errorf("the prompt is %d arguments; put it in quotes", len(args)))
	case file == "-" || (len(args) == 1 && args[0] == "-"):
		return a.promptFromStdin(cmd.Context())
	case file == "":
		return args[0], nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fault.New(fault.Invalid, "the prompt file cannot be read: %w", err)
	}
	text, err := readPrompt(f, file)
	return text, errors.Join(err, f.Close())
}

func (a *app) promptFromStdin(ctx context.Context) (string, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(a.stderr, "Type what to build, then Ctrl-D on a line of its own:")
	}
	type result struct {
		text string
		err  error
	}
	read := make(chan result, 1)
	// A read of a terminal cannot be called off: the goroutine ends with the process.
	go func() {
		text, err := readPrompt(a.stdin, "standard input")
		read <- result{text, err}
	}()
	select {
	case r := <-read:
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// readPrompt reads no more than a prompt may have, whatever the source holds.
func readPrompt(r io.Reader, name string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, pipeline.PromptLimit+int64(len(byteOrderMark))+1))
	if err != nil {
		return "", fault.New(fault.Invalid, "the prompt cannot be read: %w", err)
	}
	text = bytes.TrimPrefix(text, byteOrderMark)
	if len(text) > pipeline.PromptLimit {
		return "", fault.New(fault.TooLarge, "the prompt in %s has more than %d KiB, which is the limit", name, pipeline.PromptLimit>>10).
			WithHint("shorten it: the prompt says what to build; it is no place for code or data")
	}
	return string(text), nil
}

package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

const (
	keyLimit   = 64 << 10        // bytes of a file that is taken for a key
	probeLimit = 5 * time.Second // for the model server to be there
)

// modelFlags say which model server a platform of this process asks. A key is never a flag's value: other users of the
// machine can read those.
type modelFlags struct {
	url, model, keyFile string
}

func (m *modelFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.url, "llm-url", "", "`URL` of an OpenAI-compatible server, up to /v1 (default: $QL_LLM_URL, else the built-in provider blueprint)")
	flags.StringVar(&m.model, "llm-model", "", "`model` to ask (default: $QL_LLM_MODEL)")
	flags.StringVar(&m.keyFile, "llm-key-file", "", "`file` with the key of the server (default: $QL_LLM_API_KEY, or the file $QL_LLM_API_KEY_FILE)")
}

// only complains of flags that a platform which runs already cannot take.
func (m modelFlags) only(server string) error {
	if m.url == "" && m.keyFile == "" {
		return nil
	}
	return fault.New(fault.Invalid, "--llm-url and --llm-key-file are for a platform that ql starts itself, and one runs at %s", server).
		WithHint("start that platform with them: ql up --llm-url …; or set QL_HOME to another folder")
}

// flags repeats them for a command line.
func (m modelFlags) flags() string {
	s := ""
	for _, flag := range []struct{ name, value string }{{"--llm-url", m.url}, {"--llm-model", m.model}, {"--llm-key-file", m.keyFile}} {
		if flag.value != "" {
			s += " " + flag.name + " " + quote(flag.value)
		}
	}
	return s
}

// probe asks whether anything listens at the model server's URL, so that a wrong one is said at once and not after a run has
// tried it for minutes. Whatever it answers is for the run to judge, and so is a server that is slow.
func probe(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server, nil)
	if err != nil {
		return fault.New(fault.Invalid, "the model server's URL: %w", err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		return resp.Body.Close()
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return fault.New(fault.Invalid, "the model server at %s cannot be reached: %w", req.URL.Redacted(), err).
			WithHint("start it, or check --llm-url or QL_LLM_URL; nothing was started")
	}
	return nil
}

// set puts the flags into the environment of the functions.
func (m modelFlags) set(environ map[string]string) error {
	if m.url != "" {
		if err := httpclient.CheckURL(m.url); err != nil {
			return fault.New(fault.Invalid, "--llm-url: %w", err).WithHint("for example https://api.openai.com/v1 or http://127.0.0.1:11434/v1")
		}
		environ["QL_LLM_URL"] = m.url
	}
	if m.model != "" {
		environ["QL_LLM_MODEL"] = m.model
	}
	if m.keyFile == "" {
		return nil
	}
	file, err := os.Open(m.keyFile)
	if err != nil {
		return fault.New(fault.Invalid, "--llm-key-file: %w", err)
	}
	key, err := io.ReadAll(io.LimitReader(file, keyLimit+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return fault.New(fault.Invalid, "--llm-key-file: %w", err)
	}
	key = bytes.TrimSpace(key)
	if len(key) == 0 || len(key) > keyLimit || bytes.ContainsAny(key, " \t\r\n\x00") {
		return fault.New(fault.Invalid, "--llm-key-file: %s must hold the key and nothing else", m.keyFile)
	}
	environ["QL_LLM_API_KEY"] = string(key)
	delete(environ, "QL_LLM_API_KEY_FILE")
	return nil
}

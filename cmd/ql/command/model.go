package command

import (
	"bytes"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// keyLimit is the largest file that is taken for a key, in bytes.
const keyLimit = 64 << 10

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
	defer file.Close()
	key, err := io.ReadAll(io.LimitReader(file, keyLimit+1))
	if err != nil {
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

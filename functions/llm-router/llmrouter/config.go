package llmrouter

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// keyLimit is the largest file that is taken for a key, in bytes.
const keyLimit = 64 << 10

type config struct {
	URL            string        `env:"QL_LLM_URL"`          // an OpenAI-compatible server, usually …/v1; empty: provider blueprint
	Key            string        `env:"QL_LLM_API_KEY"`      // its key; empty: none is sent
	KeyFile        string        `env:"QL_LLM_API_KEY_FILE"` // or a file that holds it
	Model          string        `env:"QL_LLM_MODEL"`        // for requests that name none; empty: the first that the server lists
	EmbeddingModel string        `env:"QL_EMBEDDING_MODEL"`  // empty: no embeddings
	Timeout        time.Duration `env:"QL_LLM_TIMEOUT" envDefault:"30m"`
	Idle           time.Duration `env:"QL_LLM_IDLE_TIMEOUT" envDefault:"10m"` // local models are slow to begin
	Cache          string        `env:"QL_CACHE_URL" envDefault:"memory:"`
	CachePassword  string        `env:"QL_CACHE_PASSWORD"`                    // of Redis, in the place of the URL's
	CacheBytes     int64         `env:"QL_CACHE_BYTES" envDefault:"67108864"` // of memory:, Redis has its own; 0: keeps nothing, in neither
	CacheTTL       time.Duration `env:"QL_CACHE_TTL" envDefault:"24h"`
}

// Check is called by runner.Config. It never repeats a value that may be a key.
func (c *config) Check() error {
	var errs []error
	switch {
	case c.URL != "":
		errs = append(errs, checkURL(c.URL))
	case c.Model != "":
		errs = append(errs, errors.New("QL_LLM_MODEL names a model, but QL_LLM_URL names no server that has it: set it too, e.g. to https://api.openai.com/v1"))
	}
	if c.Key != "" && c.KeyFile != "" {
		errs = append(errs, errors.New("QL_LLM_API_KEY and QL_LLM_API_KEY_FILE are both set: set one"))
	} else if c.KeyFile != "" {
		var err error
		if c.Key, err = readKey(c.KeyFile); err != nil {
			errs = append(errs, fmt.Errorf("QL_LLM_API_KEY_FILE: %w", err))
		}
	}
	if strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("QL_LLM_API_KEY, or the file of QL_LLM_API_KEY_FILE, must be the key and nothing else: there is white space or a character that no key has"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("QL_LLM_TIMEOUT must be longer than nothing, e.g. 30m"))
	}
	if c.Idle <= 0 {
		errs = append(errs, errors.New("QL_LLM_IDLE_TIMEOUT must be longer than nothing, e.g. 10m"))
	}
	return errors.Join(errs...)
}

func checkURL(server string) error {
	if err := httpclient.CheckURL(server); err != nil {
		return fmt.Errorf("QL_LLM_URL: %w", err)
	}
	if u, err := url.Parse(server); err != nil || u.User != nil || u.RawQuery != "" {
		return errors.New("QL_LLM_URL must carry no user, password or query: the key goes into QL_LLM_API_KEY")
	}
	return nil
}

func readKey(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(file, keyLimit+1))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(raw))
	if key == "" || len(raw) > keyLimit {
		return "", errors.New("the file is empty, or too large for a key")
	}
	return key, nil
}

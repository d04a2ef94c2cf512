package metaprompt

import (
	"context"
	"errors"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/memory"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/qdrant"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// openVectors opens the store of QL_VECTORS_URL.
func openVectors(cfg config) (vectors.Store, error) {
	switch scheme, rest, found := strings.Cut(cfg.Vectors, ":"); {
	case found && scheme == "memory":
		return memory.Open(rest)
	case scheme == "qdrant", scheme == "qdrants":
		return qdrant.Open(qdrant.Options{URL: cfg.Vectors, APIKey: cfg.APIKey})
	}
	// What has no known scheme may begin with a password.
	return nil, errors.New("write memory:, memory:DIR or " + qdrant.Forms)
}

// asFault says that another try may help when the index fails.
func asFault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "the index of similar texts does not answer")
}

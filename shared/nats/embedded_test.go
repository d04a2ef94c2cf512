package nats_test

import (
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/natstest"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	natstest.Run(t, func(t *testing.T) *nats.Log {
		log, err := nats.Open(t.Context(), nats.Options{URL: "embedded:", DataDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return log
	})
}

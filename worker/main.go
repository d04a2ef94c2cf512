// Command worker runs the workflows.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation"
)

func main() {
	runner.Main(runner.Function{Name: "worker", New: generation.New})
}

// Command sandbox-runner builds and tests projects in a sandbox.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "sandbox-runner", New: sandboxrunner.New})
}

// Command prompt-enhancement is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/prompt-enhancement/promptenhancement"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "prompt-enhancement", New: promptenhancement.New})
}

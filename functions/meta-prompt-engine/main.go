// Command meta-prompt-engine enhances prompts.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/metaprompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "meta-prompt-engine", New: metaprompt.New})
}

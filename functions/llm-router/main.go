// Command llm-router asks model providers for everyone else.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "llm-router", New: llmrouter.New})
}

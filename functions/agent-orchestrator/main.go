// Command agent-orchestrator runs jobs of many model calls.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/agent-orchestrator/orchestrator"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "agent-orchestrator", New: orchestrator.New})
}

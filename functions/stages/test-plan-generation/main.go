// Command test-plan-generation is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-plan-generation/testplangeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "test-plan-generation", New: testplangeneration.New})
}

// Command test-generation is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/test-generation/testgeneration"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "test-generation", New: testgeneration.New})
}

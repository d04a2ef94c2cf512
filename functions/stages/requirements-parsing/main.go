// Command requirements-parsing is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/requirements-parsing/requirementsparsing"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "requirements-parsing", New: requirementsparsing.New})
}

// Command documentation is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/documentation/readme"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "documentation", New: readme.New})
}

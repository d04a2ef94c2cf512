// Command dependency-resolution is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/dependency-resolution/dependencyresolution"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "dependency-resolution", New: dependencyresolution.New})
}

// Command performance-analysis is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/performance-analysis/performanceanalysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "performance-analysis", New: performanceanalysis.New})
}

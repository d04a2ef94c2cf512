// Command quantum-drops stores the artifacts of every stage.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "quantum-drops", New: quantumdrops.New})
}

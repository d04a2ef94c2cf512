// Command quantum-capsule packs projects into capsules and verifies them.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-capsule/quantumcapsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "quantum-capsule", New: quantumcapsule.New})
}

// Command semantic-validation is the stage function of that name.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/stages/semantic-validation/semanticvalidation"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "semantic-validation", New: semanticvalidation.New})
}

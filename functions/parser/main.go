// Command parser reads code and requirements.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/parser/parser"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "parser", New: parser.New})
}

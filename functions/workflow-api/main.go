// Command workflow-api is how people and programs start runs and follow them.
package main

import (
	"github.com/quantumlayer-dev/quantumlayer/functions/workflow-api/workflowapi"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

func main() {
	runner.Main(runner.Function{Name: "workflow-api", New: workflowapi.New})
}

// Command ql turns prompts into tested projects: the client of the platform, and the platform itself in one process.
package main

import (
	"context"
	"os"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/command"
	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/platform"
)

func main() {
	os.Exit(command.Main(func(ctx context.Context, s command.Setup) (command.Platform, error) {
		return platform.Start(ctx, platform.Config(s))
	}))
}

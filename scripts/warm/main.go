// Command warm builds Go's standard library into a folder that QL_SANDBOX_BUILT may name, for an image of sandbox-runner that
// need not build it at every start. The folder is good for this version of Go and no other; what lies there already stays.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/quantumlayer-dev/quantumlayer/functions/sandbox-runner/sandboxrunner/golang"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: warm FOLDER")
		os.Exit(2)
	}
	if err := warm(ctx, os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "warm: %v\n", err)
		os.Exit(1)
	}
}

func warm(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	tc, err := golang.Find(ctx, golang.Config{Go: "go", Cache: dir})
	if err != nil {
		return err
	}
	return errors.Join(tc.Warm(ctx), tc.Close())
}

//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

func runNamespaces(context.Context, Job) (Result, error) {
	return Result{}, fmt.Errorf("namespaces need Linux on amd64 or arm64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
}

func runGvisor(context.Context, Job) (Result, error) {
	return Result{}, fmt.Errorf("mode gvisor needs Linux on amd64 or arm64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
}

func runPod(context.Context, Job) (Result, error) {
	return Result{}, fmt.Errorf("mode pod needs Linux on amd64 or arm64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
}

func onGvisor() bool { return false }

func gvisorLacks() string { return "" }

func podLacks(context.Context) string { return "" }

func describe(Mode) string { return "" }

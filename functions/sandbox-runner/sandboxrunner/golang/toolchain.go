// Package golang verifies Go projects: it resolves their dependencies without running any of their code, and builds, vets and
// tests them in a sandbox without a network.
package golang

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
)

// Config of a toolchain.
type Config struct {
	// Go is the go command: a path, or a name looked up in PATH.
	Go string
	// Mode of the sandbox; empty for what the machine offers.
	Mode sandbox.Mode
	// Cache is the folder, absolute, for the build cache of the standard library and the module cache. It is made if missing.
	Cache string
	// Built is a folder that Toolchain.Warm filled as the Cache of another machine, such as a part of a container's image. Nothing
	// is written there; what is there need not be built. Empty: none.
	Built string
	// Limits of a verification. Zero fields have the sandbox's defaults.
	Limits sandbox.Limits
	// FetchTimeout bounds one resolution of dependencies, FetchBytes the module archives that it may download.
	FetchTimeout time.Duration
	FetchBytes   int64
}

// Toolchain is the Go of this machine.
type Toolchain struct {
	cfg  Config
	bin  string // the go command, absolute
	env  goEnv
	warm chan struct{} // holds one token: whoever has it may fill the build cache

	scratch scratch
}

// goEnv is what `go env` says. The proxy settings are the operator's, from the environment or Go's own configuration file.
type goEnv struct {
	GOROOT, GOVERSION, GOOS, GOARCH string
	GOPROXY, GOSUMDB, GONOSUMDB     string
}

// Find looks at the go command. The error says what to do when there is none or when it is unusable. The caller closes the
// toolchain.
func Find(ctx context.Context, cfg Config) (*Toolchain, error) {
	bin, err := exec.LookPath(cfg.Go)
	if err != nil {
		return nil, fmt.Errorf("the go command is needed to verify Go projects: %w; install Go from https://go.dev/dl or set QL_GO", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, fmt.Errorf("path of the go command: %w", err)
	}
	cmd := exec.CommandContext(ctx, bin, "env", "-json", "GOROOT", "GOVERSION", "GOOS", "GOARCH", "GOPROXY", "GOSUMDB", "GONOSUMDB")
	cmd.Dir = "/" // no go.mod or go.work may choose another toolchain
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("asking %s for its environment: %w", bin, err)
	}
	t := &Toolchain{cfg: cfg, bin: bin, warm: make(chan struct{}, 1)}
	if err := json.Unmarshal(out, &t.env); err != nil {
		return nil, fmt.Errorf("the environment that %s tells: %w", bin, err)
	}
	if t.env.GOROOT == "" || t.env.GOVERSION == "" {
		return nil, fmt.Errorf("%s tells no GOROOT and version", bin)
	}
	t.bin = filepath.Join(t.env.GOROOT, "bin", "go")
	if err := os.MkdirAll(t.modules(), 0o755); err != nil {
		return nil, fmt.Errorf("making the module cache: %w", err)
	}
	if t.scratch, err = openScratch(filepath.Join(cfg.Cache, "scratch")); err != nil {
		return nil, fmt.Errorf("making a folder for what is needed for a moment: %w", err)
	}
	t.warm <- struct{}{}
	return t, nil
}

// Close lets other processes clear what may be left. Nothing else may run or be called after it.
func (t *Toolchain) Close() error { return t.scratch.close() }

// Version names the toolchain, e.g. "go1.26.8 linux/amd64".
func (t *Toolchain) Version() string {
	return t.env.GOVERSION + " " + t.env.GOOS + "/" + t.env.GOARCH
}

func (t *Toolchain) modules() string { return filepath.Join(t.cfg.Cache, "mod") }

// The folders as a job sees them where the sandbox can move them: always the same, so that builds do not depend on the host's
// paths.
const (
	projectDir = "/project"
	cacheDir   = "/gocache"
	modulesDir = "/modules"
)

// common is the environment of every go command: nothing of the user's configuration, no other toolchain, no version control,
// no C compiler.
func (t *Toolchain) common() []string {
	return []string{
		"GOROOT=" + t.env.GOROOT, "GOENV=off", "GOTOOLCHAIN=local", "GOWORK=off", "GOVCS=*:off", "GOAUTH=off", "CGO_ENABLED=0",
		"LANG=C.UTF-8", "TZ=UTC",
	}
}

// inside is the environment of a job that sees its folders there. There is no network to fill the module cache from.
func (t *Toolchain) inside(temp, cache, modules string) []string {
	return append(t.common(),
		"PATH="+filepath.Join(t.env.GOROOT, "bin")+":/usr/bin:/bin", "HOME="+temp, "TMPDIR="+temp,
		"GOPATH="+filepath.Join(temp, "go"), "GOCACHE="+cache, "GOMODCACHE="+modules,
		"GOPROXY=off", "GOSUMDB=off", "GOFLAGS=-mod=readonly -buildvcs=false",
	)
}

// mounts shows a job the system's programs and the toolchain. Distributions keep parts of GOROOT elsewhere, behind links.
func (t *Toolchain) mounts() ([]sandbox.Mount, error) {
	mounts := append(sandbox.System(), sandbox.Mount{Source: t.env.GOROOT})
	entries, err := os.ReadDir(t.env.GOROOT)
	if err != nil {
		return nil, fmt.Errorf("reading GOROOT: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(t.env.GOROOT, e.Name())
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return nil, fmt.Errorf("reading GOROOT: %w", err)
		}
		if e.Type()&os.ModeSymlink != 0 && !strings.HasPrefix(real, t.env.GOROOT+"/") {
			mounts = append(mounts, sandbox.Mount{Source: real})
		}
	}
	return mounts, nil
}

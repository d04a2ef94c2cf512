package golang

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// networkTrouble are the words with which the go command says that a registry did not answer, as against that it does not
// have what was asked for.
var networkTrouble = regexp.MustCompile(`dial (tcp|udp)|no such host|connection re(fused|set)|i/o timeout|TLS handshake|x509:|` +
	`network is unreachable|proxyconnect|unexpected EOF|deadline exceeded|\b(429|5\d\d) [A-Z]|module lookup disabled by GOPROXY=off`)

// fetch runs a go command that reads the project and may download modules; none of those used here runs code of either. It
// gives what the command printed; ok is false when it failed because of the project. No answer of the registry is an error.
func (t *Toolchain) fetch(ctx context.Context, project string, args ...string) (output string, ok bool, err error) {
	proxy, err := withoutDirect(t.env.GOPROXY)
	if err != nil {
		return "", false, err
	}
	output, ok, err = t.fetchFrom(ctx, proxy, project, args)
	if err != nil || ok || !networkTrouble.MatchString(output) {
		return output, ok, err
	}
	// What an earlier project fetched is enough for many a later one.
	again, ok, err := t.fetchFrom(ctx, "file://"+filepath.Join(t.modules(), "cache", "download"), project, args)
	if err != nil || ok {
		return again, ok, err
	}
	return "", false, fault.New(fault.Unavailable, "the module registry does not answer: %s", excerpt(output)).
		WithHint("check the network and GOPROXY (%s)", proxy)
}

func (t *Toolchain) fetchFrom(ctx context.Context, proxy, project string, args []string) (output string, ok bool, err error) {
	home, err := os.MkdirTemp(t.scratch.dir, "fetch-")
	if err != nil {
		return "", false, fmt.Errorf("making a home for the go command: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	limited, cancel := context.WithTimeoutCause(ctx, t.cfg.FetchTimeout, errFetchTime)
	defer cancel()
	watched, stop := context.WithCancelCause(limited)
	defer stop(nil)
	before, err := t.downloaded()
	if err != nil {
		return "", false, err
	}
	go t.watchDownloads(watched, before, stop)

	var out bytes.Buffer
	cmd := exec.CommandContext(watched, t.bin, args...)
	cmd.Dir = project
	cmd.Env = append(t.common(), "PATH="+filepath.Join(t.env.GOROOT, "bin"), "HOME="+home, "TMPDIR="+home,
		"GOPATH="+home, "GOCACHE="+filepath.Join(home, "cache"), "GOMODCACHE="+t.modules(), "GOFLAGS=-modcacherw -buildvcs=false",
		"GOPROXY="+proxy, "GOSUMDB="+t.env.GOSUMDB, "GONOSUMDB="+t.env.GONOSUMDB, "GONOPROXY=none")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stdout = &firstBytes{buffer: &out, left: 1 << 20}
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if after, err := t.downloaded(); err != nil {
		return "", false, err
	} else if after-before > t.cfg.FetchBytes {
		stop(errFetchSize)
	}
	switch cause := context.Cause(watched); {
	case errors.Is(cause, errFetchTime), errors.Is(cause, errFetchSize):
		return "", false, fault.New(fault.Unprocessable, "fetching the dependencies was ended: %w", cause)
	case cause != nil:
		return "", false, fmt.Errorf("fetching dependencies: %w", cause)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", false, fmt.Errorf("running go %s: %w", args[0], err)
	}
	return out.String(), err == nil, nil
}

var (
	errFetchTime = errors.New("they take too long")
	errFetchSize = errors.New("they are too large")
)

// watchDownloads ends the fetch when the archives that came since exceed the limit.
func (t *Toolchain) watchDownloads(ctx context.Context, before int64, stop context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := t.downloaded()
		if err != nil {
			stop(err)
			return
		}
		if now-before > t.cfg.FetchBytes {
			stop(errFetchSize)
			return
		}
	}
}

// downloaded is the size, in bytes, of all archives in the module cache.
func (t *Toolchain) downloaded() (int64, error) {
	var sum int64
	err := filepath.WalkDir(filepath.Join(t.modules(), "cache", "download"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // not made yet, or a temporary file that has gone
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measuring the module cache: %w", err)
	}
	return sum, nil
}

// withoutDirect takes what leads to version control out of a GOPROXY: it would run programs, and reach any host that a
// project names.
func withoutDirect(proxies string) (string, error) {
	var kept strings.Builder
	separator := ""
	for rest := proxies; rest != ""; {
		i := strings.IndexAny(rest, ",|")
		one, next := rest, ""
		if i >= 0 {
			one, next = rest[:i], rest[i:]
		}
		if one = strings.TrimSpace(one); one != "" && one != "direct" {
			kept.WriteString(separator + one)
		}
		if next == "" {
			break
		}
		separator, rest = next[:1], next[1:]
	}
	if kept.Len() == 0 {
		return "", fault.New(fault.Unavailable, "GOPROXY is %q, and modules are only fetched from a module proxy", proxies).
			WithHint("set GOPROXY to the URL of a module proxy; go help goproxy says more")
	}
	return strings.TrimLeft(kept.String(), ",|"), nil
}

// fetchRequired sees to it that the module cache has what the project's go.mod requires; the sandbox has no network. What
// cannot be had for a reason of the project's is left to the build to report.
func (t *Toolchain) fetchRequired(ctx context.Context, project string, files []pipeline.File) error {
	content, _ := file(files, goMod)
	mod, err := modfile.ParseLax(goMod, []byte(content), nil)
	if err != nil {
		return fmt.Errorf("go.mod: %w", err)
	}
	for _, r := range mod.Require {
		dir, err := t.moduleDir(r.Mod)
		if err == nil {
			_, err = os.Stat(dir)
		}
		if err != nil {
			_, _, err := t.fetch(ctx, project, "list", "-deps", "-test", "./...")
			return err
		}
	}
	return nil
}

// moduleDir is where the module cache has a module's files.
func (t *Toolchain) moduleDir(m module.Version) (string, error) {
	p, err := module.EscapePath(m.Path)
	if err != nil {
		return "", fmt.Errorf("module %s: %w", m, err)
	}
	v, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", fmt.Errorf("module %s: %w", m, err)
	}
	return filepath.Join(t.modules(), p+"@"+v), nil
}

// firstBytes keeps the beginning of what is written and swallows the rest.
type firstBytes struct {
	buffer *bytes.Buffer
	left   int
}

func (w *firstBytes) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	w.buffer.Write(p[:n])
	return len(p), nil
}

func excerpt(output string) string {
	const limit = 600
	output = strings.ToValidUTF8(strings.TrimSpace(output), "\uFFFD")
	if len(output) > limit {
		output = "…" + strings.ToValidUTF8(output[len(output)-limit:], "")
	}
	return output
}

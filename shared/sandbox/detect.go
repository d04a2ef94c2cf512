package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// notStarted is the exit code of a command that could not be started, as shells
// have it.
const notStarted = 127

// errNotReady is a failure of the machine: nothing of the job has run.
var errNotReady = errors.New("the sandbox was not ready")

// Support is what a machine offers, and runs jobs in that way.
type Support struct {
	Mode Mode
	// Detail is, for None, what is lacking; else what holds the jobs.
	Detail string
	// Weaker is, where nothing was asked for and runsc is there but fails, why; it is in
	// Detail too.
	Weaker string
	// passing says that what is lacking may be there soon.
	passing bool
}

var detected = struct {
	place   chan struct{}      // for one to look
	support map[Mode]Support   // by what was wanted
	until   map[Mode]time.Time // of those that may pass
}{make(chan struct{}, 1), map[Mode]Support{}, map[Mode]time.Time{}}

const (
	// probeWall is the longest time for the empty job.
	probeWall = 10 * time.Second
	// passingFor is how long an answer holds that may pass, lest each job waits
	// for another try.
	passingFor = time.Minute
)

// Detect finds out how this machine can hold a job by starting one that does
// nothing. It looks for what is wanted and for nothing else; by an empty want it
// takes the first that there is of Gvisor and Namespaces, which is what a machine of
// a person may have, and Pod is not. The answer holds for the life of the process,
// unless what failed may pass, as on a machine that is too busy: then for a minute.
// The error is the context's.
func Detect(ctx context.Context, want Mode) (Support, error) {
	select {
	case detected.place <- struct{}{}:
		defer func() { <-detected.place }()
	case <-ctx.Done():
		return Support{}, fmt.Errorf("looking for a sandbox: %w", ctx.Err())
	}
	if s, ok := detected.support[want]; ok && (!s.passing || time.Now().Before(detected.until[want])) {
		return s, nil
	}
	support, err := detect(ctx, want)
	if err != nil {
		return Support{}, err
	}
	detected.support[want], detected.until[want] = support, time.Now().Add(passingFor)
	return support, nil
}

// detectBest says, when it does not take Gvisor, what that lacks. On gVisor's own
// kernel there is nothing else to take.
func detectBest(ctx context.Context) (Support, error) {
	kernel, err := detect(ctx, Gvisor)
	if err != nil || kernel.Mode == Gvisor || onGvisor() {
		return kernel, err
	}
	s, err := detect(ctx, Namespaces)
	s.Detail += "; not gvisor: " + kernel.Detail
	s.passing = s.passing || kernel.passing
	if gvisorLacks() == "" { // whoever has put runsc there expects it
		s.Weaker = "not gvisor: " + kernel.Detail
		slog.WarnContext(ctx, "runsc is there, but no job starts in it", "mode", s.Mode, "cause", kernel.Detail)
	}
	return s, err
}

func detect(ctx context.Context, want Mode) (Support, error) {
	if want == "" {
		return detectBest(ctx)
	}
	s := Support{Mode: want}
	switch s.Mode {
	case Namespaces:
		if onGvisor() {
			return Support{Mode: None, Detail: "this kernel is gVisor's, on which there is mode gvisor and no other"}, nil
		}
	case Gvisor:
		if lacking := gvisorLacks(); lacking != "" {
			return Support{Mode: None, Detail: lacking}, nil
		}
	case Pod:
		if lacking := podLacks(ctx); lacking != "" {
			return Support{Mode: None, Detail: lacking}, ctx.Err()
		}
	default:
		return Support{Mode: None, Detail: fmt.Sprintf("sandbox mode %q is unknown", want)}, nil
	}
	// A folder that can be changed is what file systems and kernels fail at
	// most often, so the empty job has one.
	dir, err := os.MkdirTemp("", "ql-sandbox-detect-")
	if err != nil {
		return Support{Mode: None, Detail: fmt.Sprintf("no temporary folder: %v", err), passing: true}, nil
	}
	probe := s.Mount(dir, "/probe", Scratch)
	// The command gets as far as a command gets that is confined.
	r, err := s.Run(ctx, Job{
		Mounts: append(System(), probe), Dir: probe.Target, Commands: []Command{{Argv: []string{"/nowhere"}}}, Limits: Limits{Wall: probeWall},
	})
	passing := errors.Is(err, errNotReady) || r.Killed == KilledTimeout
	if err == nil && r.Commands[0].ExitCode != notStarted {
		err = fmt.Errorf("a command that does not exist ended with exit code %d, killed %q: %s", r.Commands[0].ExitCode, r.Killed, r.Commands[0].Output)
	}
	err = errors.Join(err, os.Remove(dir))
	switch {
	case ctx.Err() != nil:
		return Support{}, fmt.Errorf("looking for a sandbox: %w", ctx.Err())
	case err != nil && s.Mode != Pod:
		return Support{Mode: None, Detail: err.Error() + remedy(sysctl), passing: passing}, nil
	case err != nil:
		return Support{Mode: None, Detail: err.Error(), passing: passing}, nil
	}
	s.Detail = describe(s.Mode)
	return s, nil
}

// remedies are settings with which distributions keep ordinary users from
// namespaces, and the value that does.
var remedies = []struct{ name, value, free string }{
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "0"}, // Ubuntu since 23.10
	{"kernel/unprivileged_userns_clone", "0", "1"},             // older Debian, hardened kernels
	{"user/max_user_namespaces", "0", "10000"},
}

// remedy says what an administrator can set, or nothing.
func remedy(sysctl func(name string) string) string {
	for _, r := range remedies {
		if sysctl(r.name) == r.value {
			return fmt.Sprintf("; this machine restricts user namespaces: an administrator can allow them with `sysctl %s=%s`",
				strings.ReplaceAll(r.name, "/", "."), r.free)
		}
	}
	return ""
}

func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return "" // not every kernel has it
	}
	return strings.TrimSpace(string(b))
}

// System lists, read-only, the host's programs and shared libraries: what a
// job needs to start a shell or a dynamically linked program.
func System() []Mount {
	var mounts []Mount
	for _, p := range []string{
		"/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64",
		"/usr/libexec", "/usr/share/zoneinfo", "/etc/alternatives", "/etc/ld.so.cache",
	} {
		if _, err := os.Stat(p); err == nil {
			mounts = append(mounts, Mount{Source: p})
		}
	}
	return mounts
}

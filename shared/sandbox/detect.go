package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Support is what a machine offers.
type Support struct {
	Mode Mode
	// Detail is, for None, what the machine lacks; else what holds the jobs.
	Detail string
}

var detected struct {
	sync.Mutex
	done    bool
	support Support
}

// Detect finds out how this machine can hold a job by starting an empty one.
// The answer holds for the life of the process. The error is the context's.
func Detect(ctx context.Context) (Support, error) {
	detected.Lock()
	defer detected.Unlock()
	if detected.done {
		return detected.support, nil
	}
	support, err := detect(ctx)
	if err != nil {
		return Support{}, err
	}
	detected.support, detected.done = support, true
	return support, nil
}

func detect(ctx context.Context) (Support, error) {
	// A folder that can be changed is what file systems and kernels fail at
	// most often, so the empty job has one.
	dir, err := os.MkdirTemp("", "ql-sandbox-detect-")
	if err != nil {
		return Support{Mode: None, Detail: fmt.Sprintf("no temporary folder: %v", err)}, nil
	}
	job, err := Job{
		Mounts: append(System(), Mount{Source: dir, Target: "/probe", Access: Scratch}),
		Dir:    "/probe",
	}.prepare()
	if err == nil {
		_, err = runNamespaces(ctx, job)
	}
	err = errors.Join(err, os.Remove(dir))
	switch {
	case ctx.Err() != nil:
		return Support{}, fmt.Errorf("looking for a sandbox: %w", ctx.Err())
	case err != nil:
		return Support{Mode: None, Detail: err.Error() + remedy(sysctl)}, nil
	default:
		return Support{Mode: Namespaces, Detail: describeNamespaces()}, nil
	}
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

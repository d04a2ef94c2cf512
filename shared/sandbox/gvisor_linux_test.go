package sandbox

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func onlyInGvisor(t *testing.T) {
	t.Helper()
	if support(t).Mode != Gvisor {
		t.Skip("only in mode gvisor")
	}
}

// All else could pass in mode Namespaces too.
func TestGvisorHasAKernelOfItsOwn(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	r := mustRun(t, Job{Mounts: System(), Commands: []Command{{Argv: []string{"/bin/cat", "/proc/version"}}}})
	if got := string(r.Commands[0].Output); !r.Commands[0].OK() || !strings.Contains(got, "gvisor") {
		t.Errorf("the job's kernel is %q", got)
	}
	// It is the kernel of a container or it is not, and the answer says which.
	host, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	detail := support(t).Detail
	if within := strings.Contains(string(host), "gvisor"); within != onGvisor() || within != strings.Contains(detail, "container's own") || within == strings.Contains(detail, "runsc") {
		t.Errorf("ours is %q, and what holds a job: %s", host, detail)
	}
}

// On gVisor's kernel root would have files that a job's user has too.
func TestRootIsRefusedOnGvisor(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	notWithin(t, "it starts no runsc")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), runscName, "--rootless", "--network=none", "--ignore-cgroups", "do", self)
	cmd.Env = append(os.Environ(), tryVar+"=detect")
	out, err := cmd.CombinedOutput()
	if !strings.HasPrefix(lastLine(string(out)), refuse) || !strings.Contains(string(out), "ordinary user") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestGvisorNeedsRunsc(t *testing.T) {
	notWithin(t, "it needs none")
	mode := support(t).Mode // before it is looked for in vain
	t.Setenv("PATH", "/nonexistent")
	s, err := detect(t.Context(), Gvisor)
	if err != nil || s.Mode != None || !strings.Contains(s.Detail, "runsc on the PATH") {
		t.Errorf("%+v, %v", s, err)
	}
	if mode == Pod { // there may be no namespaces
		return
	}
	if s, err := detect(t.Context(), ""); err != nil || s.Mode != Namespaces || !strings.Contains(s.Detail, "not gvisor: mode gvisor needs runsc") {
		t.Errorf("%+v, %v", s, err)
	}
}

// podOfGvisor is a command that runs cmd, whose program stands in a folder with
// runsc, in what a restricted pod of gVisor's RuntimeClass has: a user without
// capabilities or a way to new ones, a root that is read-only, /tmp in memory, and
// the mounts of containerd. The system's programs stand for its image. It must
// start in a mount namespace of its own.
func podOfGvisor(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	dir := publicDir(t)
	const user, programs = 65531, "/programs"
	mount := func(target, kind, source string, options ...string) map[string]any {
		if err := os.MkdirAll(filepath.Join(dir, "root", target), 0o755); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"destination": target, "type": kind, "source": source, "options": options}
	}
	mounts := []any{
		mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
		mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
		mount("/tmp", "tmpfs", "tmpfs", "mode=1777"),
		mount("/var", "tmpfs", "tmpfs", "ro"),
		mount(programs, "bind", filepath.Dir(cmd.Path), "bind", "ro"),
	}
	for _, d := range []string{"/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc"} {
		if _, err := os.Stat(d); errors.Is(err, fs.ErrNotExist) {
			continue // as on another architecture
		}
		mounts = append(mounts, mount(d, "bind", d, "rbind", "ro"))
	}
	variables := slices.DeleteFunc(slices.Clone(cmd.Env), func(kv string) bool {
		return strings.HasPrefix(kv, placeVar+"=") || strings.HasPrefix(kv, "TMPDIR=")
	})
	var namespaces []any
	for _, kind := range []string{"pid", "network", "ipc", "uts", "mount"} {
		namespaces = append(namespaces, map[string]any{"type": kind})
	}
	none := []string{}
	config, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2", "hostname": "pod", "mounts": mounts,
		"root": map[string]any{"path": filepath.Join(dir, "root"), "readonly": true},
		"process": map[string]any{
			"args": append([]string{filepath.Join(programs, filepath.Base(cmd.Path))}, cmd.Args[1:]...), "cwd": "/tmp", "env": variables,
			"user": map[string]any{"uid": user, "gid": user}, "noNewPrivileges": true,
			"capabilities": map[string]any{"bounding": none, "permitted": none, "effective": none, "inheritable": none, "ambient": none},
		},
		"linux": map[string]any{
			"namespaces":    namespaces,
			"maskedPaths":   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "config.json"), string(config))
	pod := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(cmd.Path), runscName),
		"--root="+filepath.Join(dir, "state"), "--network=none", "--ignore-cgroups", "run", "--bundle="+dir, filepath.Base(dir))
	pod.Env = cmd.Env
	return pod
}

// A bind there makes read-only what is mounted at the source and nothing below it.
func TestMountsBelowAreRefusedOnGvisor(t *testing.T) {
	t.Parallel()
	if !onGvisor() {
		t.Skip("only on gVisor's kernel")
	}
	job := Job{Mounts: append(System(), Mount{Source: "/dev", Target: "/devices"}), Commands: []Command{{Argv: []string{"/bin/true"}}}}
	if r, err := support(t).Run(t.Context(), job); err == nil || !strings.Contains(err.Error(), "/devices: bind: invalid argument") {
		t.Errorf("%+v, %v", r, err)
	}
}

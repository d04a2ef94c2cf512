//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// memoryEvery is how often the memory of a sandbox is looked at.
const memoryEvery = 50 * time.Millisecond

type memoryReport struct {
	peak     int64
	exceeded bool
	err      error
}

// watchMemory looks at the memory of all processes below pid, as measure has it,
// until quit closes or it exceeds limit. The first process itself does not count;
// it is as large as the program that runs us.
func watchMemory(pid int, measure func(pid int) (int64, error), limit int64, quit <-chan struct{}) memoryReport {
	var r memoryReport
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return r
		case <-tick.C:
		}
		sum, err := measure(pid)
		if errors.Is(err, os.ErrNotExist) {
			return r // it has ended
		}
		if err != nil {
			r.err = err
			return r
		}
		r.peak = max(r.peak, sum)
		if sum > limit {
			r.exceeded = true
			return r
		}
	}
}

// memoryBelow is the memory of all descendants of pid, in bytes. That of
// processes that end meanwhile counts as 0. The error is for pid alone.
func memoryBelow(pid int) (int64, error) {
	all, err := descendants(pid)
	var sum int64
	for _, p := range all {
		anon, shared := residentOf(p)
		sum += anon + shared
	}
	return sum, err
}

// descendants lists the processes below pid. Those that end meanwhile may lack;
// the error is for pid alone.
func descendants(pid int) ([]int, error) {
	all, err := children(pid)
	for i := 0; i < len(all); i++ {
		if more, err := children(all[i]); err == nil {
			all = append(all, more...)
		}
	}
	return all, err
}

// children lists the child processes of all threads of pid. Of gVisor's kernel's
// lists the children's other threads are left out.
func children(pid int) ([]int, error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, t := range threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, t.Name()))
		if err != nil {
			if _, gone := os.Stat(fmt.Sprintf("/proc/%d/task/%s", pid, t.Name())); gone != nil {
				continue
			}
			return nil, err
		}
		for _, f := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(f)
			if err != nil {
				return nil, fmt.Errorf("children of %d: %w", pid, err)
			}
			if !onGvisor() || leads(n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// residentOf is what pid alone and what it with others has made in memory, in
// bytes; mapped files of the disk do not count. gVisor's kernel does not tell
// them apart: all is anon there, with the files. 0 if it is gone.
func residentOf(pid int) (anon, shared int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 3 {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		switch {
		case err != nil:
		case f[0] == "VmRSS:" && onGvisor():
			anon = n << 10
		case f[0] == "RssAnon:":
			anon = n << 10
		case f[0] == "RssShmem:":
			shared = n << 10
		}
	}
	return anon, shared
}

// allowance is a number of bytes that several readers use up together.
type allowance struct{ left atomic.Int64 }

func newAllowance(n int64) *allowance {
	a := new(allowance)
	a.left.Store(n)
	return a
}

// readOutput reads until the end of r. What exceeds the allowance is told once
// and thrown away, so that whoever writes does not block until it is killed.
func readOutput(r io.Reader, a *allowance, excess chan<- struct{}) []byte {
	var kept []byte
	buf := make([]byte, 32<<10)
	told := false
	for {
		n, err := r.Read(buf)
		over := min(max(-a.left.Add(-int64(n)), 0), int64(n))
		kept = append(kept, buf[:int64(n)-over]...)
		if over > 0 && !told {
			told = true
			excess <- struct{}{}
		}
		if err != nil { // the end, or closed by us
			return kept
		}
	}
}

// limitedWriter keeps the first bytes and swallows the rest.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

var owner struct {
	sync.Mutex
	ns *os.File
}

// ownerNamespace is a user namespace that maps the host's root to the user
// that a job is, for mounts that change owners. It is made once and kept.
func ownerNamespace() (*os.File, error) {
	owner.Lock()
	defer owner.Unlock()
	if owner.ns != nil {
		return owner.ns, nil
	}
	mapping := []syscall.SysProcIDMap{{ContainerID: 0, HostID: hostID, Size: 1}}
	cmd := &exec.Cmd{Path: selfExe, Args: []string{holderName}, Env: []string{}, SysProcAttr: &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, UidMappings: mapping, GidMappings: mapping, Pdeathsig: syscall.SIGKILL,
	}}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a user namespace: %w", err)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
	if err := errors.Join(err, stdin.Close(), cmd.Wait()); err != nil {
		return nil, fmt.Errorf("opening a user namespace: %w", err)
	}
	owner.ns = ns
	return ns, nil
}

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// echo answers every connection of l with what it reads first.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 64)
			n, err := c.Read(b)
			if err != nil {
				return
			}
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}()
	}
}

func echoPackets(c net.PacketConn) {
	b := make([]byte, 64)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if _, err := c.WriteTo(b[:n], from); err != nil {
			return
		}
	}
}

func tryListen() error {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go echo(l)
		if err := tryDial("tcp", l.Addr().String()); err != nil {
			return err
		}
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	resp, err := http.Get(s.URL)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func tryPackets() error {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		p, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		go echoPackets(p)
		if err := tryDial("udp", p.LocalAddr().String()); err != nil {
			return err
		}
	}
	return nil
}

func tryUnixSockets() error {
	for _, name := range []string{"app.sock", "@app"} {
		l, err := net.Listen("unix", name)
		if err != nil {
			return err
		}
		go echo(l)
		if err := tryDial("unix", name); err != nil {
			return err
		}
	}
	return nil
}

// tryFiles does in the project, as an overlay shows it, what builds do.
func tryFiles() error {
	tmp, err := os.MkdirTemp("", "try")
	if err != nil {
		return err
	}
	script := filepath.Join(tmp, "script")
	steps := []error{
		os.WriteFile("old", []byte("changed"), 0o644),
		os.WriteFile("dir/new", []byte("new"), 0o600),
		os.MkdirAll("a/b/c", 0o755),
		os.Rename("dir/moved", "a/b/moved"), // between folders
		os.Remove("gone"),
		os.Symlink("old", "link"),
		os.Link("old", "hard"),
		os.Chmod("old", 0o755),
		os.RemoveAll("tree"),
		os.Mkdir("tree", 0o755), // a new folder in place of one of the lower layer
		os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o755),
		exec.Command(script).Run(),
		os.WriteFile("/dev/null", []byte("x"), 0),
	}
	if err := errors.Join(steps...); err != nil {
		return err
	}
	if !inPod() {
		if err := os.WriteFile("/dev/shm/x", []byte("x"), 0o600); err != nil {
			return err
		}
	}
	for mode := range os.FileMode(0o1000) { // none may be taken for something that is refused
		if err := os.WriteFile(fmt.Sprintf("mode%o", mode), nil, mode); err != nil {
			return err
		}
	}
	left, err := os.ReadDir("tree")
	if err != nil {
		return err
	}
	if len(left) != 0 {
		return fmt.Errorf("the new folder shows old files: %v", left)
	}
	dirs := []string{".", os.TempDir(), "/usr/bin"}
	if !inPod() {
		dirs = append(dirs, "/etc")
	}
	for _, dir := range dirs {
		if _, err := os.ReadDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func tryProcesses() error {
	if _, err := os.Stat("/proc/self"); err == nil { // where there is no /proc, this cannot work
		self, err := os.Executable()
		if err != nil {
			return err
		}
		again := exec.Command(self)
		again.Env = []string{tryVar + "=list", "TARGET=" + os.TempDir()}
		if out, err := again.CombinedOutput(); err != nil {
			return fmt.Errorf("starting itself: %w: %s", err, out)
		}
	}
	out, err := exec.Command("/bin/sh", "-c", "echo a | cat; sleep 0 & wait; kill -0 $$").Output()
	if err != nil {
		return err
	}
	if string(out) != "a\n" {
		return fmt.Errorf("a pipeline printed %q", out)
	}
	sleep := exec.Command("/bin/sleep", "60")
	if err := sleep.Start(); err != nil {
		return err
	}
	if err := sleep.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := sleep.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		return fmt.Errorf("a child that was sent SIGTERM: %w", err)
	}
	return nil
}

func tryInterfaces() error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	var got []string
	for _, a := range addrs {
		got = append(got, a.String())
	}
	if !slices.Equal(got, []string{"127.0.0.1/8", "::1/128"}) {
		return fmt.Errorf("addresses %v", got)
	}
	return nil
}

func tryEnvironment() error {
	var keys []string
	for _, kv := range os.Environ() {
		k, _, _ := strings.Cut(kv, "=")
		keys = append(keys, k)
	}
	want := []string{"PATH", "HOME", "TMPDIR", tryVar}
	if raceDetector {
		want = append(want, "GORACE")
	}
	if !slices.Equal(keys, want) {
		return fmt.Errorf("environment has %v, want %v", keys, want)
	}
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	if filepath.Base(wd) != "project" {
		return fmt.Errorf("folder %q", wd)
	}
	if inPod() { // the container's are the job's
		return nil
	}
	u, err := user.Current()
	if err != nil {
		return err
	}
	if u.Username != "sandbox" || os.Getuid() != insideID {
		return fmt.Errorf("user %s, uid %d", u.Username, os.Getuid())
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if host != "sandbox" {
		return fmt.Errorf("host name %q", host)
	}
	return nil
}

// inPod tells by what only mode Pod has: temporary files elsewhere.
func inPod() bool { return os.TempDir() != "/tmp" }

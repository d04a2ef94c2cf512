//go:build amd64 || arm64

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// podABI is the version of Landlock that keeps signals and abstract sockets
// within a job. Without, nothing would keep the job from killing its watch.
const podABI = 6

// podLacks says why no job can be held in mode Pod, or nothing.
func podLacks(ctx context.Context) string {
	if os.Geteuid() == 0 {
		return "mode pod needs an ordinary user, and this is root"
	}
	abi, err := landlockABI()
	if err != nil {
		return fmt.Sprintf("mode pod needs Landlock: %v", err)
	}
	if abi < podABI {
		return fmt.Sprintf("mode pod needs Landlock ABI %d, the kernel has %d", podABI, abi)
	}
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" {
		return networkIsOpen(ctx, net.JoinHostPort(host, os.Getenv("KUBERNETES_SERVICE_PORT")))
	}
	return ""
}

// networkIsOpen tries the one address that every pod can reach unless it is
// denied. A policy may come a while after the pod, on a busy node ten seconds, hence
// many times; one try may fail for another reason, hence two in a row.
func networkIsOpen(ctx context.Context, address string) string {
	d := net.Dialer{Timeout: 2 * time.Second}
	refused := 0
	for range 30 {
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			if refused++; refused == 2 {
				return ""
			}
		} else {
			refused = 0
			if err := c.Close(); err != nil {
				return err.Error()
			}
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err().Error()
		}
	}
	return "the network of this pod is open: it reaches " + address + ", so a NetworkPolicy that denies egress is missing"
}

// pod has a place for the one job that runs. Two would share a user, and so
// could not be kept apart.
var pod = make(chan struct{}, 1)

// runPod runs a prepared job, and makes sure that nothing is left of it.
func runPod(ctx context.Context, job Job) (result Result, err error) {
	select {
	case pod <- struct{}{}:
		defer func() { <-pod }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	// The job has our user: it may not look into this process.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return Result{}, fmt.Errorf("becoming undumpable: %w", err)
	}
	// What an earlier container left where this one keeps its files.
	if err := RemoveAll(jobRoot()); err != nil {
		return Result{}, &UncleanError{Reason: err.Error()}
	}
	s := &supervisor{mode: Pod, job: job}
	since, err := fillRoot(job)
	if err == nil {
		if s.diskBefore, err = diskUsed(jobRoot(), job.Limits.Disk); err == nil {
			result, err = s.run(ctx)
		}
	}
	if left := whatIsLeft(s, since); left != nil {
		return Result{}, &UncleanError{Reason: errors.Join(left, err).Error()}
	}
	return result, err
}

// fillRoot makes the job's folder, with copies of what it may change. Every
// file that the job changes has a later ctime than the answer.
func fillRoot(job Job) (since unix.Timespec, err error) {
	if err := os.MkdirAll(filepath.Join(jobRoot(), "tmp"), 0o700); err != nil {
		return since, fmt.Errorf("making the job's folder: %w", err)
	}
	for _, m := range job.Mounts {
		source, err := filepath.EvalSymlinks(m.Source)
		if err != nil {
			return since, fmt.Errorf("mount %s: %w", m.Source, err)
		}
		if info, err := os.Stat(source); err != nil {
			return since, fmt.Errorf("mount %s: %w", m.Source, err)
		} else if m.Access != ReadOnly && !info.IsDir() {
			return since, fmt.Errorf("mount %s: only a folder can be changed", m.Source)
		}
		switch m.Access {
		case Scratch:
			err = os.CopyFS(m.Target, os.DirFS(source))
		case Growing:
			err = linkTree(m.Target, source)
		}
		if err != nil {
			return since, fmt.Errorf("mount %s: %w", m.Source, err)
		}
	}
	var st unix.Stat_t
	if err := errors.Join(os.Mkdir(filepath.Join(jobRoot(), "since"), 0o700), unix.Stat(filepath.Join(jobRoot(), "since"), &st)); err != nil {
		return since, fmt.Errorf("making the job's folder: %w", err)
	}
	return st.Ctim, nil
}

// linkTree makes the folders of source below target, with links to its files.
func linkTree(target, source string) error {
	return filepath.WalkDir(source, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := target + path[len(source):]
		if e.IsDir() {
			return os.MkdirAll(place, 0o755)
		}
		return os.Symlink(path, place)
	})
}

// whatIsLeft removes the job's folder. It answers an error unless nothing that
// the job had is left: no process, and no change to any file of its user.
func whatIsLeft(s *supervisor, since unix.Timespec) error {
	if s.unswept {
		return errors.New("its processes: the one that ends them was ended itself")
	}
	if err := RemoveAll(jobRoot()); err != nil {
		return err
	}
	if since == (unix.Timespec{}) {
		return nil // it did not start
	}
	// Landlock keeps a job from other files' contents, but not from their
	// modes, times and attributes, where they belong to its user. All of these
	// leave their time.
	uid := os.Geteuid()
	return filepath.WalkDir(os.TempDir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, m := range s.job.Mounts {
			if m.Access == Writable && m.Source == path {
				return fs.SkipDir
			}
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return fmt.Errorf("looking at %s: %w", path, err)
		}
		if path != os.TempDir() && int(st.Uid) == uid && later(st.Ctim, since) {
			return fmt.Errorf("%s was changed while it ran", path)
		}
		return nil
	})
}

func later(a, b unix.Timespec) bool { return a.Sec > b.Sec || a.Sec == b.Sec && a.Nsec > b.Nsec }

// diskEvery is how often the files of a job are looked at, and rests at least
// nine tenths of the time.
const diskEvery = 100 * time.Millisecond

var errDiskExceeded = errors.New("too many or too large files")

// watchDisk measures a folder until quit closes or there is more than limit
// above what was there before, which is errDiskExceeded.
func watchDisk(dir string, limit, before int64, quit <-chan struct{}) error {
	free, err := freeSpace(dir)
	if err != nil {
		return err
	}
	wait := diskEvery
	for {
		select {
		case <-quit:
			return nil
		case <-time.After(wait):
		}
		start := time.Now()
		used, err := diskUsed(dir, before+limit)
		if errors.Is(err, fs.ErrPermission) {
			// The job keeps us from looking, as its tests may: what the whole file
			// system has lost is more, or the same.
			var now int64
			now, err = freeSpace(dir)
			used = before + free - now
		}
		if err != nil {
			return err
		}
		if used > before+limit {
			return errDiskExceeded
		}
		wait = max(diskEvery, 9*time.Since(start))
	}
}

// perFile is what a file counts besides its blocks, in bytes.
const perFile = 4096

// diskUsed is what the files below dir take, in bytes. It stops counting above
// enough. The error is fs.ErrPermission when it may not look everywhere.
func diskUsed(dir string, enough int64) (int64, error) {
	var sum int64
	var hidden error
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			hidden = err
			return nil
		}
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		if sum += st.Blocks*512 + perFile; sum > enough {
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && sum <= enough {
		err = hidden
	}
	return sum, err
}

func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("measuring the file system of %s: %w", dir, err)
	}
	return int64(st.Bfree) * st.Bsize, nil
}

// podReadable is what a job in mode Pod can read besides its mounts. Of other
// processes /proc has names and command lines only: Landlock lets nobody look
// deeper into a process outside of the job.
func podReadable() []string {
	return slices.DeleteFunc([]string{
		"/proc", "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime",
	}, func(p string) bool {
		_, err := os.Stat(p)
		return err != nil // images without them
	})
}

//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// stage is covered by a file system in memory for what follows, which the job
	// does not see.
	stage = "/tmp"
	// newRoot is where the sandbox's root is put together before it becomes /.
	newRoot = stage + rootDir
	rootDir = "/root" // on the stage
	// scratchDir is the one file system in memory that all that can be changed
	// comes from, so that one size bounds all of it.
	scratchDir = stage + "/scratch"
	// inodesPerMiB keeps the kernel memory of many empty files in proportion.
	inodesPerMiB = 256
)

var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// buildRoot puts a root together at newRoot that holds the job's mounts and
// nothing else of the host, but for /proc. trees are the opened mounts, or nil to
// open them here.
func buildRoot(job Job, trees []int) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	// Every source first: what is mounted from here on may hide one.
	if trees == nil {
		for _, m := range job.Mounts {
			fd, err := openTree(m)
			if err != nil {
				return err
			}
			trees = append(trees, fd)
		}
	}
	var devTrees []int
	for _, d := range devices {
		fd, err := openTree(Mount{Source: d, Access: ReadOnly})
		if err != nil {
			return err
		}
		devTrees = append(devTrees, fd)
	}

	if err := mountTmpfs(stage, "mode=755,size=1m"); err != nil {
		return err
	}
	for _, d := range []string{newRoot, scratchDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("making the root: %w", err)
		}
	}
	if err := mountTmpfs(newRoot, "mode=755,size=1m"); err != nil {
		return err
	}
	for _, d := range []string{newRoot + "/tmp", newRoot + "/dev/shm", newRoot + "/etc", newRoot + "/proc"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("making the root: %w", err)
		}
	}
	mib := job.Limits.Disk>>20 + 1
	if err := mountTmpfs(scratchDir, fmt.Sprintf("mode=755,size=%d,nr_inodes=%d", job.Limits.Disk, 1024+mib*inodesPerMiB)); err != nil {
		return err
	}
	for source, target := range map[string]string{scratchDir + "/tmp": "/tmp", scratchDir + "/shm": "/dev/shm"} {
		if err := bindScratch(source, newRoot+target); err != nil {
			return err
		}
	}
	for i, m := range job.Mounts {
		if err := attach(m, trees[i], i); err != nil {
			return fmt.Errorf("mounting %s: %w", m.Target, err)
		}
	}
	for i, d := range devices {
		if err := attachDevice(d, devTrees[i]); err != nil {
			return fmt.Errorf("mounting %s: %w", d, err)
		}
	}
	return writeEtc()
}

// openTree takes a detached copy of a mount. A folder that gets an overlay
// comes without what is mounted below it, which an overlay would not show. On
// gVisor's kernel it is no copy yet: moveTree makes that.
func openTree(m Mount) (int, error) {
	path, err := filepath.EvalSymlinks(m.Source)
	if err != nil {
		return -1, fmt.Errorf("mount %s: %w", m.Source, err)
	}
	if onGvisor() {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("mount %s: %w", m.Source, err)
		}
		return fd, nil
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if m.Access != Scratch {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, flags)
	if err != nil {
		return -1, fmt.Errorf("mount %s: open_tree: %w", m.Source, err)
	}
	return fd, nil
}

func mountTmpfs(at, options string) error {
	if err := unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	return nil
}

// bindScratch makes a folder that everybody may write and shows it at target.
func bindScratch(source, target string) error {
	if err := os.Mkdir(source, 0o700); err != nil {
		return fmt.Errorf("making the root: %w", err)
	}
	if err := os.Chmod(source, 0o777|os.ModeSticky); err != nil {
		return fmt.Errorf("making the root: %w", err)
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding %s: %w", target, err)
	}
	return nil
}

// attach puts an opened tree in its place. n makes the inner names unique.
func attach(m Mount, tree, n int) error {
	target := newRoot + m.Target
	isDir, err := makePlace(tree, target)
	if err != nil {
		return err
	}
	if m.Access != ReadOnly && !isDir {
		return errors.New("only a folder can be changed")
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if m.Access != Writable {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if m.Access != Scratch {
		return moveTree(tree, target, attr)
	}

	lower, upper, work := scratchDir+"/lower", scratchDir+"/upper", scratchDir+"/work"
	lower, upper, work = lower+strconv.Itoa(n), upper+strconv.Itoa(n), work+strconv.Itoa(n)
	for _, d := range []string{lower, upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := moveTree(tree, lower, attr); err != nil {
		return err
	}
	options := "userxattr,lowerdir=" + lower + ",upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", target, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	return nil
}

func attachDevice(path string, tree int) error {
	target := newRoot + path
	if _, err := makePlace(tree, target); err != nil {
		return err
	}
	return moveTree(tree, target, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC})
}

// makePlace makes the folder or file that a tree will cover, and reports
// whether the tree is a folder.
func makePlace(tree int, target string) (isDir bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return false, fmt.Errorf("fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return true, os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

func moveTree(tree int, target string, attr unix.MountAttr) error {
	if onGvisor() {
		return errors.Join(bindTree(tree, target, attr), unix.Close(tree))
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return unix.Close(tree)
}

// writeEtc writes the few files that resolvers and user look-ups read.
func writeEtc() error {
	for name, content := range map[string]string{
		"passwd":        fmt.Sprintf("sandbox:x:%d:%d:sandbox:/tmp:/bin/sh\n", insideID, insideID),
		"group":         fmt.Sprintf("sandbox:x:%d:\n", insideID),
		"hosts":         "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
		"nsswitch.conf": "hosts: files\n",
	} {
		if err := os.WriteFile(filepath.Join(newRoot, "etc", name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("making the root: %w", err)
		}
	}
	return nil
}

// mountProc mounts a proc of the sandbox's own processes. Where the host's is
// masked in part, as in a container, the kernel refuses, which is EPERM.
func mountProc(at string) error {
	if err := unix.Mount("proc", at, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting proc: %w", err)
	}
	return nil
}

// linkDescriptors makes the links of /dev that need /proc.
func linkDescriptors() error {
	for link, to := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(to, newRoot+"/dev/"+link); err != nil {
			return fmt.Errorf("making the root: %w", err)
		}
	}
	return nil
}

// sealRoot makes newRoot itself read-only; what is mounted below stays as it is.
func sealRoot() error {
	if onGvisor() {
		if err := unix.Mount("", newRoot, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
			return fmt.Errorf("making the root read-only: %w", err)
		}
		return nil
	}
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, newRoot, 0, &readOnly); err != nil {
		return fmt.Errorf("making the root read-only: %w", err)
	}
	return nil
}

// enterRoot makes the file system at dir the root and lets go of the host's.
func enterRoot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	return nil
}

// tuneProc forbids user namespaces inside ours, which seccomp does as well,
// and offers the job to the kernel's out-of-memory killer before all others.
func tuneProc() error {
	for file, value := range map[string]string{
		"/proc/sys/user/max_user_namespaces": "0",
		"/proc/self/oom_score_adj":           "1000",
	} {
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			return fmt.Errorf("setting %s: %w", file, err)
		}
	}
	return nil
}

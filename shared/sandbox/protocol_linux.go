//go:build amd64 || arm64

package sandbox

import "time"

// reexecName is argv[0] of our own binary when it is to be the first process
// of a sandbox, launchName when it is to become a confined command in mode Pod
// or Gvisor, holderName when it is only to keep a user namespace alive, and
// insideName when it is the first process that gVisor's kernel runs.
const (
	reexecName = "quantumlayer-sandbox"
	launchName = "quantumlayer-sandbox-command"
	holderName = "quantumlayer-sandbox-userns"
	insideName = "/quantumlayer-sandbox-inside"
)

// Descriptors that the first process of a sandbox starts with. From firstFD on
// come the output pipes, one for each command, and then the mounts' trees if
// the parent opened them, and in mode Gvisor runsc. A launched command starts
// with the first two.
const (
	planFD   = 3 // a plan is read from here; in mode Pod its end asks for ours
	statusFD = 4 // statuses are written here
	firstFD  = 5
)

// plan is what the first process is told.
type plan struct {
	Mode Mode
	Job  Job
	// Temp is the folder for temporary files: what is started with an empty
	// environment knows none.
	Temp string
	// TreesOpened says that the parent has opened the mounts' trees, because it
	// may look where the sandbox's user may not.
	TreesOpened bool
	// Inside says that this is for pid 1 of gVisor's kernel.
	Inside bool
}

// trees are the descriptors of the mounts' trees, nil when they are not opened.
func (p plan) trees() []int {
	if !p.TreesOpened {
		return nil
	}
	var fds []int
	for i := range p.Job.Mounts {
		fds = append(fds, firstFD+len(p.Job.Commands)+i)
	}
	return fds
}

// within reports whether this is for the first process of a sandbox on a kernel
// that is gVisor's already.
func (p plan) within() bool { return p.Mode == Gvisor && !p.Inside && onGvisor() }

// runscFD is, in mode Gvisor, the descriptor of runsc.
func (p plan) runscFD() int { return firstFD + len(p.Job.Commands) + len(p.trees()) }

// status is one line of what the first process tells.
type status struct {
	Event   event
	Command int           `json:",omitempty"` // index, for started and ended
	Exit    int           `json:",omitempty"`
	Signal  int           `json:",omitempty"`
	Wall    time.Duration `json:",omitempty"`
	Error   string        `json:",omitempty"` // for failed; for ended when it did not start
}

type event string

const (
	eventReady   event = "ready"   // everything is set up and confined
	eventStarted event = "started" // a command's turn has come
	eventEnded   event = "ended"   // a command and all its processes are gone
	eventFailed  event = "failed"  // the sandbox could not be set up
)

// The user that a job is inside, and the host user behind it when we are root.
// The host's own root must not be behind it: the kernel spares uid 0 the limit
// on processes and lets it write the host's settings in /proc/sys.
const (
	insideID = 1000
	hostID   = 60999 // between the ranges that systemd hands out; nobody's
)

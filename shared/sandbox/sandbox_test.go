package sandbox

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJobIsChecked(t *testing.T) {
	t.Parallel()
	program := []Command{{Argv: []string{"/bin/true"}}}
	for name, job := range map[string]Job{
		"relative mount":       {Mounts: []Mount{{Source: "usr"}}},
		"mount of the root":    {Mounts: []Mount{{Source: "/"}}},
		"mount over the root":  {Mounts: []Mount{{Source: "/usr", Target: "/"}}},
		"unclean mount":        {Mounts: []Mount{{Source: "/usr/../etc"}}},
		"unknown access":       {Mounts: []Mount{{Source: "/usr", Access: 3}}},
		"relative folder":      {Dir: "project"},
		"no program":           {Commands: []Command{{}}},
		"program without path": {Commands: []Command{{Argv: []string{"true"}}}},
		"wrong environment":    {Commands: program, Env: []string{"HOME"}},
		"nul in environment":   {Commands: program, Env: []string{"A=b\x00C=d"}},
		"negative limit":       {Commands: program, Limits: Limits{Wall: -time.Second}},
	} {
		if _, err := job.prepare(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := (Job{Commands: program, Mounts: System(), Env: []string{"A=b"}}).prepare(); err != nil {
		t.Errorf("a good job is refused: %v", err)
	}
}

func TestLastValueOfTheEnvironmentWins(t *testing.T) {
	t.Parallel()
	got, err := uniqueEnv([]string{"PATH=/a", "HOME=/h", "PATH=/b", "EMPTY=", "X=1=2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"HOME=/h", "PATH=/b", "EMPTY=", "X=1=2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnavailableErrorSaysWhatLacks(t *testing.T) {
	t.Parallel()
	var err error = &UnavailableError{Reason: "no user namespaces"}
	var u *UnavailableError
	if !errors.As(err, &u) || err.Error() != "no sandbox on this machine: no user namespaces" {
		t.Errorf("got %v", err)
	}
}

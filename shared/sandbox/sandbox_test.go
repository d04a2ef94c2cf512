package sandbox

import (
	"errors"
	"strings"
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
		"unknown access":       {Mounts: []Mount{{Source: "/usr", Access: 4}}},
		"relative folder":      {Dir: "project"},
		"no program":           {Commands: []Command{{}}},
		"program without path": {Commands: []Command{{Argv: []string{"true"}}}},
		"wrong environment":    {Commands: program, Env: []string{"HOME"}},
		"nul in environment":   {Commands: program, Env: []string{"A=b\x00C=d"}},
		"negative limit":       {Commands: program, Limits: Limits{Wall: -time.Second}},
	} {
		if _, err := job.prepare(Support{Mode: Namespaces}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := (Job{Commands: program, Mounts: System(), Env: []string{"A=b"}}).prepare(Support{Mode: Namespaces}); err != nil {
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

func TestRemedyNamesTheSetting(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"kernel/apparmor_restrict_unprivileged_userns=1": "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
		"user/max_user_namespaces=0":                     "`sysctl user.max_user_namespaces=10000`",
		"user/max_user_namespaces=96364":                 "",
	} {
		name, value, _ := strings.Cut(set, "=")
		got := remedy(func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", set, got)
		}
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

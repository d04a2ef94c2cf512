package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ql": func() { os.Exit(Main(noPlatform)) }})
}

// noPlatform keeps these tests to the command line. The platform in the process is tested with the whole, in cmd/ql.
func noPlatform(context.Context, Setup) (Platform, error) {
	return nil, fault.New(fault.Unavailable, "these tests start no platform")
}

// apiKey holds the scripted server of a script.
type apiKey struct{}

func TestScripts(t *testing.T) {
	t.Parallel()
	capsule := packCapsule(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("XDG_DATA_HOME", "")
			env.Setenv("TMPDIR", env.WorkDir+"/tmp")
			env.Values[apiKey{}] = new(*scriptedAPI)
			if err := os.WriteFile(env.WorkDir+"/good.tar.gz", capsule, 0o644); err != nil {
				return err
			}
			return os.Mkdir(env.WorkDir+"/tmp", 0o755)
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return os.Geteuid() == 0, nil // whom permissions do not stop
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":   func(ts *testscript.TestScript, neg bool, args []string) { startAPI(ts, args, capsule) },
			"await": awaitStall,
			"code":  exitsWith,
			"hold":  holdHome,
			"big":   writeBig,
		},
	})
}

// startAPI starts the scripted server with a scenario, and makes ql use it: api SCENARIO.
func startAPI(ts *testscript.TestScript, args []string, capsule []byte) {
	if len(args) != 1 {
		ts.Fatalf("usage: api SCENARIO")
	}
	s, ok := scenarios[args[0]]
	if !ok {
		ts.Fatalf("no scenario %s; there are %v", args[0], scenarioNames())
	}
	api := newScriptedAPI(s, capsule)
	ts.Defer(api.server.Close)
	ts.Setenv("QL_SERVER", api.server.URL)
	*ts.Value(apiKey{}).(**scriptedAPI) = api
}

// awaitStall waits until a client has read the events up to where they stall: await.
func awaitStall(ts *testscript.TestScript, _ bool, _ []string) {
	api := *ts.Value(apiKey{}).(**scriptedAPI)
	select {
	case <-api.watched:
	case <-time.After(20 * time.Second):
		ts.Fatalf("nobody reads the events")
	}
}

// exitsWith runs ql and checks its exit code: code N ARGUMENTS. Output is kept for stdout and stderr as with exec.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: code N ARGUMENTS")
	}
	script := `ql "$@"; test $? -eq ` + args[0]
	ts.Check(ts.Exec("sh", append([]string{"-c", script, "sh"}, args[1:]...)...))
}

// holdHome uses a data folder as another process would: hold DIR.
func holdHome(ts *testscript.TestScript, _ bool, args []string) {
	h, err := home.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { ts.Check(h.Close()) })
	if len(args) > 1 {
		api := *ts.Value(apiKey{}).(**scriptedAPI)
		ts.Check(h.Announce(home.Holder{URL: api.server.URL, PID: os.Getpid(), Stays: args[1] == "stays"}))
	}
}

// writeBig writes a prompt one byte over the limit: big FILE.
func writeBig(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("a"), pipeline.PromptLimit+1), 0o644))
}

// TestHelp: every command says how it is used, with an example, and takes --json.
func TestHelp(t *testing.T) {
	t.Parallel()
	a := &app{getenv: func(string) string { return "" }}
	walked := 0
	for queue := a.root().Commands(); len(queue) > 0; queue = queue[1:] {
		cmd := queue[0]
		queue = append(queue, cmd.Commands()...)
		if cmd.Hidden {
			continue
		}
		walked++
		if cmd.Short == "" || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: no example of itself in its help", cmd.CommandPath())
		}
		if cmd.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s: no --json", cmd.CommandPath())
		}
	}
	if walked < 13 {
		t.Errorf("%d commands, want at least 13", walked)
	}
}

// The scripts that completion writes are accepted by the shells that are here.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			a := &app{getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}
			if code := a.run(t.Context(), []string{"completion", shell}); code != 0 || out.Len() == 0 {
				t.Fatalf("exit code %d, %d bytes, %s", code, out.Len(), &errs)
			}
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("no %s here", shell)
			}
			check := exec.CommandContext(t.Context(), path, "-n")
			check.Stdin = &out
			if said, err := check.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
}

package command

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// leaves gives the commands that do something, by their path.
func leaves(a *app) map[string]*cobra.Command {
	found := map[string]*cobra.Command{}
	for queue := a.root().Commands(); len(queue) > 0; queue = queue[1:] {
		queue = append(queue, queue[0].Commands()...)
		if cmd := queue[0]; !cmd.HasSubCommands() && !cmd.Hidden {
			found[cmd.CommandPath()] = cmd
		}
	}
	return found
}

// TestServerIsAskedWhereItIsOffered: a command either asks the platform that --server names, or has no such flag.
func TestServerIsAskedWhereItIsOffered(t *testing.T) {
	t.Parallel()
	a := &app{getenv: func(string) string { return "" }}
	var asking []string
	for path, cmd := range leaves(a) {
		line := strings.Fields(path)[1:]
		for _, name := range strings.Fields(cmd.Use)[1:] {
			switch {
			case name == "|" || name == "-" || strings.HasPrefix(name, "["):
			default:
				line = append(line, "x")
			}
		}
		var out, errs bytes.Buffer
		called := &app{getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}
		code := called.run(t.Context(), append(line, "--server", "http://127.0.0.1:1"))
		if cmd.Flags().Lookup(serverFlag) == nil {
			if want := "unknown flag: --server; it names a running platform, and " + path + " uses none"; code != exitBadInput || !strings.Contains(errs.String(), want) {
				t.Errorf("%s: exit code %d, %s", path, code, &errs)
			}
			continue
		}
		asking = append(asking, path)
		if code != exitUnreachable || !strings.Contains(errs.String(), "127.0.0.1:1") {
			t.Errorf("%s: exit code %d, %s%s", path, code, &out, &errs)
		}
	}
	slices.Sort(asking)
	if want := []string{"ql cancel", "ql dead-letters", "ql drops", "ql files", "ql generate", "ql list", "ql resume", "ql status"}; !slices.Equal(asking, want) {
		t.Errorf("--server is offered by %q, want %q", asking, want)
	}
}

// TestFlagsNameTheirValues: help and completion of a flag with known values name each of them, as the error of another value does.
func TestFlagsNameTheirValues(t *testing.T) {
	t.Parallel()
	commands := leaves(&app{getenv: func(string) string { return "" }})
	for _, test := range []struct {
		line   string
		flag   string
		values []string
	}{
		{"ql generate x", "language", pipeline.Languages()},
		{"ql generate x", "type", pipeline.ProjectTypes()},
		{"ql generate x", "framework", pipeline.Frameworks(pipeline.Languages()[0])},
		{"ql drops x", "stage", stageNames()},
		{"ql drops x", "type", dropTypes()},
	} {
		t.Run(test.line+" --"+test.flag, func(t *testing.T) {
			t.Parallel()
			cmd := commands[strings.TrimSuffix(test.line, " x")]
			help := cmd.Flags().Lookup(test.flag).Usage
			var out, errs bytes.Buffer
			a := &app{getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}
			line := strings.Fields(test.line)[1:]
			if code := a.run(t.Context(), append(line, "--"+test.flag, "bogus")); code != exitBadInput {
				t.Errorf("exit code %d", code)
			}
			if code := a.run(t.Context(), append(append([]string{cobra.ShellCompNoDescRequestCmd}, line...), "--"+test.flag, "")); code != exitDone {
				t.Errorf("completion: exit code %d", code)
			}
			if len(test.values) == 0 || !strings.Contains(errs.String(), fmt.Sprintf("%q is unknown", "bogus")) {
				t.Errorf("values %q, error %q", test.values, &errs)
			}
			for _, value := range test.values {
				if !strings.Contains(help, value) || !strings.Contains(errs.String(), value) || !slices.Contains(strings.Split(out.String(), "\n"), value) {
					t.Errorf("%q is not in all of:\nhelp %q\nerror %q\ncompletion %q", value, help, &errs, &out)
				}
			}
		})
	}
}

// TestServerBeforeTheCommand: flags may stand before the command that has them.
func TestServerBeforeTheCommand(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	a := &app{getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}
	if code := a.run(t.Context(), []string{"--server", "http://127.0.0.1:1", "list"}); code != exitUnreachable {
		t.Errorf("exit code %d, %s", code, &errs)
	}
}

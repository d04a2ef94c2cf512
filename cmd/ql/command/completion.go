package command

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

const (
	// A shell waits for completions, so a server that does not answer at once gives none.
	completionWait = 700 * time.Millisecond
	completionRuns = 50
)

func (a *app) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write the script that completes ql in your shell",
		Long: `Completion writes a script for your shell. Commands, flags, the values of flags and the IDs of runs complete; IDs come
from the platform, when it runs. In bash it needs the package bash-completion: install it with the system's package manager.`,
		Example: `  source <(ql completion bash)
  ql completion zsh > "${fpath[1]}/_ql"
  ql completion fish > ~/.config/fish/completions/ql.fish`,
		ValidArgs: shells,
		Args:      arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			var script bytes.Buffer
			var err error
			switch root := cmd.Root(); args[0] {
			case "bash":
				err = root.GenBashCompletionV2(&script, true)
			case "zsh":
				err = root.GenZshCompletion(&script)
			case "fish":
				err = root.GenFishCompletion(&script, true)
			}
			if err != nil {
				return fmt.Errorf("writing the completion script: %w", err)
			}
			if a.json {
				return a.encode(map[string]string{"shell": args[0], "script": script.String()})
			}
			return a.print("%s", script.String())
		},
	}
}

// complete gives a flag's values to the shell.
func complete(cmd *cobra.Command, flag string, values func(prefix string) []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return values(prefix), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag does not exist: a defect that every call of ql would meet
	}
}

// frameworks gives those of the language that the user has typed already.
func frameworks(request *pipeline.Request) func(string) []string {
	return func(string) []string {
		r := *request
		r.Prompt, r.Framework = "x", ""
		if r.Normalise() != nil {
			return nil
		}
		return pipeline.Frameworks(r.Language)
	}
}

// completeRun gives the IDs of runs, newest first, from a platform that runs. It never starts one.
func (a *app) completeRun(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.completeRunAnd(nil)(cmd, args, prefix)
}

// completeRunAnd completes the ID of a run as completeRun does, and then what a run has, if anything.
func (a *app) completeRunAnd(has func(context.Context, *workflowclient.Client, string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		c := a.someClient()
		if c == nil || len(args) > 1 || len(args) == 1 && has == nil {
			return nil, nothing
		}
		ctx := cmd.Context()
		if ctx == nil { // cobra completes without one
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completionWait)
		defer cancel()
		var all []string
		var err error
		if len(args) == 1 {
			all, err = has(ctx, c, args[0])
		} else {
			all, err = runIDs(ctx, c)
		}
		if err != nil { // nobody is there to be told
			return nil, nothing
		}
		all = slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, prefix) })
		return all, nothing | cobra.ShellCompDirectiveKeepOrder
	}
}

// someClient gives a client of a platform that runs, or nil.
func (a *app) someClient() *workflowclient.Client {
	if server := a.serverURL(); server != "" {
		c, err := a.serverClient(server)
		if err != nil {
			return nil
		}
		return c
	}
	dir, err := home.Dir(a.getenv)
	if err != nil {
		return nil
	}
	holder, found, err := home.Find(dir)
	if err != nil || !found {
		return nil
	}
	c, err := workflowclient.New(holder.URL)
	if err != nil {
		return nil
	}
	return c
}

func runIDs(ctx context.Context, c *workflowclient.Client) ([]string, error) {
	runs, err := c.List(ctx, completionRuns)
	var ids []string
	for _, run := range runs {
		ids = append(ids, run.ID+"\t"+string(run.Status)+": "+runRow(run)[4])
	}
	return ids, err
}

func completeFile(ctx context.Context, c *workflowclient.Client, id string) ([]string, error) {
	files, err := c.Files(ctx, id)
	var paths []string
	for _, f := range files {
		paths = append(paths, live.Clean(f.Path))
	}
	return paths, err
}

func completeDrop(ctx context.Context, c *workflowclient.Client, id string) ([]string, error) {
	drops, err := c.Drops(ctx, id, "", "")
	var ids []string
	for _, d := range drops {
		ids = append(ids, d.ID+"\t"+live.Clean(strings.TrimSpace(d.Stage+" "+string(d.Type)+" "+d.Name())))
	}
	return ids, err
}

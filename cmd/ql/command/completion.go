package command

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
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
		Args:      args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
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
	const nothing = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, nothing
	}
	base := a.serverURL()
	if base == "" {
		dir, err := home.Dir(a.getenv)
		if err != nil {
			return nil, nothing
		}
		holder, found, err := home.Find(dir)
		if err != nil || !found {
			return nil, nothing
		}
		base = holder.URL
	}
	c, err := workflowclient.New(base)
	if err != nil {
		return nil, nothing
	}
	ctx := cmd.Context()
	if ctx == nil { // cobra completes without one
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionWait)
	defer cancel()
	runs, err := c.List(ctx, completionRuns)
	if err != nil {
		return nil, nothing
	}
	var ids []string
	for _, run := range runs {
		if strings.HasPrefix(run.ID, prefix) {
			ids = append(ids, run.ID+"\t"+string(run.Status)+": "+runRow(run)[4])
		}
	}
	return ids, nothing | cobra.ShellCompDirectiveKeepOrder
}

package command

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func (a *app) generate() *cobra.Command {
	var (
		request pipeline.Request
		file    string
		t       target
		model   modelFlags
	)
	cmd := &cobra.Command{
		Use:   "generate [flags] PROMPT | -",
		Short: "Make a project from a prompt",
		Long: `Generate runs the twelve stages on a prompt and writes the project that comes of them into a folder.

With --json every event of the run is one line of JSON, and the last line is the run, with the fields "out" and
"capsule_file" for what was written. The exit code is 0 when the build and every test passed in the sandbox and the
whole prompt was used, and 4 when they passed but parts of the prompt were not used: the field "unused" has them.`,
		Example: `  ql generate --out ./library --capsule library.tar.gz "A REST API for a lending library: members, books, loans."
  ql generate --llm-url https://api.openai.com/v1 --llm-model gpt-5 --llm-key-file key.txt --prompt-file idea.md
  echo "A command-line todo manager: tasks with title and due date; add, list, complete." | ql generate --type cli --json -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if request.Prompt, err = a.prompt(cmd, args, file); err != nil {
				return err
			}
			request.Model = model.model
			if err := request.Normalise(); err != nil {
				return err
			}
			if err := t.check(); err != nil {
				return err
			}
			if err := model.set(map[string]string{}); err != nil {
				return err
			}
			return a.runNew(cmd.Context(), request, t, model)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&request.Language, "language", "l", "", "programming `language`: "+choices(pipeline.Languages()))
	flags.StringVarP(&request.Type, "type", "t", "", "`kind` of project: "+choices(pipeline.ProjectTypes()))
	flags.StringVar(&request.Framework, "framework", "", "`framework` of the language: "+frameworkChoices())
	flags.StringVarP(&file, "prompt-file", "f", "", "read the prompt from a `file`")
	t.register(cmd)
	model.register(cmd)
	complete(cmd, "language", func(string) []string { return pipeline.Languages() })
	complete(cmd, "type", func(string) []string { return pipeline.ProjectTypes() })
	complete(cmd, "framework", frameworks(&request))
	return cmd
}

// choices lists the values of a flag, of which the first is the default.
func choices(values []string) string {
	return strings.Join(values, ", ") + " (default: " + values[0] + ")"
}

// frameworkChoices lists the frameworks of each language.
func frameworkChoices() string {
	var all []string
	for _, language := range pipeline.Languages() {
		all = append(all, language+": "+strings.Join(pipeline.Frameworks(language), ", "))
	}
	return strings.Join(all, "; ") + " (default: the language's first)"
}

func (a *app) runNew(ctx context.Context, request pipeline.Request, t target, model modelFlags) error {
	return a.starting(ctx, run, model, func(ctx context.Context, s *session) error {
		if request.Model == "" {
			request.Model = s.model // kept with the run, so that it never goes on with another
		}
		started, err := startRun(ctx, s, request)
		if err != nil {
			return err
		}
		return a.finish(ctx, s, started, t)
	})
}

// startRun starts a run once: the key makes a second try after a broken connection harmless.
func startRun(ctx context.Context, s *session, request pipeline.Request) (workflow.Run, error) {
	const tries = 3
	key := rand.Text()
	for try := 1; ; try++ {
		started, err := s.Start(ctx, workflow.Start{Request: request}, key)
		if err == nil || try == tries || !retryable(err) || ctx.Err() != nil {
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return started, err
		}
		select {
		case <-ctx.Done():
			return workflow.Run{}, context.Cause(ctx)
		case <-time.After(time.Duration(try) * time.Second):
		}
	}
}

// starting is with, and says on a terminal that the platform takes a moment to start.
func (a *app) starting(ctx context.Context, what need, model modelFlags, work func(context.Context, *session) error) error {
	if a.json || !a.terminal(a.stderr) {
		return a.with(ctx, what, model, work)
	}
	const clearLine = "\r\x1b[K"
	fmt.Fprint(a.stderr, "connecting to the platform…")
	connected := false
	err := a.with(ctx, what, model, func(ctx context.Context, s *session) error {
		connected = true
		fmt.Fprint(a.stderr, clearLine)
		return work(ctx, s)
	})
	if !connected {
		fmt.Fprint(a.stderr, clearLine)
	}
	return err
}

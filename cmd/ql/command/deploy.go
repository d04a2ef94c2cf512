package command

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/deploycheck"
	"github.com/quantumlayer-dev/quantumlayer/config"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

func (a *app) deploy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Look at a deployment on Kubernetes",
		Example: `  ql deploy check --before
  ql deploy check`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.deployCheck())
	return cmd
}

// checked is the JSON of a check.
type checked struct {
	Lacking  int                   `json:"lacking"` // findings whose state is neither ok nor unknown
	Findings []deploycheck.Finding `json:"findings"`
}

func (a *app) deployCheck() *cobra.Command {
	var (
		kubeconfig, context, file string
		before                    bool
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what a cluster lacks for QuantumLayer",
		Long: `Check asks the API server of a cluster, and changes nothing there:
  the cluster     Knative, its ingress and settings, the Broker's class and channels, storage, your rights
  Secrets         those that have to be made by hand, with their keys; no value is shown
  the deployment  each object, whether it is ready, and why not

What is expected is what "ko apply -f config/" of this version deploys; --filename takes other manifests. The cluster is the one
that kubectl uses. With --before the deployment is left out.

Marks: ✓ it is there, ✗ it is missing or wrong, … it is on its way, ? the API does not show it, or not to you.

Exit codes:
  0  nothing is lacking; what has a ? is not counted
  1  something is lacking, or on its way
  2  bad input: kubeconfig, credentials, manifests, flags
  3  the cluster cannot be reached`,
		Example: `  ql deploy check --before
  ql deploy check --context staging
  kubectl kustomize --load-restrictor LoadRestrictionsNone config/eventing-jetstream | ql deploy check -f -
  ql deploy check --json`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			manifests, err := a.manifests(file)
			if err != nil {
				return err
			}
			cluster, err := deploycheck.Config(kubeconfig, context)
			if err != nil {
				return err
			}
			found, err := deploycheck.Check(cmd.Context(), cluster, deploycheck.Options{Manifests: manifests, Before: before})
			if err != nil {
				return err
			}
			return a.showChecked(found)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster (default: $KUBECONFIG, else ~/.kube/config)")
	flags.StringVar(&context, "context", "", "`name` of a context in the kubeconfig (default: the current one)")
	flags.StringVarP(&file, "filename", "f", "", "`file` with the manifests that are deployed, - is standard input (default: config/quantumlayer.yaml of this version)")
	flags.BoolVar(&before, "before", false, "only what has to be there before the deployment")
	complete(cmd, "context", func(string) []string { return deploycheck.Contexts(kubeconfig) })
	return cmd
}

// manifests reads what is to be deployed.
func (a *app) manifests(file string) (text []byte, err error) {
	switch file {
	case "":
		return config.Platform, nil
	case "-":
		text, err = io.ReadAll(a.stdin)
	default:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "--filename: %w", err)
	}
	return text, nil
}

// showChecked writes what was found; the error has the exit code of a cluster that lacks something.
func (a *app) showChecked(found []deploycheck.Finding) error {
	lacking := len(slices.DeleteFunc(slices.Clone(found), func(f deploycheck.Finding) bool { return !f.Lacks() }))
	if a.json {
		if err := a.encode(checked{Lacking: lacking, Findings: found}); err != nil {
			return err
		}
	} else if err := deploycheck.Write(a.stdout, found); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if lacking > 0 {
		return &exitError{code: exitUnverified}
	}
	return nil
}

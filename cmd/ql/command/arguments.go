package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// arguments checks what stands behind a command against its Use: one value for each name there, of which those in brackets may
// be left out. Where the command has ValidArgs, a value must be one of them.
func arguments(cmd *cobra.Command, values []string) error {
	var names []string
	required := 0
	for _, name := range strings.Fields(cmd.Use)[1:] {
		if name == "[flags]" {
			continue
		}
		if !strings.HasPrefix(name, "[") {
			required++
		}
		names = append(names, name)
	}
	switch {
	case len(values) < required:
		verb := "is"
		if len(values)+1 < required {
			verb = "are"
		}
		return usage(cmd, fmt.Errorf("%s %s missing", strings.Join(names[len(values):required], " and "), verb))
	case len(values) > len(names):
		return usage(cmd, fmt.Errorf("%q is one argument too many", values[len(names)]))
	}
	for _, value := range values {
		if cmd.ValidArgs != nil && !slices.Contains(cmd.ValidArgs, value) {
			return usage(cmd, fmt.Errorf("%q is unknown; known: %s", value, strings.Join(cmd.ValidArgs, ", ")))
		}
	}
	return nil
}

// onPlatform offers --server to a command that talks to a platform; the others have no such flag.
func (a *app) onPlatform(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.server, serverFlag, "", "`URL` of a running platform (default: $QL_SERVER, else the one that uses $QL_HOME, else one in this process)")
	return cmd
}

const serverFlag = "server"

// wrongFlag is bad input in a flag.
func wrongFlag(cmd *cobra.Command, err error) error {
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) && unknown.GetSpecifiedName() == serverFlag {
		err = fmt.Errorf("%w; it names a running platform, and %s uses none", err, cmd.CommandPath())
	}
	return usage(cmd, err)
}

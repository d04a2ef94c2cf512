package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/deploycheck"
)

// What is unknown does not fail; what is missing, wrong or waiting does.
func TestDeployCheckExitCode(t *testing.T) {
	t.Parallel()
	for state, want := range map[deploycheck.State]int{
		deploycheck.OK: exitDone, deploycheck.Unknown: exitDone,
		deploycheck.Missing: exitUnverified, deploycheck.Wrong: exitUnverified, deploycheck.Waiting: exitUnverified,
	} {
		for _, json := range []bool{false, true} {
			var out, errs bytes.Buffer
			a := &app{stdout: &out, stderr: &errs, json: json}
			found := []deploycheck.Finding{{Group: deploycheck.Cluster, What: "Ingress", State: state, Why: "so it is"}}
			if code := a.report(a.showChecked(found)); code != want || errs.Len() > 0 {
				t.Errorf("%s: exit code %d, want %d; %s", state, code, want, &errs)
			}
			if json && !strings.Contains(out.String(), `"findings":[{"group":"cluster","what":"Ingress","state":"`+string(state)+`","why":"so it is"}]`) {
				t.Errorf("JSON: %s", &out)
			}
		}
	}
}

package runner

import (
	"context"
	"errors"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

func TestOnlyWhatDoesNotAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want int // how often the function is built
	}{
		"a store that comes up":    {fault.New(fault.Unavailable, "connection refused"), 3},
		"wrong configuration":      {errors.New("QL_X is not set"), 1},
		"a server that refuses it": {fault.New(fault.Invalid, "no such database"), 1},
	} {
		built := 0
		_, err := patiently(t.Context(), Function{Name: "f", New: func(context.Context, Environ) (*Service, error) {
			if built++; built < 3 {
				return nil, test.err
			}
			return &Service{}, nil
		}}, nil)
		if built != test.want || (err == nil) != (test.want == 3) {
			t.Errorf("%s: built %d times, %v", name, built, err)
		}
	}
}

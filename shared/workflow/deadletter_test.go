package workflow_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestReasonOfADeadLetter(t *testing.T) {
	t.Parallel()
	// Knative encodes what was answered and cuts that at 1024 characters.
	cut := func(answer string, at int) string {
		encoded := base64.StdEncoding.EncodeToString([]byte(answer))
		return encoded[:min(at, len(encoded))]
	}
	problem := `{"status":422,"detail":"the data does not fit its schema"}`
	long := `{"detail":"` + strings.Repeat("ü", 500) // 11 bytes and two each: the cut after 768 goes through the middle of one
	for name, tc := range map[string]struct{ sent, want string }{
		"a problem document":       {cut(problem+"\n", 1024), problem},
		"padded":                   {cut("no", 1024), "no"},
		"more than one line":       {cut("a\n\tb\r\n", 1024), "a\n\tb"},
		"cut":                      {cut(long, 1024), long[:767]},
		"cut inside a quantum":     {cut(long, 1022), long[:765]},
		"nothing":                  {"", ""},
		"as it is":                 {"no prompt", "no prompt"},
		"JSON as it is":            {problem, problem},
		"a word in base64's signs": {"unavailable1", "unavailable1"},
		"one that begins as text":  {"closed", "closed"}, // "clos" is that of "rZ,"
		"one of a whole quantum":   {"Busy", "Busy"},
		"digits":                   {"0000", "0000"},
		"bytes":                    {cut("\x00\x01\x02", 1024), "AAEC"},
		"not UTF-8":                {cut("\xff\xfe\xfd\xfc\xfb\xfa", 1024), "//79/Pv6"},
	} {
		artifact := `{"id":"1","knativeerrordata":` + quoted(tc.sent) + `}`
		letter, err := workflow.ReadDeadLetter(drop.Drop{Artifact: []byte(artifact)})
		if err != nil || letter.Reason != tc.want {
			t.Errorf("%s: %q is read as %q (%v), want %q", name, tc.sent, letter.Reason, err, tc.want)
		}
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// In structured mode an extension is a text, a number or a boolean.
func TestExtensionsOfADeadLetter(t *testing.T) {
	t.Parallel()
	for artifact, want := range map[string]workflow.DeadLetter{
		`{"id":"1","knativeerrorcode":"422"}`:                                           {ID: "1", Code: "422"},
		`{"id":"1","knativeerrorcode":422}`:                                             {ID: "1", Code: "422"},
		`{"id":"1","knativeerrorcode":null}`:                                            {ID: "1"},
		`{"id":"1","knativeerrorcode":true,"knativeerrordest":7,"knativeerrordata":-1}`: {ID: "1", Code: "true", To: "7", Reason: "-1"},
	} {
		letter, err := workflow.ReadDeadLetter(drop.Drop{Artifact: []byte(artifact)})
		if err != nil || letter.ID != want.ID || letter.Code != want.Code || letter.To != want.To || letter.Reason != want.Reason {
			t.Errorf("%s is read as %+v (%v)", artifact, letter, err)
		}
	}
	if _, err := workflow.ReadDeadLetter(drop.Drop{ID: "drop_1", Artifact: []byte(`{"id":`)}); err == nil {
		t.Error("what is no event is read")
	}
}

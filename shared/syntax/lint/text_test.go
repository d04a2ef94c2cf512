package lint_test

import (
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax/lint"
)

// issuedKeys have the form of real ones. They are put together here so that no scanner of this repository takes them for some.
var issuedKeys = map[string]string{
	"a private key":                     "-----BEGIN RSA " + "PRIVATE KEY-----",
	"an AWS access key":                 "AKIA" + "Q3EGR5JZKPLW2DX7",
	"a GitHub token":                    "ghp_" + strings.Repeat("aB3d", 9),
	"a GitLab token":                    "glpat-" + strings.Repeat("aB3d", 5),
	"a Slack token":                     "xoxb-" + "123456789012-abcdef",
	"a Google API key":                  "AIza" + strings.Repeat("aB3dE", 7),
	"a Stripe key":                      "sk_live_" + strings.Repeat("aB3d", 6),
	"an API key of a model provider":    "sk-" + strings.Repeat("aB3d", 12),
	"a signed token":                    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0In0.c2lnbmF0dXJl",
	"a URL with a password":             "postgres://app:w0rdpass@" + "db.internal/app",
	"the value of DB_PASSWORD":          "DB_PASSWORD=" + "hunter2x",
	"the value of spring.auth.password": "spring.auth.password: " + `"hunter2x"`,
}

func TestSecretsInTextFiles(t *testing.T) {
	t.Parallel()
	for what, line := range issuedKeys {
		issues := lint.Text("deploy/.env", "# settings\n"+line+"\n")
		if len(issues) != 1 || !strings.HasPrefix(issues[0].Message, what) || issues[0].Line != 2 || issues[0].CWE != "CWE-798" {
			t.Errorf("%s: got %v", what, issues)
		}
	}
	for name, line := range map[string]string{
		".env":         "DB_PASSWORD=${DB_PASSWORD_2}",
		".env.example": "API_KEY=<your key 1>",
		"values.yaml":  "tokenPath: /v1/token2",
		"config.json":  `"password": "changeme1",`,
		"README.md":    "Set `DB_PASSWORD=hunter2x` or postgres://app:w0rdpass@db.internal/app",
		"key.pem":      "-----BEGIN " + "PRIVATE KEY-----\\nXXXX\\nXXXX",
		"go.sum":       "token=k3y-9fB2xQ7w",
		"notes.txt":    "password: hunter2x",
		"compose.yaml": "url: postgres://app:w0rdpass@localhost/app",
	} {
		if issues := lint.Text(name, line); len(issues) > 0 {
			t.Errorf("%s: %q is taken for a secret: %s", name, line, issues[0].Message)
		}
	}
}

// TestIssuedKeysInCode sees that the form of a key is enough, in tests of the project too; a password for a test's own
// database is not a secret.
func TestIssuedKeysInCode(t *testing.T) {
	t.Parallel()
	for what, key := range issuedKeys {
		if strings.HasPrefix(what, "the value") {
			continue
		}
		for _, name := range []string{"p.go", "p_test.go"} {
			issues := ofRule(lintFile(t, syntax.Go, name, []byte("package p\n\nvar x = \""+key+"\"\n"), analysis.Security), "hardcoded-secret")
			want := 1
			if what == "a URL with a password" && name == "p_test.go" {
				want = 0
			}
			if len(issues) != want {
				t.Errorf("%s in %s: got %v", what, name, issues)
			}
		}
	}
}

func TestHotspots(t *testing.T) {
	t.Parallel()
	source := `package p

func Calm() { run() }

func Loops() {
	for range a {
		for range b {
			s += "x"
		}
	}
}

func Branches() {
` + strings.Repeat("\tif a {\n\t\trun()\n\t}\n", 14) + "}\n"
	f, err := syntax.Analyse(t.Context(), syntax.Go, "p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	issues, err := lint.File(t.Context(), f, analysis.Performance)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range lint.Hotspots([]*syntax.File{f}, issues) {
		got = append(got, s.Function+": "+strings.Join(s.Reasons, ", "))
	}
	want := []string{
		"Loops: 2 loops inside each other, line 8: s is copied as a whole in each round of the loop on line 7",
		"Branches: 15 ways through the code",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzRules runs every rule over whatever is thrown at the parser: none may panic, none may run for ever.
func FuzzRules(f *testing.F) {
	for _, r := range lint.Rules() {
		for _, l := range r.Languages() {
			if source, err := caseSource(r.ID, l); err == nil {
				f.Add(string(l), source)
			}
		}
	}
	f.Fuzz(func(t *testing.T, language string, source []byte) {
		lang, err := syntax.ParseLanguage(language)
		if err != nil {
			t.Skip()
		}
		file, err := syntax.Analyse(t.Context(), lang, "a", source)
		if err != nil {
			return
		}
		if _, err := lint.File(t.Context(), file, analysis.Checks()...); err != nil {
			t.Fatal(err)
		}
		if _, err := lint.Project(t.Context(), []*syntax.File{file}, "example.com/a"); err != nil {
			t.Fatal(err)
		}
		lint.Text("a.env", string(source))
	})
}

package lint

import (
	"math"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// issued are the forms of keys that services give out; a match needs no name beside it.
var issued = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a private key", regexp.MustCompile(`-----BEGIN ([A-Z]+ )*PRIVATE KEY( BLOCK)?-----`)},
	{"an AWS access key", regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`)},
	{"a GitHub token", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b`)},
	{"a GitLab token", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20,}`)},
	{"a Slack token", regexp.MustCompile(`\bxox[abprs]-[A-Za-z0-9-]{10,}`)},
	{"a Google API key", regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{35}\b`)},
	{"a Stripe key", regexp.MustCompile(`\b[sr]k_live_[A-Za-z0-9]{20,}\b`)},
	{"an API key of a model provider", regexp.MustCompile(`\bsk-(ant-|proj-)?[A-Za-z0-9_-]{32,}\b`)},
	{"a signed token", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`)},
}

var (
	namesSecret  = regexp.MustCompile(`(?i)(password|passwd|pwd|passphrase|secret|token|credentials?|(api|access|secret|private|auth|signing|encryption|jwt|hmac)[_-]?key)["']?$`)
	placeholder  = regexp.MustCompile(`(?i)\$\{|\{\{|%[sv]|<[^>]*>|example|change.?me|placeholder|dummy|your[_-]|redacted|\*\*\*|xxxx|\.\.\.|^env:|^file:|not[_-]a[_-]`)
	passwordWord = regexp.MustCompile(`(?i)^(password|passwd|passw?|pwd|pw|secret|token)$`)
	urlPassword  = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s:/@]+:([^\s@/]{3,})@([^\s:/@]+)`)
)

// hardcodedSecret looks at every string: for the form of an issued key, for a password inside a URL, and, where the name
// it goes to says that it is a secret, for whether it looks like one.
func hardcodedSecret(s *source, report reporter) {
	for n := range s.Tree.All() {
		if !isString(n) && !n.Is("string_fragment") || n.Is("string_fragment") && n.Parent().Is("string", "string_literal", "template_string") {
			continue
		}
		value := syntax.StringValue(n)
		if what := secretForm(value, s.test); what != "" {
			report(n, "%s is written into the code", what)
			continue
		}
		if name := boundName(n); !s.test && namesSecret.MatchString(name) && directly(n) && looksSecret(value) {
			report(n, "the value of %s is written into the code", name)
		}
	}
}

// secretForm says what kind of secret a text holds by its form alone; empty for none. A test may have a password for a
// database of its own.
func secretForm(text string, test bool) string {
	for _, i := range issued {
		at := i.pattern.FindStringIndex(text)
		// What follows counts too: an example of a private key has its marks in full and only then dots or crosses.
		if at != nil && !placeholder.MatchString(text[at[0]:min(len(text), at[1]+40)]) {
			return i.what
		}
	}
	if m := urlPassword.FindStringSubmatch(text); m != nil && !test && !placeholder.MatchString(m[1]) && !passwordWord.MatchString(m[1]) && m[2] != "localhost" && m[2] != "127.0.0.1" {
		return "a URL with a password"
	}
	return ""
}

// directly says whether the string is the value itself, not an argument of a call that makes it, such as os.Getenv("API_KEY").
func directly(n *syntax.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		switch p.Kind {
		case "argument_list", "arguments", "index_expression", "subscript", "subscript_expression", "binary_expression", "binary_operator",
			"comparison_operator", "token_tree":
			return p.Parent().Is("conversion", "type_conversion_expression") || isByteSlice(p)
		case "short_var_declaration", "assignment_statement", "assignment", "assignment_expression", "var_spec", "const_spec",
			"variable_declarator", "keyed_element", "pair", "keyword_argument", "let_declaration", "const_item", "static_item":
			return true
		}
	}
	return true
}

// isByteSlice says whether an argument list is that of []byte("…").
func isByteSlice(list *syntax.Node) bool {
	fn := list.Parent().Child("function")
	return fn.Is("slice_type") || fn.Text() == "[]byte"
}

// looksSecret says whether a value could be a secret rather than a word, a header's name, a path or a sentence.
func looksSecret(value string) bool {
	if len(value) < 6 || placeholder.MatchString(value) || strings.ContainsAny(value, " \t\n") {
		return false
	}
	var letters, digits, others int
	for _, r := range value {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		default:
			others++
		}
	}
	if digits == 0 && others == 0 && strings.ToLower(value) != value { // camelCase without digits: an identifier, unless it is long
		return len(value) >= 20 && entropy(value) >= 4
	}
	if digits == 0 || letters == 0 && len(value) < 8 { // words, also with - or _ between them
		return false
	}
	return entropy(value) >= 2.5 && !strings.HasPrefix(value, "/") && !strings.Contains(value, "://")
}

// entropy is the mean information of a character of s in bits.
func entropy(s string) float64 {
	counts := map[rune]float64{}
	n := 0.0
	for _, r := range s {
		counts[r]++
		n++
	}
	bits := 0.0
	for _, c := range counts {
		bits -= c / n * math.Log2(c/n)
	}
	return bits
}

var (
	setting    = regexp.MustCompile(`^\s*(?:-\s+)?(?:export\s+|ENV\s+|ARG\s+)?["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?\s*[:=]\s*(.+?)\s*,?\s*$`)
	configName = regexp.MustCompile(`(?i)^(\.env.*|dockerfile.*)$|\.(env|ya?ml|json|toml|properties|ini|cfg|conf|tf)$`)
	lockName   = regexp.MustCompile(`(?i)^(go\.sum|.*[.-]lock(\.json|\.yaml)?|package-lock\.json)$`)
)

// Text looks for secrets in a file that is not source code: a setting whose name says so, an issued key, a URL with a password.
func Text(file, content string) []pipeline.Issue {
	rule := securityRules[0]
	base := path.Base(file)
	if lockName.MatchString(base) {
		return nil
	}
	var issues []pipeline.Issue
	number := 0
	for line := range strings.Lines(content) {
		number++
		if len(line) > 4096 { // nobody writes secrets by hand into such lines, and patterns take their time over them
			continue
		}
		line = strings.TrimRight(line, "\r\n")
		if what := secretForm(line, strings.HasSuffix(base, ".md")); what != "" {
			issues = append(issues, rule.issue(file, number, 0, what+" is written into the file"))
			continue
		}
		m := setting.FindStringSubmatch(line)
		if m == nil || !configName.MatchString(base) || !namesSecret.MatchString(m[1]) {
			continue
		}
		if value := strings.Trim(m[2], `"'`); looksSecret(value) {
			issues = append(issues, rule.issue(file, number, 0, "the value of "+m[1]+" is written into the file"))
		}
	}
	return issues
}

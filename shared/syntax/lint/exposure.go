package lint

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// pathCalls are calls that build or open a path, by language and full name.
var pathCalls = map[syntax.Language]*regexp.Regexp{
	syntax.Go:         regexp.MustCompile(`^(filepath\.Join|path\.Join|os\.(Open|OpenFile|ReadFile|WriteFile|Create|Remove|RemoveAll|Mkdir|MkdirAll|Stat)|http\.ServeFile)$`),
	syntax.Python:     regexp.MustCompile(`^(open|os\.path\.join|os\.(remove|unlink|mkdir|makedirs|listdir)|pathlib\.Path|Path|send_file|shutil\.\w+)$`),
	syntax.JavaScript: scriptPaths,
	syntax.TypeScript: scriptPaths,
	syntax.Java:       regexp.MustCompile(`^(File|FileInputStream|FileOutputStream|FileReader|FileWriter|Paths\.get|Path\.of)$`),
}

var (
	scriptPaths = regexp.MustCompile(`^(path\.(join|resolve)|fs(\.promises)?\.(readFile|writeFile|createReadStream|createWriteStream|unlink|readdir|mkdir|rm)(Sync)?|res\.(sendFile|download))$`)
	// cleaners give a path that cannot leave its folder, or check that it does not.
	cleaners = regexp.MustCompile(`(^|\.)(Base|IsLocal|basename|secure_filename|getFileName|safe_join|commonpath|is_relative_to|startsWith|isPathInside|HasPrefix|OpenInRoot)$`)
)

// pathTraversal finds paths that a client chooses. A function that cleans or checks a path anywhere is believed.
func pathTraversal(s *source, report reporter) {
	if s.test {
		return
	}
	cleaned := map[*syntax.Node]bool{}
	for c := range s.calling() {
		if cleaners.MatchString(c.full) {
			cleaned[s.function(c.node)] = true
		}
	}
	for c := range s.calling() {
		if !pathCalls[s.lang].MatchString(c.full) || cleaned[s.function(c.node)] {
			continue
		}
		for _, a := range c.args {
			if s.fromRequest(a) {
				report(c.node, "%s takes a path out of a request", c.full)
				break
			}
		}
	}
}

// modeCalls are calls that set a file's mode, and which argument it is.
var modeCalls = map[string]int{
	"os.WriteFile": 2, "os.OpenFile": 2, "os.Mkdir": 1, "os.MkdirAll": 1, "os.Chmod": 1, "ioutil.WriteFile": 2,
	"os.chmod": 1, "os.mkdir": 1, "os.makedirs": 1, "fs.chmod": 1, "fs.chmodSync": 1, "fs.promises.chmod": 1,
	"Permissions::from_mode": 0, "fs::Permissions::from_mode": 0, "std::fs::Permissions::from_mode": 0,
}

func fileMode(s *source, report reporter) {
	for c := range s.calling() {
		position, ok := modeCalls[c.full]
		if !ok || s.inTest(c.node) {
			continue
		}
		mode := c.arg(position)
		if value, ok := octal(mode.Text()); ok && value&0o002 != 0 {
			report(c.node, "mode %s lets everyone write", mode.Text())
		}
	}
}

// octal reads an octal literal as the languages write it: 0777, 0o777, '777'.
func octal(text string) (int64, bool) {
	digits := strings.Trim(text, `"'`)
	digits, prefixed := strings.CutPrefix(strings.ToLower(digits), "0o")
	if !prefixed && !strings.HasPrefix(digits, "0") && digits == text {
		return 0, false // a decimal number
	}
	value, err := strconv.ParseInt(digits, 8, 32)
	return value, err == nil
}

func serverTimeouts(s *source, report reporter) {
	if s.test || !s.imports("net/http") {
		return
	}
	for c := range s.calling() {
		switch c.full {
		case "http.ListenAndServe", "http.ListenAndServeTLS", "http.Serve", "http.ServeTLS":
			report(c.node, "%s serves without time limits", c.full)
		}
	}
	for n := range s.nodes("composite_literal") {
		if n.Child("type").Text() != "http.Server" {
			continue
		}
		limited := false
		for e := range n.Child("body").Children() {
			key := e.At(0).Text()
			limited = limited || key == "ReadHeaderTimeout" || key == "ReadTimeout"
		}
		for a := range s.function(n).Within() {
			if a.Is("assignment_statement") {
				left := a.Child("left").Text()
				limited = limited || strings.HasSuffix(left, ".ReadHeaderTimeout") || strings.HasSuffix(left, ".ReadTimeout")
			}
		}
		if !limited {
			report(n, "this http.Server has no time limit for reading a request")
		}
	}
}

func debugServer(s *source, report reporter) {
	for c := range s.calling() {
		if c.name == "run" && c.keyword("debug").Text() == "True" || c.name == "FastAPI" && c.keyword("debug").Text() == "True" {
			report(c.node, "the server runs with its debugger on")
		}
	}
}

func unsafeGo(s *source, report reporter) {
	for spec := range s.nodes("import_spec") {
		if syntax.StringValue(spec.Child("path")) == "unsafe" && spec.Child("name").Text() != "_" { // "_": for go:linkname or go:embed
			report(spec, "package unsafe steps around Go's memory safety")
		}
	}
}

func unsafeRust(s *source, report reporter) {
	for n := range s.nodes("unsafe_block") {
		if !hasSafetyComment(n) && !s.inTest(n) {
			report(n, "an unsafe block without a word on why it is sound")
		}
	}
}

// hasSafetyComment looks for the comment where Rust's own lint does: right above the statement, or first in the block.
func hasSafetyComment(n *syntax.Node) bool {
	for c := range n.First("block").Tokens() {
		if c.IsComment() && strings.Contains(c.Text(), "SAFETY") {
			return true
		}
	}
	for p := n; p != nil && !p.Is("block", "function_item"); p = p.Parent() {
		if before := p.Previous(); before.IsComment() && strings.Contains(before.Text(), "SAFETY") {
			return true
		}
	}
	return false
}

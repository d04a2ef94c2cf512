package lint

import (
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

var (
	weakDigest = regexp.MustCompile(`(?i)^(md[245]|sha-?1)$`)
	weakAlgo   = regexp.MustCompile(`(?i)^(des|des-|3des|desede|rc4|arcfour|blowfish|rc2)([-/].*)?$|/ecb(/|$)|-ecb$`)
)

// goCrypto maps the functions of Go's crypto packages to the package they are of.
var goWeakHash = map[string]string{"md5.New": "crypto/md5", "md5.Sum": "crypto/md5", "sha1.New": "crypto/sha1", "sha1.Sum": "crypto/sha1"}

var goWeakCipher = map[string]string{"des.NewCipher": "crypto/des", "des.NewTripleDESCipher": "crypto/des", "rc4.NewCipher": "crypto/rc4"}

func weakHash(s *source, report reporter) {
	for c := range s.calling() {
		weak := ""
		switch s.lang {
		case syntax.Go:
			if pkg := goWeakHash[c.full]; pkg != "" && s.imports(pkg) {
				weak = c.full
			}
		case syntax.Python:
			switch {
			case c.keyword("usedforsecurity").Text() == "False":
			case c.full == "hashlib.md5" || c.full == "hashlib.sha1":
				weak = c.full
			case c.full == "hashlib.new" && weakDigest.MatchString(syntax.StringValue(c.arg(0))):
				weak = syntax.StringValue(c.arg(0))
			}
		case syntax.JavaScript, syntax.TypeScript:
			if name := syntax.StringValue(c.arg(0)); (c.name == "createHash" || c.name == "createHmac") && weakDigest.MatchString(name) {
				weak = name
			}
		case syntax.Java:
			if name := syntax.StringValue(c.arg(0)); c.full == "MessageDigest.getInstance" && weakDigest.MatchString(name) {
				weak = name
			}
		case syntax.Rust:
			switch c.full {
			case "md5::compute", "Md5::new", "Md5::digest", "Sha1::new", "Sha1::digest", "md5::Md5::new", "sha1::Sha1::new":
				weak = c.full
			}
		}
		if weak != "" && !s.inTest(c.node) {
			report(c.node, "%s is no safe hash: collisions can be made", weak)
		}
	}
}

func weakCipher(s *source, report reporter) {
	for c := range s.calling() {
		weak := ""
		switch s.lang {
		case syntax.Go:
			if pkg := goWeakCipher[c.full]; pkg != "" && s.imports(pkg) {
				weak = c.full
			}
		case syntax.Python:
			switch c.full {
			case "DES.new", "DES3.new", "ARC4.new", "ARC2.new", "Blowfish.new", "algorithms.TripleDES", "algorithms.ARC4", "modes.ECB":
				weak = c.full
			}
		case syntax.JavaScript, syntax.TypeScript:
			name := syntax.StringValue(c.arg(0))
			switch {
			case c.name == "createCipher" || c.name == "createDecipher": // derives the key by MD5
				weak = c.name
			case (c.name == "createCipheriv" || c.name == "createDecipheriv") && weakAlgo.MatchString(name):
				weak = name
			}
		case syntax.Java:
			name := syntax.StringValue(c.arg(0))
			if c.full == "Cipher.getInstance" && (weakAlgo.MatchString(name) || name == "AES") { // AES alone means AES/ECB
				weak = name
			}
		}
		if weak != "" {
			report(c.node, "%s can be broken", weak)
		}
	}
}

var secretName = regexp.MustCompile(`(?i)token|secret|password|passwd|session|nonce|salt|otp|api_?key|csrf|credential|verif(y|ication)_?code|reset_?code`)

// weakRandom finds predictable numbers where something secret is made: the function, or the name that the value goes to, says so.
func weakRandom(s *source, report reporter) {
	if s.test {
		return
	}
	for c := range s.calling() {
		if !s.isPredictable(c) {
			continue
		}
		if name := syntax.FunctionName(c.node.Function()); secretName.MatchString(name) {
			report(c.node, "%s can be predicted, and %s makes a secret of it", c.shown(), name)
			continue
		}
		if name := boundName(c.node); secretName.MatchString(name) {
			report(c.node, "%s can be predicted, and %s is a secret", c.shown(), name)
		}
	}
}

func (s *source) isPredictable(c call) bool {
	switch s.lang {
	case syntax.Go:
		return strings.HasPrefix(c.full, "rand.") && s.imports("math/rand", "math/rand/v2")
	case syntax.Python:
		return strings.HasPrefix(c.full, "random.") && !strings.HasPrefix(c.full, "random.SystemRandom") && s.imports("random")
	case syntax.JavaScript, syntax.TypeScript:
		return c.full == "Math.random"
	case syntax.Java:
		return c.full == "Math.random" || c.full == "Random" && c.node.Is("object_creation_expression") || c.full == "ThreadLocalRandom.current"
	}
	return false
}

// boundName is the name that a value goes to: of the variable, constant, field, key or argument around it; empty when
// there is none in the same statement.
func boundName(n *syntax.Node) string {
	for p := n.Parent(); p != nil; p = p.Parent() {
		switch p.Kind {
		case "short_var_declaration", "assignment_statement", "assignment", "augmented_assignment", "assignment_expression",
			"augmented_assignment_expression", "compound_assignment_expr":
			if left := p.Child("left"); left.Count() < 2 || !left.Is("expression_list", "pattern_list", "tuple_pattern") {
				return left.Text()
			}
			return ""
		case "var_spec", "const_spec", "variable_declarator", "keyword_argument", "const_item", "static_item", "public_field_definition",
			"default_parameter", "typed_default_parameter":
			return p.Child("name").Text()
		case "let_declaration":
			return p.Child("pattern").Text()
		case "keyed_element":
			return p.At(0).Text()
		case "pair":
			return syntax.StringValue(p.Child("key"))
		case "field_initializer":
			return p.Child("field").Text()
		case "block", "statement_block", "expression_statement", "return_statement", "func_literal", "arrow_function", "function_expression":
			return ""
		}
	}
	return ""
}

var scriptVerification = regexp.MustCompile(`^["']?rejectUnauthorized["']?$`)

func tlsVerification(s *source, report reporter) {
	switch s.lang {
	case syntax.Go:
		for n := range s.nodes("keyed_element") {
			if n.At(0).Text() == "InsecureSkipVerify" && n.At(1).Text() == "true" && !s.test {
				report(n, "the server's certificate is not verified")
			}
		}
		for n := range s.nodes("assignment_statement") {
			if strings.HasSuffix(n.Child("left").Text(), ".InsecureSkipVerify") && n.Child("right").Text() == "true" && !s.test {
				report(n, "the server's certificate is not verified")
			}
		}
	case syntax.JavaScript, syntax.TypeScript:
		for n := range s.nodes("pair") {
			if scriptVerification.MatchString(n.Child("key").Text()) && n.Child("value").Text() == "false" {
				report(n, "the server's certificate is not verified")
			}
		}
		for n := range s.nodes("assignment_expression") {
			if strings.HasSuffix(n.Child("left").Text(), "NODE_TLS_REJECT_UNAUTHORIZED") && syntax.StringValue(n.Child("right")) == "0" {
				report(n, "certificates are not verified in the whole process")
			}
		}
	}
	for c := range s.calling() {
		off := false
		switch s.lang {
		case syntax.Python:
			off = c.keyword("verify").Text() == "False" && !strings.Contains(c.full, "jwt") || c.full == "ssl._create_unverified_context"
		case syntax.Java:
			off = c.full == "NoopHostnameVerifier" || strings.HasSuffix(c.full, "setHostnameVerifier") && strings.Contains(c.arg(0).Text(), "Noop") ||
				strings.HasSuffix(c.full, "setHostnameVerifier") && c.arg(0).Child("body").Text() == "true"
		case syntax.Rust:
			off = (c.name == "danger_accept_invalid_certs" || c.name == "danger_accept_invalid_hostnames") && c.arg(0).Text() == "true"
		}
		if off {
			report(c.node, "the server's certificate is not verified")
		}
	}
}

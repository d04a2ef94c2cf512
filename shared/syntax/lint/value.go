package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// scope is what the names inside one function stand for.
type scope struct {
	params map[string]*syntax.Node   // the parameter's declaration
	values map[string][]*syntax.Node // every expression that is assigned to the name
}

// scope reads a function once. Closures inside it share it: a name that means two things in it is taken for both.
func (s *source) scope(fn *syntax.Node) scope {
	if known, ok := s.scopes[fn]; ok {
		return known
	}
	sc := scope{params: map[string]*syntax.Node{}, values: map[string][]*syntax.Node{}}
	s.scopes[fn] = sc
	assign := func(left, right *syntax.Node) {
		if left == nil || right == nil {
			return
		}
		lefts := []*syntax.Node{left}
		if left.Is("expression_list", "pattern_list", "tuple_pattern") {
			lefts = slices.Collect(left.Children())
		}
		rights := []*syntax.Node{right}
		if right.Is("expression_list") || right.Is("tuple") && len(lefts) > 1 {
			rights = slices.Collect(right.Children())
		}
		for i, l := range lefts {
			r := rights[0]
			if len(rights) == len(lefts) {
				r = rights[i]
			}
			sc.values[l.Text()] = append(sc.values[l.Text()], r)
		}
	}
	for n := range fn.Within() {
		switch n.Kind {
		case "short_var_declaration", "assignment_statement", "range_clause", "assignment", "augmented_assignment", "assignment_expression",
			"augmented_assignment_expression", "compound_assignment_expr", "for_in_statement", "for_in_clause":
			assign(n.Child("left"), n.Child("right"))
		case "var_spec":
			values := slices.Collect(n.Child("value").Children())
			for i, name := range n.Fields("name") {
				if len(values) > 0 {
					assign(name, values[min(i, len(values)-1)])
				}
			}
		case "for_statement":
			assign(n.Child("left"), n.Child("right"))
		case "variable_declarator", "enhanced_for_statement", "named_expression":
			assign(n.Child("name"), n.Child("value"))
		case "let_declaration", "for_expression":
			assign(n.Child("pattern"), n.Child("value"))
		case "parameter_declaration", "variadic_parameter_declaration", "formal_parameter":
			if n.Parent() != nil && n.Parent().Field == "receiver" {
				continue
			}
			for _, name := range n.Fields("name") {
				sc.params[name.Text()] = n
			}
		case "parameter", "required_parameter", "optional_parameter":
			sc.params[n.Child("pattern").Text()] = n
		case "typed_parameter":
			sc.params[n.At(0).Text()] = n
		case "default_parameter", "typed_default_parameter":
			sc.params[n.Child("name").Text()] = n
		case "identifier":
			if n.Parent().Is("parameters", "formal_parameters", "lambda_parameters", "closure_parameters") && n.Text() != "self" && n.Text() != "cls" {
				sc.params[n.Text()] = n
			}
		}
	}
	return sc
}

// leaf is one thing that a value is made of.
type leaf struct {
	node  *syntax.Node
	input bool // a parameter, so it may be anything the caller likes
}

// leaves takes a value apart, down to literals, parameters and what it cannot see into. Names are followed to what the
// function assigns to them, and joining and formatting to what they join. It looks at no more than a few hundred parts.
func (s *source) leaves(n *syntax.Node) []leaf {
	t := taker{s: s, scope: s.scope(s.function(n)), seen: map[string]bool{}}
	t.take(n, 0)
	return t.leaves
}

type taker struct {
	s      *source
	scope  scope
	seen   map[string]bool
	leaves []leaf
}

// passes are calls whose result is made of what they are given.
var passes = map[string]bool{
	"Sprintf": true, "Sprint": true, "Join": true, "append": true, "TrimSpace": true, "ToLower": true, "ToUpper": true, "Clean": true,
	"format": true, "join": true, "strip": true, "lower": true, "upper": true, "str": true, "String": true, "concat": true, "trim": true,
	"toLowerCase": true, "toUpperCase": true, "toString": true, "to_string": true, "as_str": true, "format!": true, "resolve": true, "valueOf": true,
}

var numericVerbs = regexp.MustCompile(`%[-+# 0]*[0-9*]*(\.[0-9*]+)?[a-zA-Z]`)

func (t *taker) take(n *syntax.Node, depth int) {
	if n == nil || depth > 24 || len(t.leaves) > 256 {
		return
	}
	switch n.Kind {
	case "identifier":
		t.name(n, depth)
		return
	case "string", "interpreted_string_literal", "raw_string_literal", "string_literal", "template_string":
		t.leaves = append(t.leaves, leaf{node: n})
		for c := range n.Within() {
			if c.Is("interpolation", "template_substitution") {
				for e := range c.Children() {
					t.take(e, depth+1)
				}
			}
		}
		return
	case "selector_expression", "attribute", "member_expression", "field_access", "field_expression":
		base := n
		for base.Is("selector_expression", "attribute", "member_expression", "field_access", "field_expression") {
			base = base.At(0)
		}
		_, param := t.scope.params[base.Text()]
		t.leaves = append(t.leaves, leaf{node: n, input: param && base.Is("identifier")})
		if !param && base.Is("identifier") {
			t.name(base, depth+1)
		}
		return
	}
	if c, ok := callAt(n); ok {
		t.call(c, depth)
		return
	}
	for c := range n.Children() {
		t.take(c, depth+1)
	}
}

func (t *taker) call(c call, depth int) {
	if !passes[c.name] {
		t.leaves = append(t.leaves, leaf{node: c.node})
		return
	}
	if c.receiver != nil && !c.receiver.Is("identifier") || c.receiver != nil && t.local(c.receiver.Text()) {
		t.take(c.receiver, depth+1)
	}
	if c.name == "Sprintf" && onlyNumbers(syntax.StringValue(c.arg(0))) {
		t.take(c.arg(0), depth+1)
		return
	}
	for _, a := range c.args {
		if a.Is("keyword_argument") {
			a = a.Child("value")
		}
		t.take(a, depth+1)
		if c.name == "format!" {
			t.inline(a, depth)
		}
	}
}

// onlyNumbers says whether a format string can put nothing but numbers and booleans in.
func onlyNumbers(format string) bool {
	for _, verb := range numericVerbs.FindAllString(strings.ReplaceAll(format, "%%", ""), -1) {
		if !strings.ContainsAny(verb[len(verb)-1:], "dtxXobcUeEfFgG") {
			return false
		}
	}
	return true
}

var rustInline = regexp.MustCompile(`\{([a-z_][a-z0-9_]*)(:[^}]*)?\}`)

// inline follows the names that a Rust format string holds itself: format!("{id}").
func (t *taker) inline(format *syntax.Node, depth int) {
	if !format.Is("string_literal") {
		return
	}
	for _, m := range rustInline.FindAllStringSubmatch(format.Text(), -1) {
		t.follow(format, m[1], depth)
	}
}

func (t *taker) local(name string) bool {
	_, param := t.scope.params[name]
	return param || t.scope.values[name] != nil
}

func (t *taker) name(n *syntax.Node, depth int) { t.follow(n, n.Text(), depth) }

func (t *taker) follow(n *syntax.Node, name string, depth int) {
	if t.seen[name] {
		return
	}
	t.seen[name] = true
	if p, ok := t.scope.params[name]; ok {
		t.leaves = append(t.leaves, leaf{node: n, input: !isNumber(p)})
	}
	for _, v := range t.scope.values[name] {
		t.take(v, depth+1)
	}
}

var numberType = regexp.MustCompile(`^:?\s*(u?int(8|16|32|64)?|[iu](8|16|32|64|128|size)|float(32|64)?|f32|f64|bool|boolean|long|short|double|Integer|Long|number|byte)$`)

// isNumber says whether a parameter's type holds nothing but numbers or booleans.
func isNumber(param *syntax.Node) bool {
	return numberType.MatchString(strings.TrimSpace(param.Child("type").Text()))
}

// dynamic says whether a value holds something that a caller or a client chooses.
func (s *source) dynamic(n *syntax.Node) bool {
	return slices.ContainsFunc(s.leaves(n), func(l leaf) bool { return l.input || s.isRequest(l.node) })
}

// fromRequest says whether a value holds something that a client sent.
func (s *source) fromRequest(n *syntax.Node) bool {
	return slices.ContainsFunc(s.leaves(n), func(l leaf) bool { return s.isRequest(l.node) })
}

var requests = map[syntax.Language]*regexp.Regexp{
	syntax.Go:         regexp.MustCompile(`^(r|req|request)\.(FormValue|PostFormValue|PathValue|URL|Form|PostForm|Header|Cookie)\b|^(chi\.URLParam|mux\.Vars)\(|^c\.(Param|Query|PostForm|FormValue|QueryParam)\(`),
	syntax.Python:     regexp.MustCompile(`^(flask\.)?(self\.)?request\.(args|form|values|json|files|GET|POST|query_params|path_params|get_json|headers|cookies|data)\b`),
	syntax.JavaScript: scriptRequest,
	syntax.TypeScript: scriptRequest,
	syntax.Java:       regexp.MustCompile(`^(req|request)\.(getParameter|getHeader|getPathInfo|getQueryString|getRequestURI|getCookies)\b`),
}

var scriptRequest = regexp.MustCompile(`^(req|request|ctx|ctx\.request)\.(query|params|body|headers|cookies)\b`)

func (s *source) isRequest(n *syntax.Node) bool {
	pattern := requests[s.lang]
	return pattern != nil && n.Named && pattern.MatchString(compact(n.Text()))
}

// isConstant says whether a value is made of literals alone.
func (s *source) isConstant(n *syntax.Node) bool {
	if n == nil {
		return false
	}
	for _, l := range s.leaves(n) {
		if l.input || !isString(l.node) || hasInterpolation(l.node) {
			return false
		}
	}
	return true
}

func isString(n *syntax.Node) bool {
	return n.Is("string", "interpreted_string_literal", "raw_string_literal", "string_literal", "template_string")
}

func hasInterpolation(n *syntax.Node) bool {
	return n.Find("interpolation", "template_substitution") != nil
}

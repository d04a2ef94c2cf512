package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	"k8s.io/apimachinery/pkg/labels"
)

// principal is how Istio writes a service account.
var principal = regexp.MustCompile(`^cluster\.local/ns/([a-z-]+)/sa/([a-z-]+)$`)

// row is one of the table of functions: its name and what it calls.
var row = regexp.MustCompile("^\\| `([a-z-]+)` \\|.*\\|([^|]*)\\|$")

// mesh says which of Istio's objects name what is not there, and which function lets in others than functions/README.md says.
// dir is config in a checkout.
func (all objects) mesh(dir string) []string {
	callers, err := callersByTable(filepath.Join(dir, "..", "functions", "README.md"))
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	guarded := map[string]bool{}
	for _, o := range all {
		spec, ok := o.body.(proto.Message)
		if !ok {
			continue
		}
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%s: %s: ", o.file, o)+fmt.Sprintf(format, args...))
		}
		switch spec := spec.(type) {
		case *security.AuthorizationPolicy:
			if want := spec.GetSelector().GetMatchLabels(); len(want) > 0 && !slices.Contains(foreign, o.meta.Namespace) && !slices.ContainsFunc(all.workloads(), func(p pod) bool {
				return p.meta.Namespace == o.meta.Namespace && labels.SelectorFromSet(want).Matches(p.labels)
			}) {
				wrong("selects no pods")
			}
			for _, p := range all.workloads() {
				if alone(p) && p.meta.Namespace == o.meta.Namespace && len(spec.GetSelector().GetMatchLabels()) > 0 && labels.SelectorFromSet(spec.GetSelector().GetMatchLabels()).Matches(p.labels) {
					wrong("nobody enforces it: %s has no sidecar", p)
				}
			}
			var allowed []string
			for _, account := range principals(spec) {
				namespace, name, err := parsePrincipal(account)
				switch {
				case err != nil:
					wrong("%v", err)
				case all.has("Namespace", "", namespace) && !all.has("ServiceAccount", namespace, name):
					wrong("there is no ServiceAccount %s/%s", namespace, name)
				case namespace == "quantumlayer":
					allowed = append(allowed, name)
				}
			}
			if callers[o.meta.Name] == nil {
				continue
			}
			guarded[o.meta.Name] = true
			slices.Sort(allowed)
			if want := callers[o.meta.Name]; !slices.Equal(allowed, want) {
				wrong("lets in %v, and functions/README.md says that %v call it", allowed, want)
			}
		case *networking.VirtualService:
			for _, gateway := range spec.Gateways {
				if !all.has("Gateway", o.meta.Namespace, gateway) {
					wrong("there is no Gateway %s", gateway)
				}
			}
		}
	}
	for name := range callers {
		if !guarded[name] {
			problems = append(problems, "no AuthorizationPolicy says who may call "+name)
		}
	}
	return append(problems, all.ways(callers)...)
}

func principals(p *security.AuthorizationPolicy) []string {
	var found []string
	for _, rule := range p.Rules {
		for _, from := range rule.From {
			found = append(found, from.GetSource().GetPrincipals()...)
			found = append(found, from.GetSource().GetNotPrincipals()...) // those that a DENY spares
		}
	}
	return found
}

func parsePrincipal(text string) (namespace, name string, err error) {
	m := principal.FindStringSubmatch(text)
	if m == nil {
		return "", "", fmt.Errorf("%s is no principal", text)
	}
	return m[1], m[2], nil
}

// callersByTable gives the callers, sorted, of every function that another one calls.
func callersByTable(path string) (map[string][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	calls := map[string][]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if m := row.FindStringSubmatch(lines.Text()); m != nil {
			calls[m[1]] = strings.Split(strings.TrimSpace(m[2]), ", ")
		}
	}
	callers := map[string][]string{}
	for caller, called := range calls {
		for _, name := range called {
			if calls[name] != nil {
				callers[name] = append(callers[name], caller)
			}
		}
	}
	for name := range callers {
		slices.Sort(callers[name])
	}
	return callers, lines.Err()
}

package main

import (
	"fmt"
	"net/netip"
	"slices"

	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// nameLabel is what policies know our pods by.
const nameLabel = "app.kubernetes.io/name"

// policies says which NetworkPolicies do not do what they seem to do, and which ports they open to nobody's use.
func (all objects) policies() []string {
	var problems []string
	denied := map[string]bool{}
	pods := all.workloads()
	for _, o := range all {
		body, ok := o.body.(*network.NetworkPolicy)
		if !ok {
			continue
		}
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%s: %s: ", o.file, o)+fmt.Sprintf(format, args...))
		}
		if o.meta.Name == "default-deny" && len(body.Spec.PolicyTypes) == 2 && len(body.Spec.Ingress)+len(body.Spec.Egress) == 0 {
			denied[o.meta.Namespace] = true
		}
		// Without policyTypes a policy of egress also denies all ingress.
		if len(body.Spec.Ingress) > 0 && !slices.Contains(body.Spec.PolicyTypes, network.PolicyTypeIngress) ||
			len(body.Spec.Egress) > 0 && !slices.Contains(body.Spec.PolicyTypes, network.PolicyTypeEgress) {
			wrong("has rules of a type that its policyTypes do not name")
		}
		for _, problem := range all.selects(pods, o.meta.Namespace, &body.Spec.PodSelector) {
			wrong("podSelector: %s", problem)
		}
		var peers []network.NetworkPolicyPeer
		var ports []network.NetworkPolicyPort
		for _, rule := range body.Spec.Ingress {
			peers, ports = append(peers, rule.From...), append(ports, rule.Ports...)
		}
		for _, rule := range body.Spec.Egress {
			peers, ports = append(peers, rule.To...), append(ports, rule.Ports...)
		}
		for _, peer := range peers {
			for _, problem := range all.peer(pods, o.meta.Namespace, peer) {
				wrong("%s", problem)
			}
		}
		for _, port := range ports {
			if port.Port == nil || port.Port.IntValue() < 1 || port.Port.IntValue() > 65535 {
				wrong("port %v is none", port.Port)
			}
		}
	}
	for _, o := range all {
		if _, ok := o.body.(*core.Namespace); ok && !denied[o.meta.Name] {
			problems = append(problems, fmt.Sprintf("namespace %s has no default-deny", o.meta.Name))
		}
	}
	return problems
}

// peer says what is wrong with one side of a rule.
func (all objects) peer(pods []pod, namespace string, peer network.NetworkPolicyPeer) []string {
	if peer.IPBlock != nil {
		return cidrs(peer.IPBlock)
	}
	if peer.NamespaceSelector == nil {
		return all.selects(pods, namespace, peer.PodSelector)
	}
	var problems []string
	for _, err := range metavalidation.ValidateLabelSelector(peer.NamespaceSelector, metavalidation.LabelSelectorValidationOptions{}, field.NewPath("namespaceSelector")) {
		problems = append(problems, err.Error())
	}
	if peer.PodSelector == nil {
		return problems
	}
	// Of namespaces that are not ours nobody here knows the pods.
	if name := peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]; all.has("Namespace", "", name) {
		problems = append(problems, all.selects(pods, name, peer.PodSelector)...)
	} else if !slices.Contains(foreign, name) {
		problems = append(problems, fmt.Sprintf("there is no namespace %q", name))
	}
	return problems
}

// selects says which pods a selector names that are not there; one that is empty takes all.
func (all objects) selects(pods []pod, namespace string, selector *meta.LabelSelector) []string {
	if slices.Contains(foreign, namespace) {
		return nil
	}
	var problems []string
	for _, err := range metavalidation.ValidateLabelSelector(selector, metavalidation.LabelSelectorValidationOptions{}, field.NewPath("podSelector")) {
		problems = append(problems, err.Error())
	}
	there := func(want func(labels.Set) bool) bool {
		return slices.ContainsFunc(pods, func(p pod) bool { return p.meta.Namespace == namespace && want(p.labels) })
	}
	if !there(func(set labels.Set) bool { return matches(selector, set) }) {
		problems = append(problems, fmt.Sprintf("selects no pods in %s", namespace))
	}
	for _, e := range selector.MatchExpressions {
		for _, name := range e.Values {
			if !there(func(set labels.Set) bool { return set[e.Key] == name }) {
				problems = append(problems, fmt.Sprintf("%s %s is nobody's in %s", e.Key, name, namespace))
			}
		}
	}
	return problems
}

func cidrs(block *network.IPBlock) []string {
	outer, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, text := range block.Except {
		if inner, err := netip.ParsePrefix(text); err != nil || !outer.Overlaps(inner) || inner.Bits() <= outer.Bits() {
			problems = append(problems, fmt.Sprintf("%s is no part of %s", text, block.CIDR))
		}
	}
	return problems
}

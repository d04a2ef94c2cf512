package main

import (
	"fmt"
	"slices"

	network "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	serving "knative.dev/serving/pkg/apis/serving/v1"
)

// queueProxy are the ports at which a sidecar reaches a function or the activator: HTTP/1 and h2c.
var queueProxy = []int{8012, 8013}

// Pods of others that sidecars talk to.
var (
	activator = pod{object: object{meta: &meta.ObjectMeta{Name: "activator", Namespace: "knative-serving"}}, labels: labels.Set{"app": "activator"}}
	istiod    = pod{object: object{meta: &meta.ObjectMeta{Name: "istiod", Namespace: "istio-system"}}, labels: labels.Set{"app": "istiod"}}
)

// alone tells whether pods ask Istio for no sidecar.
func alone(p pod) bool { return p.labels["sidecar.istio.io/inject"] == "false" }

// ways says which sidecars NetworkPolicies keep from istiod, from the functions that they call by the table of functions, and from
// the activator. A function without a sidecar is to be called by the activator only.
func (all objects) ways(callers map[string][]string) []string {
	var problems []string
	closed := func(from, to pod, ports ...int) {
		for _, port := range ports {
			if !all.allow(network.PolicyTypeEgress, from, to, port) || !slices.Contains(foreign, to.meta.Namespace) && !all.allow(network.PolicyTypeIngress, to, from, port) {
				problems = append(problems, fmt.Sprintf("mesh: policies keep %s/%s from %s/%s:%d", from.meta.Namespace, from.meta.Name, to.meta.Namespace, to.meta.Name, port))
			}
		}
	}
	pods := all.workloads()
	for _, p := range pods {
		if !alone(p) {
			closed(p, istiod, 15012)
		}
		service, isFunction := p.body.(*serving.Service)
		if !isFunction {
			continue
		}
		if alone(p) && service.Spec.Template.Annotations["autoscaling.knative.dev/target-burst-capacity"] != "-1" {
			problems = append(problems, fmt.Sprintf("%s: %s: without a sidecar it has to have target-burst-capacity -1: callers speak mutual TLS to its pods else", p.file, p))
		}
		for _, caller := range pods {
			if caller.meta.Name != "worker" && !slices.Contains(callers[p.meta.Name], caller.meta.Name) {
				continue
			}
			closed(caller, activator, queueProxy...)
			if !alone(p) {
				closed(caller, p, queueProxy...)
			}
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// allow tells whether the NetworkPolicies of one direction let a pod talk to another one at a port of TCP. The pod's own namespace is one of ours,
// which deny what they do not allow.
func (all objects) allow(direction network.PolicyType, of, peer pod, port int) bool {
	for _, o := range all {
		body, ok := o.body.(*network.NetworkPolicy)
		if !ok || o.meta.Namespace != of.meta.Namespace || !slices.Contains(body.Spec.PolicyTypes, direction) || !matches(&body.Spec.PodSelector, of.labels) {
			continue
		}
		if direction == network.PolicyTypeEgress {
			for _, rule := range body.Spec.Egress {
				if names(rule.To, o.meta.Namespace, peer) && opens(rule.Ports, port) {
					return true
				}
			}
			continue
		}
		for _, rule := range body.Spec.Ingress {
			if names(rule.From, o.meta.Namespace, peer) && opens(rule.Ports, port) {
				return true
			}
		}
	}
	return false
}

// names tells whether a pod is among the peers of a rule in a namespace; addresses name none.
func names(peers []network.NetworkPolicyPeer, namespace string, p pod) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(peer network.NetworkPolicyPeer) bool {
		if peer.IPBlock != nil {
			return false
		}
		if peer.NamespaceSelector == nil {
			return p.meta.Namespace == namespace && matches(peer.PodSelector, p.labels)
		}
		return matches(peer.NamespaceSelector, labels.Set{"kubernetes.io/metadata.name": p.meta.Namespace}) &&
			(peer.PodSelector == nil || matches(peer.PodSelector, p.labels))
	})
}

// opens tells whether a rule is for a port of TCP.
func opens(ports []network.NetworkPolicyPort, port int) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p network.NetworkPolicyPort) bool {
		return (p.Protocol == nil || *p.Protocol == "TCP") && (p.Port == nil || p.Port.IntValue() == port)
	})
}

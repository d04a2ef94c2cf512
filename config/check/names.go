package main

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	eventing "knative.dev/eventing/pkg/apis/eventing/v1"
	sources "knative.dev/eventing/pkg/apis/sources/v1"
	duck "knative.dev/pkg/apis/duck/v1"
	servingbeta "knative.dev/serving/pkg/apis/serving/v1beta1"
)

type objects []object

// foreign namespaces are those of others in which something of ours stands.
var foreign = []string{"knative-serving", "knative-eventing", "kourier-system", "istio-system", "contour-internal", "traefik"}

func (all objects) has(kind, namespace, name string) bool {
	return slices.ContainsFunc(all, func(o object) bool {
		return o.kind == kind && o.meta.Namespace == namespace && o.meta.Name == name
	})
}

// names says what is there twice, and which references lead nowhere.
func (all objects) names() []string {
	var problems []string
	seen := map[string]bool{}
	pods := all.workloads()
	for _, o := range all {
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%s: %s: ", o.file, o)+fmt.Sprintf(format, args...))
		}
		need := func(kind, namespace, name string) {
			if !all.has(kind, namespace, name) {
				wrong("there is no %s %s/%s", kind, namespace, name)
			}
		}
		refer := func(ref *duck.KReference) {
			if ref == nil {
				return
			}
			namespace := ref.Namespace
			if namespace == "" {
				namespace = o.meta.Namespace
			}
			if !slices.Contains(foreign, namespace) {
				need(ref.Kind, namespace, ref.Name)
			}
		}
		if seen[o.String()] {
			wrong("stands there twice")
		}
		seen[o.String()] = true
		if o.meta.Namespace != "" && !slices.Contains(foreign, o.meta.Namespace) {
			need("Namespace", "", o.meta.Namespace)
		}
		switch body := o.body.(type) {
		case *core.Service:
			problems = append(problems, serviceProblems(o, body, pods)...)
		case *policy.PodDisruptionBudget:
			if !slices.ContainsFunc(pods, func(p pod) bool { return p.meta.Namespace == o.meta.Namespace && matches(body.Spec.Selector, p.labels) }) {
				wrong("selects no pods")
			}
		case *eventing.Broker:
			refer(body.Spec.Config)
			if body.Spec.Delivery != nil && body.Spec.Delivery.DeadLetterSink != nil {
				refer(body.Spec.Delivery.DeadLetterSink.Ref)
			}
		case *eventing.Trigger:
			need("Broker", o.meta.Namespace, body.Spec.Broker)
			refer(body.Spec.Subscriber.Ref)
			// A Trigger's delivery takes the place of its Broker's, but for the dead letter sink.
			if d := body.Spec.Delivery; d != nil && (d.Retry == nil || *d.Retry == 0) {
				wrong("states a delivery without retries, so it has none of its Broker's")
			}
		case *sources.SinkBinding:
			need(body.Spec.Subject.Kind, body.Spec.Subject.Namespace, body.Spec.Subject.Name)
			refer(body.Spec.Sink.Ref)
		case *servingbeta.DomainMapping:
			refer(&body.Spec.Ref)
		}
	}
	for _, p := range pods {
		refs := map[string]string{}
		if p.spec.ServiceAccountName != "" {
			refs["ServiceAccount"] = p.spec.ServiceAccountName
		}
		for _, c := range p.spec.Containers {
			for _, e := range c.EnvFrom {
				if e.ConfigMapRef != nil {
					refs["ConfigMap"] = e.ConfigMapRef.Name
				}
				if e.SecretRef != nil {
					refs["a key of it, not the whole Secret"] = e.SecretRef.Name
				}
			}
		}
		for kind, name := range refs {
			if !all.has(kind, p.meta.Namespace, name) {
				problems = append(problems, fmt.Sprintf("%s: %s: there is no %s %s", p.file, p, kind, name))
			}
		}
	}
	return problems
}

// serviceProblems says whether a Service finds pods that listen on the ports that it names.
func serviceProblems(o object, s *core.Service, pods []pod) []string {
	var found []pod
	for _, p := range pods {
		if p.meta.Namespace == o.meta.Namespace && labels.SelectorFromSet(s.Spec.Selector).Matches(p.labels) {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return []string{fmt.Sprintf("%s: %s: selects %d workloads, not one", o.file, o, len(found))}
	}
	var problems []string
	for _, port := range s.Spec.Ports {
		target := port.TargetPort
		if target == (intstr.IntOrString{}) {
			target = intstr.FromInt32(port.Port)
		}
		if !listens(found[0], target) {
			problems = append(problems, fmt.Sprintf("%s: %s: no container has port %s", o.file, o, target.String()))
		}
	}
	return problems
}

func listens(p pod, target intstr.IntOrString) bool {
	for _, c := range p.spec.Containers {
		for _, port := range c.Ports {
			if target == intstr.FromString(port.Name) || target == intstr.FromInt32(port.ContainerPort) {
				return true
			}
		}
	}
	return false
}

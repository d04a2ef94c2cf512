package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	serving "knative.dev/serving/pkg/apis/serving/v1"
)

const (
	module     = "ko://github.com/quantumlayer-dev/quantumlayer/"
	visibility = "networking.knative.dev/visibility"
	public     = "workflow-api"
)

// secretKeys are the Secrets that an operator makes, and what is in them; none is checked in.
var secretKeys = map[string][]string{
	"llm-credentials":      {"url", "model", "api-key"},
	"postgres-credentials": {"username", "password"},
}

// pod is what a workload makes pods of.
type pod struct {
	object
	labels labels.Set
	spec   core.PodSpec
}

func (all objects) workloads() []pod {
	var pods []pod
	for _, o := range all {
		switch body := o.body.(type) {
		case *apps.Deployment:
			pods = append(pods, pod{o, body.Spec.Template.Labels, body.Spec.Template.Spec})
		case *apps.StatefulSet:
			pods = append(pods, pod{o, body.Spec.Template.Labels, body.Spec.Template.Spec})
		case *serving.Service:
			set := labels.Merge(body.Spec.Template.Labels, labels.Set{"serving.knative.dev/service": o.meta.Name}) // Knative adds it
			pods = append(pods, pod{o, set, body.Spec.Template.Spec.PodSpec})
		}
	}
	return pods
}

// pods says what is wrong with what runs. dir is config in a checkout, where the functions are found.
func (all objects) pods(dir string) []string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, p := range all.workloads() {
		wrong := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("%s: %s: ", p.file, p)+fmt.Sprintf(format, args...))
		}
		if wanted := selector(p.body); wanted != nil && !matches(wanted, p.labels) {
			wrong("its selector does not match its own pods")
		}
		restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &meta.ObjectMeta{Labels: p.labels}, &p.spec)); !result.Allowed {
			wrong("not restricted: %s", result.ForbiddenDetail())
		}
		if auto := p.spec.AutomountServiceAccountToken; auto == nil || *auto {
			wrong("mounts the token of its service account")
		}
		for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
			for _, problem := range containerProblems(c, dir) {
				wrong("container %q: %s", c.Name, problem)
			}
			for _, e := range c.Env {
				if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
					continue
				}
				if ref := e.ValueFrom.SecretKeyRef; !slices.Contains(secretKeys[ref.Name], ref.Key) {
					wrong("%s: no key %s of a Secret %s is documented", e.Name, ref.Key, ref.Name)
				}
			}
		}
		for _, problem := range sandboxProblems(p) {
			wrong("%s", problem)
		}
		service, isFunction := p.body.(*serving.Service)
		if isFunction && service.Labels[visibility] != "cluster-local" && p.meta.Name != public {
			wrong("%s alone may be public, all others have %s: cluster-local", public, visibility)
		}
	}
	for _, o := range all {
		if s, ok := o.body.(*core.Service); ok && s.Spec.Type != "" && s.Spec.Type != core.ServiceTypeClusterIP {
			problems = append(problems, fmt.Sprintf("%s: %s: type %s lets the world in", o.file, o, s.Spec.Type))
		}
	}
	return problems
}

func containerProblems(c core.Container, dir string) []string {
	var problems []string
	for _, name := range []core.ResourceName{core.ResourceCPU, core.ResourceMemory} {
		request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
		if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
			problems = append(problems, fmt.Sprintf("%s: requests %s of at most %s", name, request.String(), limit.String()))
		}
	}
	if c.ReadinessProbe == nil || c.LivenessProbe == nil {
		problems = append(problems, "has no readinessProbe or no livenessProbe")
	}
	path, ours := strings.CutPrefix(c.Image, module)
	_, tag, tagged := strings.Cut(filepath.Base(c.Image), ":")
	switch {
	case ours:
		if _, err := os.Stat(filepath.Join(dir, "..", path, "main.go")); err != nil {
			problems = append(problems, fmt.Sprintf("image: %v", err))
		}
	case !tagged || tag == "" || tag == "latest":
		problems = append(problems, fmt.Sprintf("image %s has no tag that stays what it is", c.Image))
	}
	return problems
}

// selector of a workload that has one.
func selector(body any) *meta.LabelSelector {
	switch body := body.(type) {
	case *apps.Deployment:
		return body.Spec.Selector
	case *apps.StatefulSet:
		return body.Spec.Selector
	}
	return nil
}

func matches(selector *meta.LabelSelector, set labels.Set) bool {
	s, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(set)
}

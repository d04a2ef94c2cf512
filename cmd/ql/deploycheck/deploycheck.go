// Package deploycheck says what a Kubernetes cluster lacks for the platform. What is expected is read from the platform's own
// manifests; what is there is asked of the API server. Nothing in the cluster is changed, and no value of a Secret leaves the
// package.
package deploycheck

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/rest"
)

// State says how a thing of a Finding is.
type State string

// The states. Missing, Waiting and Wrong are lacks; Unknown is none, since nothing was seen that is wrong.
const (
	OK      State = "ok"
	Missing State = "missing" // it is not there
	Waiting State = "waiting" // it is there and on its way
	Wrong   State = "wrong"   // it is there and will not get right by itself
	Unknown State = "unknown" // the API does not show it, or not to this user
)

// Group is what a Finding belongs to.
type Group string

// The groups, in the order in which Check gives them.
const (
	Cluster   Group = "cluster"   // what has to be there before
	Secrets   Group = "secrets"   // the Secrets that manifests name and no manifest contains
	Functions Group = "functions" // Knative Services
	Workloads Group = "workloads" // stores and worker: Deployments, StatefulSets, DaemonSets, Jobs
	Events    Group = "events"    // all other kinds of Knative: Brokers, Triggers, SinkBindings, DomainMappings
	Objects   Group = "objects"   // all other kinds
)

// Finding is what was found out about one thing.
type Finding struct {
	Group Group  `json:"group"`
	What  string `json:"what"`
	State State  `json:"state"`
	Why   string `json:"why"`            // a sentence without its end
	Hint  string `json:"hint,omitempty"` // what to do; empty for OK, and where there is nothing to say
}

// Lacks tells whether the platform lacks this.
func (f Finding) Lacks() bool { return f.State != OK && f.State != Unknown }

// Options of a Check.
type Options struct {
	// Manifests are YAML documents: what is to be deployed.
	Manifests []byte
	// Before leaves out the deployment: only what has to be there before is looked at.
	Before bool
}

// limit is for the whole of a check; each request has requestLimit.
const limit = time.Minute

// Check gives what it found about the cluster of config. An error is a *fault.Error: Invalid for manifests that cannot be read,
// Unauthorized for credentials that are refused, Unavailable when the API server does not answer.
func Check(ctx context.Context, config *rest.Config, o Options) ([]Finding, error) {
	all, err := read(o.Manifests)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	server, err := connect(config)
	if err != nil {
		return nil, err
	}
	version, err := server.reach(ctx)
	if err != nil {
		return nil, err
	}
	c := &checker{api: server, all: all, before: o.Before}
	steps := []func(context.Context) []Finding{
		c.apis, c.ingress, c.domain, c.features, c.brokers, c.volumes, c.runtimeClasses, c.access, c.unseen, c.secrets,
	}
	if !o.Before {
		steps = append(steps, c.deployment)
	}
	found := make([][]Finding, len(steps))
	each(len(steps), func(i int) { found[i] = steps[i](ctx) })
	if err := server.broken(ctx); err != nil {
		return nil, err
	}
	return append([]Finding{version}, slices.Concat(found...)...), nil
}

// checker holds what the steps of a check need.
type checker struct {
	api    *api
	all    []object // what is to be deployed
	before bool     // it is not deployed yet
}

func ok(what, why string) Finding { return Finding{Group: Cluster, What: what, State: OK, Why: why} }

func lack(state State, what, why, hint string) Finding {
	return Finding{Group: Cluster, What: what, State: state, Why: why, Hint: hint}
}

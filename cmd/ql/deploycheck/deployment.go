package deploycheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const deploy = "ko apply -f config/ in a checkout (docs/operations/deploy.md)"

// there gives the resource of a place and its objects by name; of Namespaces only those that manifests name are asked for.
func (c *checker) there(ctx context.Context, p place) (resource, map[string]object, error) {
	r, err := c.api.resource(ctx, p.apiVersion, p.kind)
	if err != nil {
		return r, nil, err
	}
	found := map[string]object{}
	if !r.Namespaced {
		for _, o := range c.all {
			if o.place() != p {
				continue
			}
			var got object
			err := c.api.get(ctx, root(p.apiVersion)+"/"+r.Name+"/"+o.Metadata.Name, &got)
			if err != nil && !apierrors.IsNotFound(err) {
				return r, nil, err
			}
			found[got.Metadata.Name] = got // the empty name has no object
		}
		return r, found, nil
	}
	all, err := c.api.list(ctx, p.apiVersion, r.Name, p.namespace, "")
	for _, o := range all {
		found[o.Metadata.Name] = o
	}
	return r, found, err
}

// deployment compares each object of the manifests with the one in the cluster.
func (c *checker) deployment(ctx context.Context) []Finding {
	places := c.places()
	there := make([]map[string]object, len(places))
	failed := make([]error, len(places))
	each(len(places), func(i int) { _, there[i], failed[i] = c.there(ctx, places[i]) })
	found := make([]Finding, len(c.all))
	seen := make([]object, len(c.all))
	anything := false
	for i, o := range c.all {
		at := slices.Index(places, o.place())
		err := failed[at]
		o.merge(there[at][o.Metadata.Name], &seen[i])
		// Namespaces are there before the platform is, for its Secrets.
		anything = anything || seen[i].Metadata.Name != "" && o.Kind != "Namespace" || err != nil && !errors.Is(err, errNotServed)
		found[i] = Finding{Group: o.belongs(), What: o.called()}
		switch f := &found[i]; {
		case errors.Is(err, errNotServed):
			f.State, f.Why = Missing, "the cluster does not know this kind"
		case err != nil:
			f.State, f.Why = Unknown, because(err)
		case seen[i].Metadata.Name == "":
			f.State, f.Why, f.Hint = Missing, "it is not there", deploy
		}
	}
	if !anything {
		return []Finding{{Group: Objects, What: "QuantumLayer", State: Missing, Why: "nothing of it is deployed yet", Hint: deploy}}
	}
	each(len(c.all), func(i int) {
		if found[i].State == "" {
			c.judge(ctx, seen[i], &found[i])
		}
	})
	order := []Group{Functions, Workloads, Events, Objects}
	slices.SortStableFunc(found, func(a, b Finding) int { return slices.Index(order, a.Group) - slices.Index(order, b.Group) })
	return found
}

// merge gives the object of the cluster the kind that lists leave out.
func (o object) merge(got object, into *object) {
	*into = got
	into.APIVersion, into.Kind = o.APIVersion, o.Kind
}

// belongs is the group of a deployed object.
func (o object) belongs() Group {
	switch {
	case o.function():
		return Functions
	case slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Job"}, o.Kind):
		return Workloads
	case o.knative():
		return Events
	}
	return Objects
}

// called is how a person finds the object.
func (o object) called() string {
	switch o.belongs() {
	case Functions, Workloads:
		return o.Metadata.Name
	}
	if o.Metadata.Namespace == "" {
		return o.Kind + " " + o.Metadata.Name
	}
	return o.Kind + " " + o.Metadata.Name + " in " + o.Metadata.Namespace
}

// condition is one of an object's status.
type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// condition gives the condition of this type, an empty one where there is none.
func (o object) condition(kind string) condition {
	var status struct {
		Conditions []condition `json:"conditions"`
	}
	_ = json.Unmarshal(o.Status, &status) // no status is no condition
	i := slices.IndexFunc(status.Conditions, func(c condition) bool { return c.Type == kind })
	if i < 0 {
		return condition{}
	}
	return status.Conditions[i]
}

// words are a condition's reason and message.
func (c condition) words() string {
	if c.Reason == "" || c.Message == "" {
		return c.Reason + c.Message
	}
	return c.Reason + ": " + c.Message
}

// replicas counts pods.
type replicas struct {
	Wanted    int
	Available int
	Updated   int
	Observed  int64 // the generation that the counts are of
}

func (o object) replicas() replicas {
	var spec struct {
		Replicas *int `json:"replicas"`
	}
	var status struct {
		Available int   `json:"availableReplicas"`
		Updated   int   `json:"updatedReplicas"`
		Observed  int64 `json:"observedGeneration"`
		// Of a DaemonSet.
		Desired       int `json:"desiredNumberScheduled"`
		NodeAvailable int `json:"numberAvailable"`
		NodeUpdated   int `json:"updatedNumberScheduled"`
	}
	o.spec(&spec)
	_ = json.Unmarshal(o.Status, &status) // no status is no replicas
	wanted := 1
	switch {
	case o.Kind == "DaemonSet":
		return replicas{status.Desired, status.NodeAvailable, status.NodeUpdated, status.Observed}
	case spec.Replicas != nil:
		wanted = *spec.Replicas
	}
	return replicas{wanted, status.Available, status.Updated, status.Observed}
}

// judge fills in the state of an object that is there.
func (c *checker) judge(ctx context.Context, o object, f *Finding) {
	f.State = OK
	pods := o.pods()
	for _, container := range pods.all() {
		if strings.HasPrefix(container.Image, "ko://") {
			f.State, f.Why, f.Hint = Wrong, "its image is still "+container.Image+", which no node can pull", "deploy with ko, which builds it: "+deploy
			return
		}
	}
	switch {
	case o.Metadata.DeletionTimestamp != nil:
		f.State, f.Why = Waiting, "it is being deleted"
	case o.Kind == "Job":
		c.judgeJob(ctx, o, f)
	case o.belongs() == Workloads:
		c.judgeWorkload(ctx, o, f)
	case o.knative():
		c.judgeReady(ctx, o, f)
	default:
		f.Why = "it is there"
	}
}

// judgeReady is for the kinds of Knative, which say of themselves whether they are Ready.
func (c *checker) judgeReady(ctx context.Context, o object, f *Finding) {
	var status struct {
		Observed int64 `json:"observedGeneration"`
	}
	_ = json.Unmarshal(o.Status, &status) // no status is not Ready
	ready := o.condition("Ready")
	switch {
	case status.Observed < o.Metadata.Generation:
		f.State, f.Why = Waiting, "Knative has not looked at it yet"
		return
	case ready.Status == "True":
		f.Why = "it is Ready"
		switch o.Kind {
		case "Broker":
			c.judgeChannel(ctx, o, f)
		case "DomainMapping":
			c.judgeMapping(ctx, o, f)
		}
		return
	case ready.Status == "False":
		f.State = Wrong
	default:
		f.State = Waiting
	}
	f.Why = "it is not Ready"
	if said := ready.words(); said != "" {
		f.Why += ": " + said
	}
	if !o.function() {
		f.Hint = "kubectl describe " + strings.ToLower(o.Kind) + " -n " + o.Metadata.Namespace // all of a kind mostly wait for the same
		return
	}
	f.Hint = "kubectl describe ksvc " + o.Metadata.Name + " -n " + o.Metadata.Namespace
	c.addTrouble(ctx, o.Metadata.Namespace, map[string]string{"serving.knative.dev/service": o.Metadata.Name}, f)
}

func (c *checker) judgeWorkload(ctx context.Context, o object, f *Finding) {
	r := o.replicas()
	switch {
	case r.Observed < o.Metadata.Generation:
		f.State, f.Why = Waiting, "Kubernetes has not looked at it yet"
		return
	case r.Wanted == 0:
		f.State, f.Why = Wrong, "it is scaled to 0"
		f.Hint = "kubectl scale " + strings.ToLower(o.Kind) + " " + o.Metadata.Name + " -n " + o.Metadata.Namespace + " --replicas=1"
		return
	case r.Available >= r.Wanted && r.Updated >= r.Wanted:
		f.Why = fmt.Sprintf("%d of %d available", r.Available, r.Wanted)
		return
	}
	f.State, f.Why = Waiting, fmt.Sprintf("%d of %d available", r.Available, r.Wanted)
	if r.Available >= r.Wanted {
		f.Why = fmt.Sprintf("%d of %d are of the new version", r.Updated, r.Wanted)
	}
	f.Hint = "kubectl describe " + strings.ToLower(o.Kind) + " " + o.Metadata.Name + " -n " + o.Metadata.Namespace
	if refused := o.condition("ReplicaFailure"); refused.Status == "True" {
		f.State, f.Why = Wrong, f.Why+"; no pod can be made: "+refused.words()
		return
	}
	c.addTrouble(ctx, o.Metadata.Namespace, o.selector(), f)
}

func (c *checker) judgeJob(ctx context.Context, o object, f *Finding) {
	if failed := o.condition("Failed"); failed.Status == "True" {
		f.State, f.Why, f.Hint = Wrong, "it failed: "+failed.words(), "kubectl logs job/"+o.Metadata.Name+" -n "+o.Metadata.Namespace
		return
	}
	if o.condition("Complete").Status == "True" {
		f.Why = "it is complete"
		return
	}
	f.State, f.Why = Waiting, "it is not complete"
	c.addTrouble(ctx, o.Metadata.Namespace, o.selector(), f)
}

// selector is which labels the pods of a workload have.
func (o object) selector() map[string]string {
	var spec struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
	}
	o.spec(&spec)
	return spec.Selector.MatchLabels
}

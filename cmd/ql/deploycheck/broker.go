package deploycheck

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"
)

const channelBroker = "MTChannelBasedBroker"

// ref names an object.
type ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
}

// brokerDefaults is default-br-config of ConfigMap config-br-defaults.
type brokerDefaults struct {
	ClusterDefault    brokerDefault            `json:"clusterDefault"`
	NamespaceDefaults map[string]brokerDefault `json:"namespaceDefaults"`
}

type brokerDefault struct {
	BrokerClass   string                   `json:"brokerClass"`
	ref                                    // for every class
	BrokerClasses map[string]struct{ ref } `json:"brokerClasses"`
}

// brokers looks for who serves the class of each Broker, and for the channels that it is made of.
func (c *checker) brokers(ctx context.Context) []Finding {
	var found []Finding
	brokers := selected(c.all, func(o object) bool { return o.group() == "eventing.knative.dev" && o.Kind == "Broker" })
	if c.lacking(ctx, brokers) {
		return nil
	}
	for _, b := range brokers {
		found = append(found, c.broker(ctx, b)...)
	}
	return slices.Compact(found)
}

func (c *checker) broker(ctx context.Context, b object) []Finding {
	const what = "Broker's class"
	var spec struct {
		Config ref `json:"config"`
	}
	b.spec(&spec)
	class := b.Metadata.Annotations["eventing.knative.dev/broker.class"]
	var defaults brokerDefaults
	if class == "" || spec.Config.Name == "" {
		data, err := c.api.configMap(ctx, eventing, "config-br-defaults")
		if err == nil {
			err = yaml.Unmarshal([]byte(data["default-br-config"]), &defaults)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return []Finding{lack(Unknown, what, "ConfigMap config-br-defaults in "+eventing+": "+because(err), "")}
		}
	}
	mine, own := defaults.NamespaceDefaults[b.Metadata.Namespace]
	if !own {
		mine = defaults.ClusterDefault
	}
	class = cmp.Or(class, mine.BrokerClass, channelBroker)
	if class != channelBroker {
		return []Finding{lack(Unknown, what, class+" is none that ql knows; whether something serves it shows when the Broker is Ready", "")}
	}
	config := cmp.Or(spec.Config, mine.BrokerClasses[class].ref, mine.ref)
	config.Namespace = cmp.Or(config.Namespace, b.Metadata.Namespace)
	served := c.running(ctx, what, eventing, []string{"mt-broker-controller", "mt-broker-filter", "mt-broker-ingress"},
		"install the "+channelBroker+": mt-channel-broker.yaml of Knative Eventing's release")
	if served.State == OK {
		served.Why = class + ": " + served.Why
	}
	return []Finding{served, c.channel(ctx, config)}
}

// channel looks for the kind of channel that a Broker's config names.
func (c *checker) channel(ctx context.Context, config ref) Finding {
	const what = "Broker's channels"
	if config.Name == "" {
		return lack(Missing, what, "neither the Broker nor config-br-defaults in "+eventing+" names a ConfigMap of channels", products[1].install)
	}
	data, err := c.content(ctx, config)
	if apierrors.IsNotFound(err) {
		return lack(Missing, what, "ConfigMap "+config.Name+" in "+config.Namespace+", which says what channels are made of, is not there", products[1].install)
	}
	if err != nil {
		return lack(Unknown, what, "ConfigMap "+config.Name+" in "+config.Namespace+": "+because(err), "")
	}
	var template ref
	if err := yaml.Unmarshal([]byte(cmp.Or(data["channel-template-spec"], data["channelTemplateSpec"])), &template); err != nil || template.Kind == "" {
		return lack(Wrong, what, "ConfigMap "+config.Name+" in "+config.Namespace+" has no channel-template-spec", "name apiVersion and kind of a channel in it")
	}
	kind := template.Kind + " (" + template.APIVersion + ")"
	_, err = c.api.resource(ctx, template.APIVersion, template.Kind)
	switch {
	case errors.Is(err, errNotServed):
		return lack(Missing, what, config.Name+" names "+kind+", which the cluster does not know", "install these channels, or name others in ConfigMap "+config.Name+" in "+config.Namespace)
	case err != nil:
		return lack(Unknown, what, template.APIVersion+": "+because(err), "")
	case template.Kind != "InMemoryChannel":
		return ok(what, kind+", as "+config.Name+" names it")
	}
	f := c.running(ctx, what, eventing, []string{"imc-controller", "imc-dispatcher"}, "install them: in-memory-channel.yaml of Knative Eventing's release")
	if f.State == OK {
		f.Why = template.Kind + ": " + f.Why
	}
	return f
}

// content gives a ConfigMap's content as it will be: from the manifests, else from the cluster.
func (c *checker) content(ctx context.Context, config ref) (map[string]string, error) {
	for _, o := range c.all {
		if o.Kind == "ConfigMap" && o.Metadata.Name == config.Name && o.Metadata.Namespace == config.Namespace {
			return o.Data, nil
		}
	}
	return c.api.configMap(ctx, config.Namespace, config.Name)
}

// judgeChannel looks in the channel of a Broker for subscribers that are no Subscription's any more. Knative patches the one list of a
// channel from many sides, so that an old subscriber can come back when several Triggers change at once; what is for it comes twice.
func (c *checker) judgeChannel(ctx context.Context, b object, f *Finding) {
	var status struct {
		Annotations struct {
			APIVersion string `json:"knative.dev/channelAPIVersion"`
			Kind       string `json:"knative.dev/channelKind"`
			Name       string `json:"knative.dev/channelName"`
		} `json:"annotations"`
	}
	_ = json.Unmarshal(b.Status, &status) // a Broker of another class has no channel
	channel := status.Annotations
	if channel.Name == "" {
		return
	}
	orphans, err := c.orphans(ctx, channel.APIVersion, channel.Kind, b.Metadata.Namespace, channel.Name)
	if len(orphans) > 0 { // one whose Subscription has just been deleted goes by itself
		c.api.forget()
		var again []string
		again, err = c.orphans(ctx, channel.APIVersion, channel.Kind, b.Metadata.Namespace, channel.Name)
		orphans = slices.DeleteFunc(orphans, func(name string) bool { return !slices.Contains(again, name) })
	}
	switch {
	case err != nil:
		f.State, f.Why = Unknown, "it is Ready; whom its channel delivers to is not seen: "+because(err)
	case len(orphans) > 0:
		f.State = Wrong
		f.Why = "its channel delivers to Subscriptions that are no longer there, so events come twice: " + strings.Join(orphans, ", ")
		f.Hint = fmt.Sprintf("kubectl delete %s %s -n %s; Knative makes it again within minutes, and what is under way in it is lost", strings.ToLower(channel.Kind), channel.Name, b.Metadata.Namespace)
	}
}

// orphans are the names of a channel's subscribers whose Subscription is gone.
func (c *checker) orphans(ctx context.Context, apiVersion, kind, namespace, name string) ([]string, error) {
	r, err := c.api.resource(ctx, apiVersion, kind)
	if err != nil {
		return nil, err
	}
	var channel object
	if err := c.api.get(ctx, root(apiVersion)+"/namespaces/"+namespace+"/"+r.Name+"/"+name, &channel); err != nil {
		return nil, err
	}
	var spec struct {
		Subscribers []struct {
			UID  string `json:"uid"`
			Name string `json:"name"`
		} `json:"subscribers"`
	}
	channel.spec(&spec)
	subscriptions, err := c.api.list(ctx, "messaging.knative.dev/v1", "subscriptions", namespace, "")
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, s := range spec.Subscribers {
		if !slices.ContainsFunc(subscriptions, func(o object) bool { return o.Metadata.UID == s.UID }) {
			gone = append(gone, s.Name)
		}
	}
	return gone, nil
}

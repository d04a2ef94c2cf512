package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
	istioconfig "istio.io/istio/pkg/config"
	istiovalidation "istio.io/istio/pkg/config/validation"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	eventingconfig "knative.dev/eventing/pkg/apis/config"
	eventing "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/apis/feature"
	messaging "knative.dev/eventing/pkg/apis/messaging/v1"
	sources "knative.dev/eventing/pkg/apis/sources/v1"
	networkinginternal "knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/pkg/apis"
	duck "knative.dev/pkg/apis/duck/v1"
	servingconfig "knative.dev/serving/pkg/apis/config"
	serving "knative.dev/serving/pkg/apis/serving/v1"
	servingbeta "knative.dev/serving/pkg/apis/serving/v1beta1"
	strict "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// object is one decoded manifest.
type object struct {
	kind string
	meta *meta.ObjectMeta
	body any // a pointer to the API's type; of Istio's, its spec
	file string
}

func (o object) String() string {
	return fmt.Sprintf("%s %s/%s", o.kind, o.meta.Namespace, o.meta.Name)
}

// kinds makes an empty object of each kind that may stand under config, by apiVersion and kind.
var kinds = map[string]func() meta.Object{
	"v1 Namespace":      func() meta.Object { return new(core.Namespace) },
	"v1 ConfigMap":      func() meta.Object { return new(core.ConfigMap) },
	"v1 Service":        func() meta.Object { return new(core.Service) },
	"v1 ServiceAccount": func() meta.Object { return new(core.ServiceAccount) },

	"apps/v1 Deployment":                                          func() meta.Object { return new(apps.Deployment) },
	"apps/v1 StatefulSet":                                         func() meta.Object { return new(apps.StatefulSet) },
	"policy/v1 PodDisruptionBudget":                               func() meta.Object { return new(policy.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy":                          func() meta.Object { return new(network.NetworkPolicy) },
	"serving.knative.dev/v1 Service":                              func() meta.Object { return new(serving.Service) },
	"serving.knative.dev/v1beta1 DomainMapping":                   func() meta.Object { return new(servingbeta.DomainMapping) },
	"networking.internal.knative.dev/v1alpha1 ClusterDomainClaim": func() meta.Object { return new(networkinginternal.ClusterDomainClaim) },
	"eventing.knative.dev/v1 Broker":                              func() meta.Object { return new(eventing.Broker) },
	"eventing.knative.dev/v1 Trigger":                             func() meta.Object { return new(eventing.Trigger) },
	"sources.knative.dev/v1 SinkBinding":                          func() meta.Object { return new(sources.SinkBinding) },
}

// istio makes an empty spec of each of Istio's kinds.
var istio = map[string]func() proto.Message{
	"security.istio.io/v1 PeerAuthentication":  func() proto.Message { return new(security.PeerAuthentication) },
	"security.istio.io/v1 AuthorizationPolicy": func() proto.Message { return new(security.AuthorizationPolicy) },
	"networking.istio.io/v1 DestinationRule":   func() proto.Message { return new(networking.DestinationRule) },
	"networking.istio.io/v1 Gateway":           func() proto.Message { return new(networking.Gateway) },
	"networking.istio.io/v1 VirtualService":    func() proto.Message { return new(networking.VirtualService) },
}

// decode reads an object as the API server does with fieldValidation=Strict: unknown, misspelt and double fields are errors.
func decode(d document) (object, error) {
	var head meta.TypeMeta
	if err := json.Unmarshal(d.json, &head); err != nil {
		return object{}, err
	}
	name := head.APIVersion + " " + head.Kind
	if empty, known := istio[name]; known {
		var outer struct {
			meta.TypeMeta
			Metadata meta.ObjectMeta `json:"metadata"`
			Spec     json.RawMessage `json:"spec"`
		}
		if err := decodeStrictly(d.json, &outer); err != nil {
			return object{}, fmt.Errorf("%s: %w", name, err)
		}
		spec := empty()
		if err := protojson.Unmarshal(outer.Spec, spec); err != nil {
			return object{}, fmt.Errorf("%s %s: spec: %w", name, outer.Metadata.Name, err)
		}
		return object{head.Kind, &outer.Metadata, spec, d.file}, nil
	}
	empty, known := kinds[name]
	if !known {
		return object{}, fmt.Errorf("%s: no kind that is deployed here", name)
	}
	body := empty()
	if err := decodeStrictly(d.json, body); err != nil {
		return object{}, fmt.Errorf("%s: %w", name, err)
	}
	return object{head.Kind, metaOf(body), body, d.file}, nil
}

func decodeStrictly(text []byte, into any) error {
	doubts, err := strict.UnmarshalStrict(text, into)
	return errors.Join(append(doubts, err)...)
}

func metaOf(body meta.Object) *meta.ObjectMeta {
	return &meta.ObjectMeta{Name: body.GetName(), Namespace: body.GetNamespace(), Labels: body.GetLabels(), Annotations: body.GetAnnotations()}
}

// validate runs the API's own validation; warnings count. Kubernetes' own lives in k8s.io/kubernetes, which is not to be
// imported; of it stands here what apimachinery has: names, labels, selectors.
func (o object) validate() []string {
	var problems []string
	if errs := validation.IsDNS1123Subdomain(o.meta.Name); len(errs) > 0 {
		problems = append(problems, "name: "+strings.Join(errs, "; "))
	}
	if o.meta.Labels["app.kubernetes.io/part-of"] != "quantumlayer" {
		problems = append(problems, "has no label app.kubernetes.io/part-of: quantumlayer")
	}
	for _, err := range metavalidation.ValidateLabels(o.meta.Labels, field.NewPath("metadata", "labels")) {
		problems = append(problems, err.Error())
	}
	if settings, ok := o.body.(*core.ConfigMap); ok {
		problems = append(problems, channelProblems(settings.Data["channel-template-spec"])...)
	}
	if spec, ok := o.body.(proto.Message); ok {
		warning, err := istiovalidation.GetValidateFunc("Validate" + o.kind)(istioconfig.Config{
			Meta: istioconfig.Meta{Name: o.meta.Name, Namespace: o.meta.Namespace, Labels: o.meta.Labels, Annotations: o.meta.Annotations}, Spec: spec})
		if err := errors.Join(warning, err); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if body, ok := o.body.(interface {
		apis.Defaultable
		apis.Validatable
	}); ok {
		ctx := apis.WithinCreate(feature.ToContext(eventingconfig.ToContext(context.Background(), brokers), features))
		ctx = servingconfig.ToContext(ctx, servingDefaults())
		body.SetDefaults(ctx)
		if err := body.Validate(ctx); err != nil {
			problems = append(problems, err.Error()) // errors and warnings
		}
	}
	return problems
}

// channelProblems says what is wrong with what a Broker makes its channels of; the channel's own spec is its controller's business.
func channelProblems(text string) []string {
	if text == "" {
		return nil
	}
	encoded, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return []string{err.Error()}
	}
	var channel messaging.ChannelTemplateSpec
	if err := decodeStrictly(encoded, &channel); err != nil {
		return []string{err.Error()}
	}
	if err := messaging.IsValidChannelTemplate(&channel); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// features is what a fresh Knative Eventing has switched on, of those that we use.
var features = feature.Flags{feature.DeliveryTimeout: feature.Enabled}

// servingDefaults is what a fresh Knative Serving has, and the feature that config/gvisor asks for; `ql deploy check` looks for it in a cluster.
func servingDefaults() *servingconfig.Config {
	c := servingconfig.FromContextOrDefaults(context.Background())
	c.Features.PodSpecRuntimeClassName = servingconfig.Enabled
	return c
}

// brokers is what a fresh Knative Eventing says about Brokers that name no configuration.
var brokers = &eventingconfig.Config{Defaults: &eventingconfig.Defaults{ClusterDefaultConfig: &eventingconfig.DefaultConfig{
	DefaultBrokerClass: "MTChannelBasedBroker",
	BrokerConfig: &eventingconfig.BrokerConfig{KReference: &duck.KReference{
		APIVersion: "v1", Kind: "ConfigMap", Namespace: "knative-eventing", Name: "config-br-default-channel"}},
}}}

package deploycheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

const (
	requestLimit = 10 * time.Second
	atOnce       = 8 // requests under way
)

// Config reads how to reach a cluster as kubectl does: from the named file, else $KUBECONFIG, else ~/.kube/config, else from the
// pod that this runs in. An empty context is the file's current one. An error is a *fault.Error, Invalid.
func Config(kubeconfig, context string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	rules.WarnIfAllMissing = false
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context}).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, fault.New(fault.Invalid, "the kubeconfig names no cluster, or there is none").WithHint("name one with --kubeconfig or $KUBECONFIG; kubectl uses ~/.kube/config")
	case err != nil:
		return nil, fault.New(fault.Invalid, "the kubeconfig cannot be used: %w", err).WithHint("\"kubectl config get-contexts\" shows what there is")
	}
	return config, nil
}

// Contexts are the names that Config takes as context, sorted; none when there is no kubeconfig.
func Contexts(kubeconfig string) []string {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	rules.WarnIfAllMissing = false
	config, err := rules.Load()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(config.Contexts))
}

// api reads from the API server. Each path is asked once.
type api struct {
	client *rest.RESTClient
	host   string
	slots  chan struct{}

	mu     sync.Mutex
	got    map[string]func() ([]byte, error)
	failed error // the first request that got no answer at all
}

func connect(config *rest.Config) (*api, error) {
	c := rest.CopyConfig(config)
	c.Timeout = requestLimit
	c.QPS = -1 // slots bound what is under way
	c.WarningHandler = rest.NoWarnings{}
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if c.UserAgent == "" {
		c.UserAgent = "ql"
	}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"}) // Status, which errors come as
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(c)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the kubeconfig cannot be used: %w", err)
	}
	return &api{client: client, host: c.Host, slots: make(chan struct{}, atOnce), got: map[string]func() ([]byte, error){}}, nil
}

// reach asks for the server's version.
func (a *api) reach(ctx context.Context) (Finding, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	answered := make(chan error, 1) // a kubeconfig may have a program that gets credentials, and that knows no context
	go func() { answered <- a.get(ctx, "/version", &version) }()
	select {
	case err := <-answered:
		var syntax *json.SyntaxError
		switch {
		case apierrors.IsUnauthorized(err):
			return Finding{}, fault.New(fault.Unauthorized, "the Kubernetes API at %s refuses the credentials of the kubeconfig", a.host).WithHint("log in again, or name another --context")
		case err == nil && version.GitVersion == "", errors.As(err, &syntax):
			return Finding{}, fault.New(fault.Unavailable, "what answers at %s is not the Kubernetes API", a.host)
		case err != nil && !apierrors.IsForbidden(err):
			return Finding{}, a.unreachable(err)
		case err != nil:
			return ok("Kubernetes", "it answers at "+a.host), nil
		}
		return ok("Kubernetes", version.GitVersion+" at "+a.host), nil
	case <-ctx.Done():
		return Finding{}, a.unreachable(context.Cause(ctx))
	case <-time.After(2 * requestLimit):
		return Finding{}, a.unreachable(errors.New("no answer, or no credentials, after " + (2 * requestLimit).String()))
	}
}

func (a *api) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without method and URL, which the sentence has
	}
	if strings.Contains(err.Error(), "getting credentials: ") {
		said, _, _ := strings.Cut(err.Error(), "\n") // client-go goes on with advice of several lines
		return fault.Wrap(fault.Unauthorized, err, "the kubeconfig's credentials cannot be had: %s", said).WithHint("log in again, or name another --context")
	}
	return fault.New(fault.Unavailable, "the Kubernetes API at %s does not answer: %w", a.host, err).
		WithHint("check that it runs and that this machine reaches it; --context names another cluster")
}

// broken gives the error of a check that was cut off in its middle.
func (a *api) broken(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.failed == nil:
		return nil
	case ctx.Err() != nil:
		return a.unreachable(context.Cause(ctx))
	}
	return a.unreachable(a.failed)
}

// get reads path into v. The error tells what the server said: see package apierrors.
func (a *api) get(ctx context.Context, path string, v any) error {
	a.mu.Lock()
	ask, asked := a.got[path]
	if !asked {
		ask = sync.OnceValues(func() ([]byte, error) { return a.do(ctx, a.client.Get().RequestURI(path)) })
		a.got[path] = ask
	}
	a.mu.Unlock()
	body, err := ask()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

// forget lets every path be asked again.
func (a *api) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.got)
}

func (a *api) do(ctx context.Context, request *rest.Request) ([]byte, error) {
	a.slots <- struct{}{}
	defer func() { <-a.slots }()
	a.mu.Lock()
	failed := a.failed
	a.mu.Unlock()
	if failed != nil {
		return nil, failed // nobody waits for each request when the server has gone away
	}
	body, err := request.MaxRetries(1).Do(ctx).Raw()
	var said apierrors.APIStatus
	if err != nil && !errors.As(err, &said) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.failed == nil {
			a.failed = err
		}
	}
	return body, err
}

// may asks whether this user may do verb with a resource; an empty namespace is for what has none.
func (a *api) may(ctx context.Context, verb, group, resource, namespace string) (bool, error) {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": map[string]any{"resourceAttributes": map[string]string{"verb": verb, "group": group, "resource": resource, "namespace": namespace}},
	})
	if err != nil {
		return false, err
	}
	body, err = a.do(ctx, a.client.Post().AbsPath("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").Body(body))
	if err != nil {
		return false, err
	}
	var review struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	err = json.NewDecoder(bytes.NewReader(body)).Decode(&review)
	return review.Status.Allowed, err
}

// resource is how a kind is called in paths.
type resource struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

// errNotServed is for a kind that the server does not know.
var errNotServed = errors.New("the cluster does not know this kind")

// resource gives the resource of a kind. The error is errNotServed, or of get.
func (a *api) resource(ctx context.Context, apiVersion, kind string) (resource, error) {
	var served struct {
		Resources []resource `json:"resources"`
	}
	err := a.get(ctx, root(apiVersion), &served)
	if apierrors.IsNotFound(err) {
		return resource{}, errNotServed
	}
	if err != nil {
		return resource{}, err
	}
	i := slices.IndexFunc(served.Resources, func(r resource) bool { return r.Kind == kind && !strings.Contains(r.Name, "/") })
	if i < 0 {
		return resource{}, errNotServed
	}
	return served.Resources[i], nil
}

// list gives the objects of one kind: of a namespace, or of the whole cluster when it is empty.
func (a *api) list(ctx context.Context, apiVersion, resource, namespace, selector string) ([]object, error) {
	path := root(apiVersion)
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	path += "/" + resource
	if selector != "" {
		path += "?" + selector
	}
	var found struct {
		Items []object `json:"items"`
	}
	err := a.get(ctx, path, &found)
	return found.Items, err
}

// configMap gives the content of a ConfigMap.
func (a *api) configMap(ctx context.Context, namespace, name string) (map[string]string, error) {
	var found object
	err := a.get(ctx, "/api/v1/namespaces/"+namespace+"/configmaps/"+name, &found)
	return found.Data, err
}

// root is the path that all kinds of a version are below.
func root(apiVersion string) string {
	if !strings.Contains(apiVersion, "/") {
		return "/api/" + apiVersion
	}
	return "/apis/" + apiVersion
}

// each runs work for 0 to n-1, at most atOnce of it together.
func each(n int, work func(int)) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { work(i); return nil })
	}
	_ = g.Wait() // no work gives an error
}

// because words an error of a request whose answer would have said more.
func because(err error) string {
	var said apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		return "you may not see it"
	case apierrors.IsNotFound(err):
		return "it is not there"
	case errors.As(err, &said):
		return fmt.Sprintf("the API server said: %s", said.Status().Message)
	}
	return fmt.Sprintf("it could not be read: %v", err)
}

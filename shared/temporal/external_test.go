package temporal_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestExternalIsTheSameServer(t *testing.T) {
	t.Parallel()
	here := open(t, "embedded:"+filepath.Join(t.TempDir(), "temporal.db"))
	defer closeServer(t, here)
	there := open(t, here.URL())
	defer closeServer(t, there)
	if here.URL() != there.URL() {
		t.Errorf("URLs differ: %s, %s", here.URL(), there.URL())
	}
	stop, err := startWorker(here.Client(), says("one"), says("two"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got, err := execute(t.Context(), there.Client(), client.StartWorkflowOptions{}); err != nil || got != "one two" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestExternalMakesNamespaceAndSearchAttributes(t *testing.T) {
	t.Parallel()
	host := open(t, "embedded:"+filepath.Join(t.TempDir(), "temporal.db"))
	defer closeServer(t, host)
	url := strings.TrimSuffix(host.URL(), temporal.Namespace) + "another"
	for range 2 { // the second finds all that the first has made
		server := open(t, url)
		defer closeServer(t, server)
		stop, err := startWorker(server.Client(), says("one"), says("two"))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		language := sdk.NewSearchAttributeKeyKeyword(workflow.AttributeLanguage)
		got, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{
			TypedSearchAttributes: sdk.NewSearchAttributes(language.ValueSet("go")),
		})
		if err != nil || got != "one two" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	namespace, err := host.Client().WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.Config.WorkflowExecutionRetentionTtl.AsDuration(); got != temporal.Retention {
		t.Errorf("retention is %s, want %s", got, temporal.Retention)
	}
}

func TestExternalWithAttributesOfAnotherType(t *testing.T) {
	t.Parallel()
	host := open(t, "embedded:"+filepath.Join(t.TempDir(), "temporal.db"))
	defer closeServer(t, host)
	url := strings.TrimSuffix(host.URL(), temporal.Namespace) + "another"
	closeServer(t, open(t, url))
	ctx := t.Context()
	if _, err := host.Client().OperatorService().RemoveSearchAttributes(ctx, &operatorservice.RemoveSearchAttributesRequest{
		Namespace: "another", SearchAttributes: []string{workflow.AttributeStage},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Client().OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        "another",
		SearchAttributes: map[string]enumspb.IndexedValueType{workflow.AttributeStage: enumspb.INDEXED_VALUE_TYPE_INT},
	}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() (bool, error) {
		server, err := temporal.Open(ctx, temporal.Options{URL: url, Logger: testLogger(t), Embedded: embedded.Start})
		if err == nil { // the server has not noticed yet
			closeServer(t, server)
			return false, nil
		}
		if !strings.Contains(err.Error(), "QLStage is of type Int, but must be Keyword") {
			t.Fatalf("got error %v, want one about QLStage's type", err)
		}
		return true, nil
	})
}

func TestExternalCannotOpen(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	const format = "temporal://HOST:PORT"
	for name, test := range map[string]struct{ url, want string }{
		"nobody there":   {"temporal://" + nobody, nobody},
		"no port":        {"temporal://localhost", format},
		"no host":        {"temporal:", format},
		"long path":      {"temporal://localhost:7233/a/b", format},
		"query":          {"temporal://localhost:7233?tls=true", format},
		"unknown scheme": {"http://localhost:7233", `"http"`},
		"empty":          {"", format},
	} {
		server, err := temporal.Open(t.Context(), temporal.Options{URL: test.url, Logger: testLogger(t), Embedded: embedded.Start})
		if err == nil {
			closeServer(t, server)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one about %s", name, err, test.want)
		}
	}
}

// strictServer is a Temporal server on which we may look, but not touch.
type strictServer struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	hasNamespace bool
}

func (s strictServer) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (s strictServer) DescribeNamespace(_ context.Context, request *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if !s.hasNamespace {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(request.Namespace)).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s strictServer) RegisterNamespace(context.Context, *workflowservice.RegisterNamespaceRequest) (*workflowservice.RegisterNamespaceResponse, error) {
	return nil, serviceerror.ToStatus(serviceerror.NewPermissionDenied("Request unauthorized.", "")).Err()
}

func (s strictServer) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{}, nil
}

func (s strictServer) AddSearchAttributes(context.Context, *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	return nil, serviceerror.ToStatus(serviceerror.NewPermissionDenied("Request unauthorized.", "")).Err()
}

func TestExternalWithoutPermission(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server strictServer
		want   string
	}{
		{strictServer{}, "temporal operator namespace create --retention 720h0m0s quantumlayer"},
		{strictServer{hasNamespace: true}, "temporal operator search-attribute create --namespace quantumlayer " +
			"--name QLLanguage --type Keyword --name QLProjectType --type Keyword --name QLPrompt --type Keyword " +
			"--name QLStage --type Keyword --name QLStatus --type Keyword"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		workflowservice.RegisterWorkflowServiceServer(server, test.server)
		operatorservice.RegisterOperatorServiceServer(server, test.server)
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()

		_, err = temporal.Open(t.Context(), temporal.Options{URL: "temporal://" + listener.Addr().String(), Logger: testLogger(t)})
		if denied := new(serviceerror.PermissionDenied); !errors.As(err, &denied) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v\nwant a PermissionDenied that says %q", err, test.want)
		}
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// startingServer is a Temporal server that answers, but not of its namespaces.
type startingServer struct {
	strictServer
	err error
}

func (s startingServer) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return nil, serviceerror.ToStatus(s.err).Err()
}

// A server that is not ready yet is one that does not answer: who waits for it goes on waiting.
func TestExternalIsStarting(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err         error
		unavailable bool
	}{
		{serviceerror.NewUnavailable("not ready"), true},
		{serviceerror.NewDeadlineExceeded("the database is slow"), true},
		{serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_SYSTEM_OVERLOADED, "busy"), true},
		{serviceerror.NewPermissionDenied("Request unauthorized.", ""), false},
		{serviceerror.NewInternal("no such table"), false},
	} {
		server := grpc.NewServer()
		workflowservice.RegisterWorkflowServiceServer(server, startingServer{err: test.err})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		_, err = temporal.Open(t.Context(), temporal.Options{URL: "temporal://" + listener.Addr().String(), Logger: testLogger(t)})
		if err == nil || fault.Is(err, fault.Unavailable) != test.unavailable || !strings.Contains(err.Error(), test.err.Error()) {
			t.Errorf("%v: got %v, unavailable should be %t", test.err, err, test.unavailable)
		}
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestEmbeddedNeedsItsServer(t *testing.T) {
	t.Parallel()
	_, err := temporal.Open(t.Context(), temporal.Options{URL: "embedded:", DataDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "use temporal://") {
		t.Errorf("got %v, want an error that names the other URL", err)
	}
}

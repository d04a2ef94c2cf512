package temporal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// SearchAttributes are what workflows are found by.
var SearchAttributes = map[string]enumspb.IndexedValueType{
	workflow.AttributeStatus:      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	workflow.AttributeStage:       enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	workflow.AttributeLanguage:    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	workflow.AttributeProjectType: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	workflow.AttributePrompt:      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

// A server learns of a change to its namespaces by looking at them now and then.
const (
	propagationTimeout = 30 * time.Second
	propagationPoll    = 100 * time.Millisecond
)

// ensureNamespace creates what is missing of namespace and search attributes,
// and waits until the server knows of it.
func ensureNamespace(ctx context.Context, c client.Client, namespace string) error {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if missing := new(serviceerror.NamespaceNotFound); errors.As(err, &missing) {
		err = createNamespace(ctx, c, namespace)
	}
	if err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	if err := ensureSearchAttributes(ctx, c, namespace); err != nil {
		return fmt.Errorf("search attributes of namespace %s: %w", namespace, err)
	}
	return nil
}

func createNamespace(ctx context.Context, c client.Client, namespace string) error {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		Description:                      "Workflows of QuantumLayer",
		WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
	})
	// Another process of ours may have been first.
	if exists := new(serviceerror.NamespaceAlreadyExists); err != nil && !errors.As(err, &exists) {
		return explain(err, "create it", fmt.Sprintf("temporal operator namespace create --retention %s %s", Retention, namespace))
	}
	return nil
}

// ensureSearchAttributes adds what is missing until a query with all of them
// works, which also waits for a namespace that was just created.
func ensureSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, propagationTimeout)
	defer cancel()
	for {
		missing, err := missingSearchAttributes(ctx, c, namespace)
		if err == nil && len(missing) == 0 {
			err = useSearchAttributes(ctx, c, namespace)
			if err == nil {
				return nil
			}
		} else if err == nil {
			err = addSearchAttributes(ctx, c, namespace, missing)
		}
		if err != nil && !mayPass(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(propagationPoll):
		}
	}
}

// errNotKnownYet: attributes that are listed, but not known where they are used.
var errNotKnownYet = errors.New("the server does not know them yet")

func useSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	var conditions []string
	for _, name := range slices.Sorted(maps.Keys(SearchAttributes)) {
		conditions = append(conditions, name+" = 'none'")
	}
	_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query:     strings.Join(conditions, " AND "),
	})
	if unknown := new(serviceerror.InvalidArgument); errors.As(err, &unknown) {
		return fmt.Errorf("%w: %w", errNotKnownYet, err)
	}
	if err != nil {
		return explain(err, "find workflows by them", "")
	}
	return nil
}

func missingSearchAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, explain(err, "list them", "")
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, want := range SearchAttributes {
		have, ok := listed.GetCustomAttributes()[name]
		if !ok {
			missing[name] = want
		} else if have != want {
			return nil, fmt.Errorf("%s is of type %s, but must be %s: remove or rename it", name, have, want)
		}
	}
	return missing, nil
}

func addSearchAttributes(ctx context.Context, c client.Client, namespace string, missing map[string]enumspb.IndexedValueType) error {
	_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        namespace,
		SearchAttributes: missing,
	})
	if exists := new(serviceerror.AlreadyExists); err == nil || errors.As(err, &exists) {
		return nil
	}
	command := "temporal operator search-attribute create --namespace " + namespace
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		command += fmt.Sprintf(" --name %s --type %s", name, missing[name])
	}
	return explain(err, "create them", command)
}

// explain tells who may not do something how an operator does it for us.
func explain(err error, doing, command string) error {
	if denied := new(serviceerror.PermissionDenied); errors.As(err, &denied) && command != "" {
		return fmt.Errorf("%s: %w; an operator of the server can do it: %s", doing, err, command)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// mayPass tells errors of a server that does not know its newest namespace yet,
// or is busy, from those that stay.
func mayPass(err error) bool {
	var (
		unknown     *serviceerror.NamespaceNotFound
		notFound    *serviceerror.NotFound
		unavailable *serviceerror.Unavailable
		exhausted   *serviceerror.ResourceExhausted
	)
	return errors.Is(err, errNotKnownYet) || errors.As(err, &unknown) || errors.As(err, &notFound) || errors.As(err, &unavailable) || errors.As(err, &exhausted)
}

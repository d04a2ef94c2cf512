// Package quantumcapsule is the quantum-capsule function: it packs the files of a
// run, which it reads as drops, into a capsule, stores that as a drop, and verifies
// capsules that it is sent.
package quantumcapsule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/capsuleclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// Limits of a request, in bytes.
const (
	MaxRequest = 8 << 20
	MaxArchive = 64 << 20
	// bodyTimeout is what a body of the largest size may take to arrive.
	bodyTimeout = 2 * time.Minute
)

// Drops is the part of quantum-drops that packing needs; dropclient.Client is one.
type Drops interface {
	// Get returns a drop of the tenant with its artifact, or drop.ErrNotFound.
	Get(ctx context.Context, tenant, id string) (drop.Drop, error)
	// Store keeps sealed drops; those that are there already are no error.
	Store(ctx context.Context, drops []drop.Drop) error
}

type config struct {
	Drops string `env:"QL_QUANTUM_DROPS_URL" envDefault:"http://quantum-drops.quantumlayer.svc.cluster.local"`
}

// Check names the variable that holds no URL; runner.Config calls it.
func (c *config) Check() error {
	if err := httpclient.CheckURL(c.Drops); err != nil {
		return fmt.Errorf("QL_QUANTUM_DROPS_URL: %w", err)
	}
	return nil
}

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	return &runner.Service{Handler: Handler(dropclient.New(cfg.Drops))}, nil
}

type createOutput struct {
	Status int
	Body   capsuleclient.Created
}

type verifyOutput struct{ Body capsule.Report }

// The hooks are variables of huma, so they are set before any handler can read them.
func init() { fault.UseInHuma() }

// Handler is the function's HTTP interface on a store of drops.
func Handler(drops Drops) http.Handler {
	p := &packer{drops: drops, generator: capsule.Generator{Name: "quantumlayer", Version: version()}}
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("quantum-capsule", "1")
	cfg.Info.Description = "Packs projects into capsules and verifies them."
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.CreateHooks = nil // no $schema in answers: a manifest is shown as it is in the capsule
	cfg.DocsPath = ""
	api := humago.New(mux, cfg)
	huma.Register(api, huma.Operation{
		OperationID: "create-capsule", Method: http.MethodPost, Path: "/v1/capsules", DefaultStatus: http.StatusCreated,
		Summary:      "Pack drops into a capsule and store it as a drop",
		Description:  "The same request gives the same bytes and the same drop, whatever the workflow.",
		MaxBodyBytes: MaxRequest, BodyReadTimeout: bodyTimeout,
	}, func(ctx context.Context, in *struct{ Body capsuleclient.Request }) (*createOutput, error) {
		created, err := p.create(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &createOutput{Status: http.StatusCreated, Body: created}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "verify-capsule", Method: http.MethodPost, Path: "/v1/capsules/verify",
		Summary:      "Verify a capsule",
		Description:  "Answers 200 with a report also when the capsule has problems.",
		MaxBodyBytes: MaxArchive, BodyReadTimeout: bodyTimeout,
	}, func(_ context.Context, in *struct {
		RawBody []byte `contentType:"application/gzip"`
	}) (*verifyOutput, error) {
		report, err := capsule.Verify(bytes.NewReader(in.RawBody), capsule.Limits{})
		if err != nil {
			return nil, err
		}
		return &verifyOutput{report}, nil
	})
	return mux
}

// schemaName keeps a capsule's problem apart from the Problem of RFC 9457.
func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[capsule.Problem]() || t == reflect.TypeFor[*capsule.Problem]() {
		return "CapsuleProblem"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// version of the platform that goes into manifests, as the build stamped it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// refused turns what a capsule cannot hold into a fault that names the files.
func refused(err error, files []capsuleclient.File) error {
	var found *capsule.Problem
	if !errors.As(err, &found) {
		return err
	}
	where := fault.Field{Location: "body", Message: found.Error()}
	for i, f := range files {
		if f.Path == found.Path {
			where = fault.Field{Location: fmt.Sprintf("body.files[%d].path", i), Message: found.Detail}
			break
		}
	}
	code := fault.Unprocessable
	if found.Kind == capsule.ErrLimit {
		code = fault.TooLarge
	}
	return fault.Wrap(code, err, "no capsule can be made of this").WithFields(where)
}

// Package quantumdrops is the quantum-drops function: it keeps the artifacts of
// every stage as drops and finds them again, over HTTP.
package quantumdrops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// Limits of a request.
const (
	MaxBody  = 64 << 20 // bytes
	MaxBatch = 256      // drops
	// bodyTimeout is what a body of the largest size may take to arrive.
	bodyTimeout = 2 * time.Minute
)

type config struct {
	// Database is "sqlite:PATH" or "postgres://…".
	Database string `env:"QL_DATABASE_URL,required,notEmpty"`
	// Blobs is "file://DIR", "s3://BUCKET" or "database:": where bodies go that are too large for a row.
	Blobs string `env:"QL_BLOBS_URL,required,notEmpty"`
	// Sink is the Broker that hears of every drop, under the name that Knative gives it; empty: none, and what is stored meanwhile
	// is told when there is one.
	Sink string `env:"K_SINK"`
}

// Check names the variable that is wrong; runner.Config calls it.
func (c *config) Check() error {
	if c.Sink == "" {
		return nil
	}
	if err := httpclient.CheckURL(c.Sink); err != nil {
		return fmt.Errorf("K_SINK: %w", err)
	}
	return nil
}

// New builds the function: it opens the stores that environ names.
func New(ctx context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	blobs, err := openBlobs(ctx, cfg.Blobs)
	if err != nil {
		return nil, fault.About(err, "QL_BLOBS_URL")
	}
	store, err := dropstore.Open(ctx, cfg.Database, blobs)
	if err != nil {
		return nil, fault.About(err, "QL_DATABASE_URL")
	}
	s, end := &service{store: store}, func() {}
	if cfg.Sink != "" {
		r := newRelay(store, broker.New(cfg.Sink))
		s.stored, end = r.stored, r.start(ctx)
	}
	return &runner.Service{
		Handler: s.handler(),
		Ready: func(ctx context.Context) error {
			return asFault(store.Ping(ctx))
		},
		Close: func(context.Context) error {
			end()
			return store.Close()
		},
	}, nil
}

// The hooks are variables of huma, so they are set before any handler can read them.
func init() { fault.UseInHuma() }

// Handler is the function's HTTP interface on a store. It announces nothing.
func Handler(store dropstore.Store) http.Handler { return (&service{store: store}).handler() }

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("quantum-drops", "1")
	cfg.Info.Description = "Stores the artifacts of every stage and finds them again."
	// The hook links every answer to a schema by rewriting structs: drops write
	// their JSON themselves and would lose it.
	cfg.CreateHooks = nil
	cfg.DocsPath = ""
	api := humago.New(mux, cfg)
	api.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[drop.Drop](), reflect.TypeFor[drop.Document]())
	s.registerWrites(api)
	s.registerReads(api)
	mux.Handle("POST /v1/dead-letters", runner.Receiver(s.deadLetter))
	return mux
}

type service struct {
	store  dropstore.Store
	stored func() // called after drops were created; may be nil
}

// asFault gives an error of the store the code that says whether a retry helps.
func asFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, drop.ErrInvalid):
		return fault.Wrap(fault.Unprocessable, err, "the request breaks rules of drops").WithFields(fields("", err)...)
	case errors.Is(err, drop.ErrNotFound):
		return fault.Wrap(fault.NotFound, err, "there is no such drop")
	case errors.Is(err, drop.ErrConflict), errors.Is(err, drop.ErrCorrupt):
		return fault.Wrap(fault.Internal, err, "the stored drop is damaged").WithHint("the log of quantum-drops names it")
	}
	return fault.Wrap(fault.Unavailable, err, "the store of drops does not answer")
}

// fields lists the broken rules in an error, each at its place below location.
func fields(location string, err error) []fault.Field {
	var found []fault.Field
	var field *drop.FieldError
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *drop.FieldError:
		return []fault.Field{{Location: location + e.Field, Message: e.Reason}}
	case interface{ Unwrap() []error }:
		for _, sub := range e.Unwrap() {
			found = append(found, fields(location, sub)...)
		}
	default:
		if errors.As(err, &field) {
			return fields(location, errors.Unwrap(err))
		}
	}
	return found
}

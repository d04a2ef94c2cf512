// Package parser is the parser function: what syntax trees say about code, and what an FRD requires. It runs no code and asks no model.
package parser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/frd"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

type config struct {
	Concurrency int           `env:"QL_PARSER_CONCURRENCY"`                   // files read at the same time; 0: as many as there are processors
	FileTimeout time.Duration `env:"QL_PARSER_FILE_TIMEOUT" envDefault:"10s"` // for one file, whose turn has come; code that somebody wrote takes milliseconds
}

// Check is called by runner.Config.
func (c *config) Check() error {
	if c.Concurrency < 0 || c.Concurrency > 256 {
		return fmt.Errorf("QL_PARSER_CONCURRENCY: %d is not in 0 to 256", c.Concurrency)
	}
	if c.FileTimeout <= 0 {
		return fmt.Errorf("QL_PARSER_FILE_TIMEOUT: %s is not above 0", c.FileTimeout)
	}
	return nil
}

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	cfg, err := runner.Config[config](environ)
	if err != nil {
		return nil, err
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = runtime.GOMAXPROCS(0)
	}
	read, err := newReadings()
	if err != nil {
		return nil, err
	}
	p := &Parser{slots: semaphore.NewWeighted(int64(cfg.Concurrency)), timeout: cfg.FileTimeout, readings: read}
	return &runner.Service{Handler: p.Handler()}, nil
}

// Parser analyses files, a bounded number at the same time: a tree takes many times the memory of its file.
type Parser struct {
	slots    *semaphore.Weighted
	timeout  time.Duration // for one file
	readings *readings
}

// Handler is the HTTP interface.
func (p *Parser) Handler() http.Handler {
	fault.UseInHuma()
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("parser", "1")
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		switch t { // huma wants names that differ: pipeline has a File and a Field too
		case reflect.TypeFor[analysis.File]():
			return "AnalysedFile"
		case reflect.TypeFor[fault.Field]():
			return "ProblemField"
		}
		return huma.DefaultSchemaNamer(t, hint)
	})
	api := humago.New(mux, cfg)
	huma.Register(api, huma.Operation{OperationID: "analyse", Method: http.MethodPost, Path: analysis.AnalysesPath,
		Summary: "What files hold, and what is wrong with them", MaxBodyBytes: 64 << 20, BodyReadTimeout: -1,
	}, func(ctx context.Context, in *struct{ Body analysis.Request }) (*struct{ Body analysis.Report }, error) {
		report, err := p.Analyse(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &struct{ Body analysis.Report }{report}, nil
	})
	huma.Register(api, huma.Operation{OperationID: "read-requirements", Method: http.MethodPost, Path: analysis.RequirementsPath,
		Summary: "Requirements, entities, endpoints and commands out of an FRD", MaxBodyBytes: 8 << 20,
	}, func(_ context.Context, in *struct{ Body analysis.RequirementsRequest }) (*struct{ Body pipeline.Requirements }, error) {
		read, err := frd.Parse(in.Body.Markdown)
		if errors.Is(err, frd.ErrTooLarge) {
			return nil, fault.New(fault.TooLarge, "%w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the document: %w", err)
		}
		return &struct{ Body pipeline.Requirements }{read}, nil
	})
	return mux
}

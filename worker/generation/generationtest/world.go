package generationtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-capsule/quantumcapsule"
	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	natsserver "github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	temporalserver "github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation"
)

// World is everything that a worker calls: quantum-drops and quantum-capsule as they are, scripted stages and a scripted sandbox.
type World struct {
	server   *httptest.Server
	services []*runner.Service
	scripts  sync.Map // run → *Script
}

// NewWorld starts a world that keeps its data in dir.
func NewWorld(ctx context.Context, dir string) (*World, error) {
	w := &World{}
	mux := http.NewServeMux()
	w.server = httptest.NewServer(mux)
	drops, err := quantumdrops.New(ctx, runner.Environ{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "drops.db"), "QL_BLOBS_URL": "file://" + filepath.Join(dir, "blobs")})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("quantum-drops: %w", err), w.Close(ctx))
	}
	w.services = append(w.services, drops)
	mux.Handle("/drops/", http.StripPrefix("/drops", drops.Handler))
	capsules, err := quantumcapsule.New(ctx, runner.Environ{"QL_QUANTUM_DROPS_URL": w.DropsURL()})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("quantum-capsule: %w", err), w.Close(ctx))
	}
	mux.Handle("/capsule/", http.StripPrefix("/capsule", capsules.Handler))
	mux.HandleFunc("POST /sandbox/v1/verifications", w.sandbox)
	if err := w.stages(mux); err != nil {
		return nil, errors.Join(err, w.Close(ctx))
	}
	return w, nil
}

// Close ends the world; calls that go on are cut.
func (w *World) Close(ctx context.Context) error {
	w.server.CloseClientConnections()
	w.server.Close()
	var errs []error
	for _, s := range w.services {
		errs = append(errs, s.Close(ctx))
	}
	return errors.Join(errs...)
}

// DropsURL is the base URL of quantum-drops.
func (w *World) DropsURL() string { return w.server.URL + "/drops" }

// URL is the base of all that the world serves; ConfigAt makes a configuration of it.
func (w *World) URL() string { return w.server.URL }

// ConfigAt is the configuration of a worker in the world at a URL.
func ConfigAt(url string) generation.Config {
	return generation.Config{
		URLs:   services.URLs{Drops: url + "/drops", Sandbox: url + "/sandbox", Capsule: url + "/capsule"},
		Stages: url + "/stages/{stage}", Steps: 64,
	}
}

// Play lets the world answer to a run by a script.
func (w *World) Play(run string, s *Script) *Script {
	s.run = run
	w.scripts.Store(run, s)
	return s
}

// script finds the script of a run. It waits for it a while, since a run whose ID the platform makes is known only when it runs.
func (w *World) script(run string) (*Script, bool) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s, ok := w.scripts.Load(run); ok {
			return s.(*Script), true
		}
	}
	return nil, false
}

// Platform is a world with Temporal, NATS and a worker.
type Platform struct {
	*World
	Temporal *temporal.Server
	Events   *nats.Log
	Drops    *dropclient.Client
	Worker   *generation.Worker
}

// NewPlatform starts one that keeps its data in dir.
func NewPlatform(ctx context.Context, dir string) (p *Platform, err error) {
	p = &Platform{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close(ctx))
		}
	}()
	if p.World, err = NewWorld(ctx, dir); err != nil {
		return p, err
	}
	if p.Temporal, err = temporal.Open(ctx, temporal.Options{URL: "embedded:", DataDir: dir, Embedded: temporalserver.Start}); err != nil {
		return p, err
	}
	if p.Events, err = nats.Open(ctx, nats.Options{URL: "embedded:", DataDir: dir, Embedded: natsserver.Start}); err != nil {
		return p, err
	}
	cfg := ConfigAt(p.URL())
	p.Drops = dropclient.New(p.DropsURL())
	activities, err := cfg.Activities(p.Events)
	if err != nil {
		return p, err
	}
	p.Worker, err = generation.Start(p.Temporal.Client(), cfg.Steps, activities)
	return p, err
}

// Close stops what runs of the platform.
func (p *Platform) Close(ctx context.Context) error {
	if p.Worker != nil {
		p.Worker.Stop()
	}
	var errs []error
	if p.Events != nil {
		errs = append(errs, p.Events.Close())
	}
	if p.Temporal != nil {
		errs = append(errs, p.Temporal.Close(ctx))
	}
	if p.World != nil {
		errs = append(errs, p.World.Close(ctx))
	}
	return errors.Join(errs...)
}

// Main runs a package's tests with one platform for all, which it puts into keep. It is the body of TestMain.
func Main(m *testing.M, keep **Platform) int {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // tests look at answers and events
	dir, err := os.MkdirTemp("", "generationtest")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Println("removing the tests' folder:", err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if *keep, err = NewPlatform(ctx, dir); err != nil {
		fmt.Println("starting the platform for the tests:", err)
		return 1
	}
	code := m.Run()
	if err := (*keep).Close(context.Background()); err != nil {
		fmt.Println("stopping the platform for the tests:", err)
		return 1
	}
	return code
}

// Input is what a run is started with here.
func Input() workflow.Input {
	return workflow.Input{Tenant: "default", Attempt: 1, RepairRounds: workflow.DefaultRepairRounds,
		Request: pipeline.Request{Prompt: "A library that greets people by name.", Language: "go", Type: "library", Framework: "stdlib"}}
}

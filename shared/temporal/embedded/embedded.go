// Package embedded is the real Temporal server on an SQLite file, in this
// process.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	schema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/service/frontend"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"

	ours "github.com/quantumlayer-dev/quantumlayer/shared/temporal"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
	storeName   = "sqlite"
	// historyShards cannot change once a database was made. SQLite has one
	// writer at a time, so more than one shard would only cost goroutines.
	historyShards = 1
	// startAttempts: another process may take a port between finding it free and
	// listening on it.
	startAttempts = 5
	startTimeout  = 60 * time.Second
	readyPoll     = 5 * time.Millisecond
)

// services are the parts of the server that run. Its own worker is left out: it
// does batches, schedules and the care of large clusters.
var services = []primitives.ServiceName{
	primitives.FrontendService,
	primitives.HistoryService,
	primitives.MatchingService,
}

// dynamicConfig fits the server to one machine and one user.
var dynamicConfig = dynamicconfig.StaticClient{
	// Nothing about this installation goes to anybody.
	dynamicconfig.EnableServerVersionCheck.Key(): false,
	// Pools of workers, hundreds by default, for a database with one writer.
	dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  poolSize,
	dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            poolSize,
	dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               poolSize,
	dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             poolSize,
	dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():               1,
	dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1,
	dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,
	// How often a shard looks for new tasks. The default of 20 a second is meant
	// for hundreds of shards; for our one it would hold up each activity.
	dynamicconfig.TransferProcessorMaxPollRPS.Key():   pollsPerSecond,
	dynamicconfig.TimerProcessorMaxPollRPS.Key():      pollsPerSecond,
	dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): pollsPerSecond,
	// One partition: a task never waits in one that nobody polls.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	// Workflows kept in memory; by default 128,000.
	dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     1024,
	dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): 16 << 20,
	// The only client lists workflows for all users.
	dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 500,
}

const (
	poolSize       = 16
	pollsPerSecond = 1000
)

// running is a Temporal server in this process.
type running struct {
	server   temporal.Server
	state    *serverState
	database *database
	address  string // host:port of the frontend
}

// Start starts a server that keeps its state in the file path, which is created
// when missing, and waits until it is ready. It listens on loopback. A file that
// another process uses gives a *filelock.HeldError. It is the Embedded of the
// options of temporal.Open.
func Start(ctx context.Context, path string, logger *slog.Logger) (ours.Embedded, error) {
	database, err := openDatabase(ctx, path)
	if err != nil {
		return nil, err
	}
	server, err := startOn(ctx, database, logger)
	if err != nil {
		return nil, errors.Join(err, database.close())
	}
	return server, nil
}

func startOn(ctx context.Context, database *database, logger *slog.Logger) (*running, error) {
	if err := createNamespaceIn(database); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(len(services))
		if err != nil {
			return nil, err
		}
		e := &running{state: new(serverState), database: database, address: address(ports[0])}
		e.server, err = startServer(serverConfig(database, ports), serverLog{logger: logger, state: e.state})
		if err == nil {
			if err = waitReady(ctx, e.address); err != nil {
				return nil, errors.Join(err, e.stopServer())
			}
			return e, nil
		}
		if !isPortTaken(err) || attempt == startAttempts || ctx.Err() != nil {
			return nil, err
		}
	}
}

// Address is host:port of the frontend.
func (e *running) Address() string { return e.address }

// Stop leaves behind what the server does not let go of: some idle connections,
// with a goroutine each, and one to the database.
func (e *running) Stop() error {
	err := e.stopServer()
	return errors.Join(err, e.database.close())
}

func (e *running) stopServer() error {
	e.state.stopping.Store(true)
	return e.server.Stop()
}

// waitReady waits until the frontend answers for itself and what is behind it.
func waitReady(ctx context.Context, address string) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("the server is not ready after "+startTimeout.String()))
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	health := healthpb.NewHealthClient(connection)
	request := &healthpb.HealthCheckRequest{Service: frontend.WorkflowServiceName}
	for {
		answer, err := health.Check(ctx, request)
		if err == nil && answer.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(readyPoll):
		}
	}
}

// createNamespaceIn writes the namespace into the database, for a server that
// starts with it need not learn of it.
func createNamespaceIn(database *database) error {
	namespace, err := schema.NewNamespaceConfig(clusterName, ours.Namespace, false, ours.SearchAttributes)
	if err != nil {
		return fmt.Errorf("describe namespace: %w", err)
	}
	namespace.Detail.Config.Retention = durationpb.New(ours.Retention)
	if err := schema.CreateNamespaces(database.config(), namespace); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	return nil
}

// startServer builds and starts a server. It listens when it is built, so a taken
// port leaves nothing running.
func startServer(conf *config.Config, log serverLog) (temporal.Server, error) {
	server, err := buildServer(conf, log)
	if err != nil {
		return nil, err
	}
	err = server.Start()
	if fatal := log.state.fatalError(); fatal != nil {
		err = fatal
	}
	if err != nil {
		log.state.stopping.Store(true)
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

func buildServer(conf *config.Config, log serverLog) (server temporal.Server, err error) {
	log.state.building.Store(true)
	defer func() {
		log.state.building.Store(false)
		if reason := recover(); reason == log.state {
			err = log.state.fatalError()
		} else if reason != nil {
			panic(reason)
		}
	}()
	return temporal.NewServer(serverOptions(conf, log)...)
}

func serverOptions(conf *config.Config, log serverLog) []temporal.ServerOption {
	return []temporal.ServerOption{
		temporal.WithConfig(conf),
		temporal.ForServices(serviceNames()),
		temporal.WithStaticHosts(staticHosts(conf)),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(dynamicConfig),
	}
}

func serverConfig(database *database, ports []int) *config.Config {
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  storeName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{storeName: {SQL: database.config()}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(ports[0])},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address(ports[0])},
		Services:            map[string]config.Service{},
	}
	conf.Global.Membership.MaxJoinDuration = startTimeout
	conf.Global.Membership.BroadcastAddress = loopback
	for i, name := range services {
		conf.Services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: ports[i], BindOnIP: loopback}}
	}
	conf.Archival.History.State = "disabled"
	conf.Archival.Visibility.State = "disabled"
	conf.NamespaceDefaults.Archival.History.State = "disabled"
	conf.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return conf
}

func serviceNames() []string {
	names := make([]string, len(services))
	for i, name := range services {
		names[i] = string(name)
	}
	return names
}

// staticHosts makes the services find each other without asking around. The
// server wants a host for the worker service too.
func staticHosts(conf *config.Config) map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{
		primitives.WorkerService: static.SingleLocalHost(address(0)),
	}
	for _, name := range services {
		hosts[name] = static.SingleLocalHost(address(conf.Services[string(name)].RPC.GRPCPort))
	}
	return hosts
}

func address(port int) string {
	return net.JoinHostPort(loopback, strconv.Itoa(port))
}

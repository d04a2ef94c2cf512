package qdrant_test

import (
	"context"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// server is no Qdrant: it answers the four calls that the adapter makes as Qdrant's documentation says, from memory, with the
// real protocol on a real connection. What it does not know of Qdrant the tests cannot show.
type server struct {
	qdrant.UnimplementedCollectionsServer

	host string
	key  string // that calls must bring; empty: none

	mu          sync.Mutex
	collections map[string]*collection
	created     []string
}

type collection struct {
	config *qdrant.VectorsConfig
	points map[string]*qdrant.PointStruct
}

// serve starts a server on loopback that ends with the test.
func serve(t *testing.T, key string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{host: listener.Addr().String(), key: key, collections: map[string]*collection{}}
	g := grpc.NewServer(grpc.UnaryInterceptor(s.authenticate))
	qdrant.RegisterCollectionsServer(g, s)
	qdrant.RegisterPointsServer(g, points{of: s})
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) authenticate(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if s.key != "" && !slices.Equal(md.Get("api-key"), []string{s.key}) {
		return nil, status.Error(codes.Unauthenticated, "Invalid API key or JWT")
	}
	return handle(ctx, req)
}

func (s *server) find(name string) (*collection, error) {
	if c := s.collections[name]; c != nil {
		return c, nil
	}
	return nil, status.Errorf(codes.NotFound, "Not found: Collection `%s` doesn't exist!", name)
}

// Get answers what a collection is made of.
func (s *server) Get(_ context.Context, in *qdrant.GetCollectionInfoRequest) (*qdrant.GetCollectionInfoResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(in.GetCollectionName())
	if err != nil {
		return nil, err
	}
	return &qdrant.GetCollectionInfoResponse{Result: &qdrant.CollectionInfo{Config: &qdrant.CollectionConfig{
		Params: &qdrant.CollectionParams{VectorsConfig: c.config},
	}}}, nil
}

// Create makes a collection.
func (s *server) Create(_ context.Context, in *qdrant.CreateCollection) (*qdrant.CollectionOperationResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := in.GetCollectionName()
	if name == "" || len(name) > 255 || strings.ContainsAny(name, "<>:\"/\\|?*\x00\x1f") {
		return nil, status.Errorf(codes.InvalidArgument, "Validation error in body: [name: collection name cannot contain some of %q]", name)
	}
	if s.collections[name] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "Wrong input: Collection `%s` already exists!", name)
	}
	for vector, params := range in.GetVectorsConfig().GetParamsMap().GetMap() {
		if strings.ContainsAny(vector, "/\\\x00") || params.GetSize() < 1 || params.GetSize() > 65536 {
			return nil, status.Errorf(codes.InvalidArgument, "Wrong input: vector %q of size %d", vector, params.GetSize())
		}
	}
	s.collections[name] = &collection{in.GetVectorsConfig(), map[string]*qdrant.PointStruct{}}
	s.created = append(s.created, name)
	return &qdrant.CollectionOperationResponse{Result: true}, nil
}

// points is the other service of a server.
type points struct {
	qdrant.UnimplementedPointsServer
	of *server
}

func (p points) Upsert(_ context.Context, in *qdrant.UpsertPoints) (*qdrant.PointsOperationResponse, error) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	c, err := p.of.find(in.GetCollectionName())
	if err != nil {
		return nil, err
	}
	if !in.GetWait() {
		return nil, status.Error(codes.Unimplemented, "without wait the point could be found later only")
	}
	for _, point := range in.GetPoints() {
		id := point.GetId().GetUuid()
		if _, err := uuid.Parse(id); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "Unable to parse UUID: %s", id)
		}
		for name, vector := range point.GetVectors().GetVectors().GetVectors() {
			if err := c.check(name, vector.GetDense().GetData()); err != nil {
				return nil, err
			}
		}
		c.points[id] = point
	}
	return &qdrant.PointsOperationResponse{Result: &qdrant.UpdateResult{Status: qdrant.UpdateStatus_Completed}}, nil
}

func (p points) Query(_ context.Context, in *qdrant.QueryPoints) (*qdrant.QueryResponse, error) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	c, err := p.of.find(in.GetCollectionName())
	if err != nil {
		return nil, err
	}
	query := in.GetQuery().GetNearest().GetDense().GetData()
	if err := c.check(in.GetUsing(), query); err != nil {
		return nil, err
	}
	out := new(qdrant.QueryResponse)
	for _, point := range c.points {
		scored := &qdrant.ScoredPoint{Id: point.GetId(), Score: cosine(query, point.GetVectors().GetVectors().GetVectors()[in.GetUsing()].GetDense().GetData())}
		if in.GetWithPayload().GetEnable() {
			scored.Payload = point.GetPayload()
		}
		out.Result = append(out.Result, scored)
	}
	slices.SortFunc(out.Result, func(a, b *qdrant.ScoredPoint) int {
		switch {
		case a.GetScore() > b.GetScore():
			return -1
		case a.GetScore() < b.GetScore():
			return 1
		}
		return strings.Compare(a.GetId().GetUuid(), b.GetId().GetUuid())
	})
	out.Result = out.Result[:min(len(out.Result), int(in.GetLimit()))]
	return out, nil
}

func (c *collection) check(name string, vector []float32) error {
	params := c.config.GetParamsMap().GetMap()[name]
	if params == nil {
		return status.Errorf(codes.InvalidArgument, "Wrong input: Not existing vector name error: %s", name)
	}
	if params.GetSize() != uint64(len(vector)) {
		return status.Errorf(codes.InvalidArgument, "Wrong input: Vector dimension error: expected dim: %d, got %d", params.GetSize(), len(vector))
	}
	return nil
}

func cosine(a, b []float32) float32 {
	var product, normA, normB float64
	for i := range a {
		product += float64(a[i]) * float64(b[i])
		normA += float64(a[i]) * float64(a[i])
		normB += float64(b[i]) * float64(b[i])
	}
	return float32(product / math.Sqrt(normA*normB))
}

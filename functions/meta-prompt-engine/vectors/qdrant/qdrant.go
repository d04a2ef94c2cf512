// Package qdrant keeps vectors in Qdrant, over gRPC.
//
// A space's vectors are in the collection of its name, which is made when it is not there, with the space's kind as the name of its
// vectors. Where that collection holds vectors of another kind or length, the space has a collection of its own beside it,
// NAME@KIND@LENGTH.
package qdrant

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

// timeout is for one question to Qdrant.
const timeout = 10 * time.Second

// The payload of a point. Its ID is a UUID made of the document's, since Qdrant takes no other text.
const (
	idKey    = "id"
	aboutKey = "about"
	textKey  = "text"
)

var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("dev.quantumlayer/vectors"))

// Store is a vectors.Store in Qdrant. Make it with Open.
type Store struct {
	connection  *grpc.ClientConn
	collections qdrant.CollectionsClient
	points      qdrant.PointsClient

	mu    sync.Mutex
	homes map[home]string // collections that are known to be there
}

// home is what a collection is for.
type home struct {
	space  vectors.Space
	length int
}

var _ vectors.Store = (*Store)(nil)

// Close implements vectors.Store.
func (s *Store) Close() error { return s.connection.Close() }

// Put implements vectors.Store. It returns when the document can be found.
func (s *Store) Put(ctx context.Context, space vectors.Space, d vectors.Document, vector []float32) error {
	return s.in(ctx, home{space, len(vector)}, func(ctx context.Context, collection, name string) error {
		wait := true
		_, err := s.points.Upsert(ctx, &qdrant.UpsertPoints{CollectionName: collection, Wait: &wait, Points: []*qdrant.PointStruct{{
			Id:      qdrant.NewIDUUID(uuid.NewSHA1(namespace, []byte(d.ID)).String()),
			Vectors: qdrant.NewVectorsMap(map[string]*qdrant.Vector{name: qdrant.NewVectorDense(vector)}),
			Payload: map[string]*qdrant.Value{
				idKey: qdrant.NewValueString(d.ID), aboutKey: qdrant.NewValueString(d.About), textKey: qdrant.NewValueString(d.Text),
			},
		}}})
		return err
	})
}

// Nearest implements vectors.Store.
func (s *Store) Nearest(ctx context.Context, space vectors.Space, vector []float32, n int) ([]vectors.Document, error) {
	var docs []vectors.Document
	err := s.in(ctx, home{space, len(vector)}, func(ctx context.Context, collection, name string) error {
		limit := uint64(n)
		found, err := s.points.Query(ctx, &qdrant.QueryPoints{CollectionName: collection, Query: qdrant.NewQueryDense(vector), Using: &name,
			Limit: &limit, WithPayload: qdrant.NewWithPayload(true)})
		if err != nil {
			return err
		}
		for _, p := range found.GetResult() {
			if p.GetPayload()[idKey].GetStringValue() == "" {
				continue // not one of ours
			}
			docs = append(docs, vectors.Document{ID: p.GetPayload()[idKey].GetStringValue(), About: p.GetPayload()[aboutKey].GetStringValue(),
				Text: p.GetPayload()[textKey].GetStringValue(), Score: float64(p.GetScore())})
		}
		return nil
	})
	return docs, err
}

// in does something in the collection of a home. One that was removed while we knew it is made again, once.
func (s *Store) in(ctx context.Context, h home, do func(ctx context.Context, collection, vectorName string) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	known, err := s.attempt(limited, h, do)
	if known && status.Code(err) == codes.NotFound {
		s.mu.Lock()
		delete(s.homes, h)
		s.mu.Unlock()
		_, err = s.attempt(limited, h, do)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // a status of gRPC does not unwrap to it
		return fmt.Errorf("qdrant: %w", ctx.Err())
	}
	return fmt.Errorf("qdrant: %w", err)
}

func (s *Store) attempt(ctx context.Context, h home, do func(ctx context.Context, collection, vectorName string) error) (known bool, err error) {
	s.mu.Lock()
	collection, known := s.homes[h]
	s.mu.Unlock()
	if !known {
		if collection, err = s.settle(ctx, h); err != nil {
			return false, err
		}
		s.mu.Lock()
		s.homes[h] = collection
		s.mu.Unlock()
	}
	return known, do(ctx, collection, vectorName(h.space.Kind))
}

// settle finds the collection of a home, or makes it.
func (s *Store) settle(ctx context.Context, h home) (string, error) {
	own := fmt.Sprintf("%s@%s@%d", h.space.Collection, vectorName(h.space.Kind), h.length)
	var params *qdrant.VectorsConfig
	for _, collection := range []string{h.space.Collection, own} {
		var err error
		if params, err = s.vectorsOf(ctx, collection); status.Code(err) == codes.NotFound {
			params, err = s.create(ctx, collection, h)
		}
		if err != nil {
			return "", err
		}
		if fits(params, h) {
			return collection, nil
		}
	}
	return "", fmt.Errorf("collection %s was made by someone else: it holds %v, not cosine vectors %s of length %d", own, params, vectorName(h.space.Kind), h.length)
}

func fits(config *qdrant.VectorsConfig, h home) bool {
	params := config.GetParamsMap().GetMap()[vectorName(h.space.Kind)]
	return params.GetSize() == uint64(h.length) && params.GetDistance() == qdrant.Distance_Cosine
}

func (s *Store) vectorsOf(ctx context.Context, collection string) (*qdrant.VectorsConfig, error) {
	info, err := s.collections.Get(ctx, &qdrant.GetCollectionInfoRequest{CollectionName: collection})
	if err != nil {
		return nil, err
	}
	return info.GetResult().GetConfig().GetParams().GetVectorsConfig(), nil
}

// create gives what the collection holds afterwards: another process may have made it at the same time.
func (s *Store) create(ctx context.Context, collection string, h home) (*qdrant.VectorsConfig, error) {
	_, failed := s.collections.Create(ctx, &qdrant.CreateCollection{CollectionName: collection,
		VectorsConfig: qdrant.NewVectorsConfigMap(map[string]*qdrant.VectorParams{
			vectorName(h.space.Kind): {Size: uint64(h.length), Distance: qdrant.Distance_Cosine},
		})})
	config, err := s.vectorsOf(ctx, collection)
	if err != nil && failed != nil {
		return nil, failed
	}
	return config, err
}

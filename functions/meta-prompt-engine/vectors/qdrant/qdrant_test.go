package qdrant_test

import (
	"bytes"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "github.com/qdrant/go-client/qdrant"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/qdrant"
	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors/vectorstest"
)

func open(t *testing.T, o qdrant.Options) *qdrant.Store {
	t.Helper()
	s, err := qdrant.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the suite has closed its own already
	return s
}

func TestConformanceOnScriptedQdrantServer(t *testing.T) {
	t.Parallel()
	vectorstest.Run(t, func(t *testing.T) vectors.Store { return open(t, qdrant.Options{URL: "qdrant://" + serve(t, "").host}) })
}

var lexical = vectors.Space{Collection: "prompts", Kind: vectors.Lexical}

func put(t *testing.T, s vectors.Store, space vectors.Space, vector ...float32) {
	t.Helper()
	if err := s.Put(t.Context(), space, vectors.Document{ID: "a", Text: "x"}, vector); err != nil {
		t.Fatal(err)
	}
}

// The first kind of vectors has the collection's plain name, others have one beside it, and that stays so for other processes.
func TestCollectionsOnScriptedQdrantServer(t *testing.T) {
	t.Parallel()
	server := serve(t, "")
	samples := vectors.Space{Collection: "code_samples", Kind: "embedding:small"}
	for range 2 {
		s := open(t, qdrant.Options{URL: "qdrant://" + server.host})
		put(t, s, samples, 1, 0)
		put(t, s, lexical, 1, 0, 0)
		put(t, s, vectors.Space{Collection: "code_samples", Kind: vectors.Lexical}, 1, 0, 0)
		put(t, s, samples, 1, 0, 0)
	}
	want := []string{"code_samples", "prompts", "code_samples@lexical@3", "code_samples@embedding_small-c1065701@3"}
	if diff := cmp.Diff(want, server.created); diff != "" {
		t.Errorf("collections made (-want +got):\n%s", diff)
	}
}

// Two processes see each other's documents.
func TestTwoProcessesOnScriptedQdrantServer(t *testing.T) {
	t.Parallel()
	url := "qdrant://" + serve(t, "").host
	put(t, open(t, qdrant.Options{URL: url}), lexical, 1, 0)
	if found, err := open(t, qdrant.Options{URL: url}).Nearest(t.Context(), lexical, []float32{1, 0}, 5); err != nil || len(found) != 1 {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestACollectionThatIsRemovedIsMadeAgainOnScriptedQdrantServer(t *testing.T) {
	t.Parallel()
	server := serve(t, "")
	s := open(t, qdrant.Options{URL: "qdrant://" + server.host})
	put(t, s, lexical, 1, 0)
	server.mu.Lock()
	clear(server.collections)
	server.mu.Unlock()
	put(t, s, lexical, 1, 0)
	if found, err := s.Nearest(t.Context(), lexical, []float32{1, 0}, 5); err != nil || len(found) != 1 {
		t.Errorf("found %+v, %v", found, err)
	}
}

// Collections that others have made stay as they are.
func TestForeignCollectionsOnScriptedQdrantServer(t *testing.T) {
	t.Parallel()
	server := serve(t, "")
	unnamed := client.NewVectorsConfig(&client.VectorParams{Size: 2, Distance: client.Distance_Cosine})
	server.collections["prompts"] = &collection{unnamed, map[string]*client.PointStruct{}}
	s := open(t, qdrant.Options{URL: "qdrant://" + server.host})
	put(t, s, lexical, 1, 0)
	if want := []string{"prompts@lexical@2"}; !slices.Equal(server.created, want) || len(server.collections["prompts"].points) != 0 {
		t.Errorf("made %v, want %v", server.created, want)
	}
	server.collections["prompts@lexical@3"] = server.collections["prompts"]
	err := s.Put(t.Context(), lexical, vectors.Document{ID: "a"}, []float32{1, 0, 0})
	if err == nil || !strings.Contains(err.Error(), "prompts@lexical@3 was made by someone else") || !strings.Contains(err.Error(), "of length 3") {
		t.Errorf("both names taken: %v", err)
	}
}

// Not parallel: it reads the log.
func TestTheKeyIsSentAndNeverShownOnScriptedQdrantServer(t *testing.T) {
	const key = "never-to-be-seen"
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	host := serve(t, key).host
	for name, o := range map[string]qdrant.Options{
		"in the URL":           {URL: "qdrant://:" + key + "@" + host},
		"beside the URL":       {URL: "qdrant://" + host, APIKey: key},
		"instead of the URL's": {URL: "qdrant://:other@" + host, APIKey: key},
	} {
		if err := open(t, o).Put(t.Context(), lexical, vectors.Document{ID: "a"}, []float32{1}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []qdrant.Options{{URL: "qdrant://" + host}, {URL: "qdrant://:wrong-" + key + "@" + host}, {URL: "qdrants://:" + key + "@" + host}} {
		_, err := open(t, o).Nearest(t.Context(), lexical, []float32{1}, 1)
		if err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("a wrong key, or a server without TLS: %v", err)
		}
	}
	if strings.Contains(log.String(), key) {
		t.Errorf("the log has the key:\n%s", &log)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	_ = listener.Close()
	_, err = open(t, qdrant.Options{URL: "qdrant://:secret@" + host}).Nearest(t.Context(), lexical, []float32{1}, 1)
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestWrongURLs(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "memory:", "qdrant:", "qdrant://", "qdrant://:6334", "http://host", "qdrant://secret@host", "qdrant://:secret@host:port", "qdrant://:sec/ret@host",
		"qdrant://:sec#ret@host", "qdrant://host?api_key=secret", "qdrant://%zz:secret@host", "qdrant://host/secret",
	} {
		s, err := qdrant.Open(qdrant.Options{URL: raw})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "qdrant://") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

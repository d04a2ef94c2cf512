package qdrant

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Forms is what to write into a URL of this store.
const Forms = "qdrant://[:API_KEY@]HOST[:PORT] or qdrants:// for TLS"

const defaultPort = "6334" // of gRPC

// Options say which Qdrant.
type Options struct {
	URL    string // see Forms
	APIKey string // in the place of the URL's; empty: that one
}

// Open makes the store; Qdrant is first asked when there is a text. Errors repeat nothing of the URL, whose key may be anywhere
// in one that is wrong.
func Open(o Options) (*Store, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "qdrant" && u.Scheme != "qdrants" || u.Hostname() == "" || u.User.Username() != "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("write " + Forms)
	}
	key, _ := u.User.Password()
	if o.APIKey != "" {
		key = o.APIKey
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	transport := insecure.NewCredentials()
	if u.Scheme == "qdrants" {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	connection, err := grpc.NewClient(net.JoinHostPort(u.Hostname(), port),
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(apiKey(key)),
		// A connection that is dead is found while a question waits for it.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: timeout}))
	if err != nil {
		return nil, fmt.Errorf("qdrant at %s: %w", net.JoinHostPort(u.Hostname(), port), err)
	}
	return &Store{connection: connection, collections: qdrant.NewCollectionsClient(connection), points: qdrant.NewPointsClient(connection),
		homes: map[home]string{}}, nil
}

// apiKey goes with each call; empty: none does.
type apiKey string

func (k apiKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if k == "" {
		return nil, nil
	}
	return map[string]string{"api-key": string(k)}, nil
}

// RequireTransportSecurity leaves it to the URL: inside a cluster a mesh may encrypt.
func (apiKey) RequireTransportSecurity() bool { return false }

// nameLimit is in bytes. Qdrant takes 255 for a collection, and makes names of files of them.
const nameLimit = 100

// vectorName is a kind with letters, digits and .-_ only, since kinds hold names of models such as BAAI/bge-m3. One that had to be
// changed ends with a part of its hash.
func vectorName(kind string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, kind)
	if name == kind && len(name) <= nameLimit {
		return name
	}
	sum := sha256.Sum256([]byte(kind))
	return name[:min(len(name), nameLimit)] + "-" + hex.EncodeToString(sum[:4])
}

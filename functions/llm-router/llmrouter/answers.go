package llmrouter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/memory"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/redis"
)

// openAnswers opens the cache of QL_CACHE_URL.
func openAnswers(cfg config) (*cache.Cache, error) {
	switch {
	case cfg.CacheBytes < 0:
		return nil, errors.New("QL_CACHE_BYTES must not be below 0")
	case cfg.CacheTTL <= 0:
		return nil, errors.New("QL_CACHE_TTL must be over 0; QL_CACHE_BYTES=0 keeps nothing")
	}
	store, err := openStore(cfg)
	if err != nil {
		return nil, fmt.Errorf("QL_CACHE_URL: %w", err)
	}
	return cache.New(store), nil
}

func openStore(cfg config) (cache.Store, error) {
	scheme, rest, _ := strings.Cut(cfg.Cache, ":")
	switch {
	case scheme == "memory" && rest == "":
		if cfg.CacheBytes == 0 {
			return nil, nil
		}
		return memory.Open(cfg.CacheBytes, cfg.CacheTTL)
	case scheme == "redis", scheme == "rediss":
		store, err := redis.Open(redis.Options{URL: cfg.Cache, Password: cfg.CachePassword, TTL: cfg.CacheTTL})
		if err == nil && cfg.CacheBytes == 0 {
			return nil, store.Close()
		}
		return store, err
	}
	// What has no known scheme may begin with a password.
	return nil, errors.New("write memory: or " + redis.Forms)
}

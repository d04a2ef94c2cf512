// Package redis keeps answers in Redis, where all replicas of a router find them. An answer that one replica asks for is waited
// for by the others: the one that asks holds a lease, a key that lapses soon after its holder has died.
//
// How much is kept is for the server to say (maxmemory, with a policy that evicts, such as allkeys-lru); here each answer has
// its time.
package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Forms is what to write into a URL of this store.
const Forms = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or rediss:// for TLS"

const (
	// commandTimeout is the longest that a request waits for Redis. An answer is at most a MiB.
	commandTimeout = time.Second
	// lease is how long the others wait for a replica that has died; it is renewed thrice in that time.
	lease = 6 * time.Second
	// poll is how often a replica that waits looks for the answer.
	poll = 100 * time.Millisecond
)

// The library would write what goes wrong to standard error, time and again; see health.
func init() { logging.Disable() }

// Options say which Redis and how long.
type Options struct {
	URL      string        // see Forms
	Password string        // in the place of the URL's; empty: that one
	TTL      time.Duration // how long an answer is kept after it was written, over 0
}

// Store is a cache.Store in Redis. Make it with Open.
type Store struct {
	client *redis.Client
	ttl    time.Duration
	health health
}

// Open makes the store; Redis is first asked when there is a question. Errors repeat nothing of the URL, whose password may be
// anywhere in one that is wrong.
func Open(o Options) (*Store, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("write " + Forms)
	}
	options, err := redis.ParseURL(o.URL)
	if err != nil || options.DB < 0 {
		return nil, errors.New("write " + Forms)
	}
	if o.Password != "" {
		options.Password = o.Password
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = commandTimeout, commandTimeout, commandTimeout
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	options.MaxRetries = 1 // for a connection that was cut while it was idle
	options.ReadBufferSize, options.WriteBufferSize = 4<<10, 4<<10
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Store{client: redis.NewClient(options), ttl: o.TTL}, nil
}

// names of the two keys of a question. The braces keep them on one node of a cluster. The number is raised with the format.
func names(key string) (answer, lease string) {
	return "ql:llm:1:{" + key + "}:answer", "ql:llm:1:{" + key + "}:lease"
}

var (
	// take gives the answer, or who holds the lease, which is ARGV[1] from now on if nobody did.
	take = redis.NewScript(`
local answer = redis.call('GET', KEYS[1])
if answer then return {answer, ''} end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return {'', redis.call('GET', KEYS[2])}`)
	// renew and release leave the lease of another alone.
	renew   = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`)
	release = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)
)

// Take implements cache.Store. It waits for one holder of the lease only: if that one has no answer to keep, such as one that
// was cut, those who waited ask at the same time, since in turn the last would wait for all.
func (s *Store) Take(ctx context.Context, key string) (*llm.Response, func()) {
	answerName, leaseName := names(key)
	own, awaited := rand.Text(), ""
	for {
		var found []string
		if !s.try(ctx, func(ctx context.Context) (err error) {
			found, err = take.Run(ctx, s.client, []string{answerName, leaseName}, own, lease.Milliseconds()).StringSlice()
			if err == nil && len(found) != 2 {
				err = fmt.Errorf("%d values for 2", len(found))
			}
			return err
		}) {
			return nil, func() {}
		}
		kept, holder := found[0], found[1]
		switch {
		case kept != "":
			return s.decode(ctx, kept)
		case holder == own:
			return nil, s.hold(ctx, leaseName, own)
		case awaited != "" && awaited != holder:
			return nil, func() {}
		}
		awaited = holder
		select {
		case <-ctx.Done():
			return nil, func() {}
		case <-time.After(poll):
		}
	}
}

// decode takes what cannot be read for an answer that is not there: the next one takes its place.
func (s *Store) decode(ctx context.Context, kept string) (*llm.Response, func()) {
	answer := new(llm.Response)
	if err := json.Unmarshal([]byte(kept), answer); err != nil {
		s.health.failed(ctx, fmt.Errorf("an answer in Redis cannot be read: %w", err), 0)
		return nil, func() {}
	}
	return answer, nil
}

// hold renews the lease until done.
func (s *Store) hold(ctx context.Context, name, own string) (done func()) {
	ctx = context.WithoutCancel(ctx) // done is called by who was cancelled, too
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ended:
				return
			case <-time.After(lease / 3):
				s.try(ctx, func(ctx context.Context) error {
					return renew.Run(ctx, s.client, []string{name}, own, lease.Milliseconds()).Err()
				})
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
		s.try(ctx, func(ctx context.Context) error { return release.Run(ctx, s.client, []string{name}, own).Err() })
	}
}

// Put implements cache.Store.
func (s *Store) Put(ctx context.Context, key string, answer llm.Response) {
	name, _ := names(key)
	s.try(ctx, func(ctx context.Context) error {
		raw, err := json.Marshal(answer)
		if err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
		return s.client.Set(ctx, name, raw, s.ttl).Err()
	})
}

// Close implements cache.Store.
func (s *Store) Close() error { return s.client.Close() }

// try gives Redis something to do, unless it failed a moment ago, and says whether that was done. It waits at most commandTimeout.
func (s *Store) try(ctx context.Context, do func(context.Context) error) bool {
	if s.health.pausing() {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	err := do(limited)
	if err == nil {
		s.health.answered(ctx)
		return true
	}
	if ctx.Err() == nil { // else the caller has left, which says nothing about Redis
		s.health.failed(ctx, err, pause)
	}
	return false
}

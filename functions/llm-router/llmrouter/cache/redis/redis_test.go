package redis_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/cachetest"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/redis"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

func TestMain(m *testing.M) {
	// The supervisors of the test's servers end with the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"))
}

func open(t *testing.T, o redis.Options) *redis.Store {
	t.Helper()
	s, err := redis.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// replica is the cache of one router of several.
func replica(t *testing.T, url string) *cache.Cache {
	t.Helper()
	return cachetest.New(t, open(t, redis.Options{URL: url, TTL: time.Minute}))
}

func says(text string, reason llm.FinishReason, calls *atomic.Int32) cache.Ask {
	return func(_ context.Context, each func(string) error) (llm.Response, error) {
		calls.Add(1)
		return llm.Response{Text: text, FinishReason: reason}, each(text)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	server := testservices.Redis(t)
	cachetest.Run(t, func(t *testing.T, ttl time.Duration) cache.Store {
		return open(t, redis.Options{URL: server, TTL: ttl})
	})
}

func TestReplicasShareAnswers(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	var calls atomic.Int32
	for i := range 3 {
		got, err := replica(t, server).Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls))
		if err != nil || got.Text != "x" || got.Cached != (i > 0) {
			t.Errorf("replica %d: %+v, %v", i, got, err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls, want 1", calls.Load())
	}
}

// All replicas ask while the first one's call is running.
func TestReplicasShareACall(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	var calls, cached atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	ask := func(_ context.Context, each func(string) error) (llm.Response, error) {
		if calls.Add(1) == 1 {
			close(begun)
		}
		<-release
		return llm.Response{Text: "x", FinishReason: llm.Stop}, each("x")
	}
	var group sync.WaitGroup
	wait := func() {
		var heard strings.Builder
		got, err := replica(t, server).Do(t.Context(), key, false, func(s string) error { heard.WriteString(s); return nil }, ask)
		if err != nil || got.Text != "x" || heard.String() != "x" {
			t.Errorf("%+v, heard %q, %v", got, heard.String(), err)
		}
		if got.Cached {
			cached.Add(1)
		}
	}
	group.Go(wait)
	<-begun
	for range 4 {
		group.Go(wait)
	}
	time.Sleep(7 * time.Second) // longer than the lease, which has to be renewed
	close(release)
	group.Wait()
	if calls.Load() != 1 || cached.Load() != 4 {
		t.Errorf("%d calls, %d paid nothing; want 1 and 4", calls.Load(), cached.Load())
	}
}

// An answer that is not kept, such as a cut one, leaves those who waited to ask by themselves, at the same time.
func TestReplicasThatWaitedInVainAsk(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	var calls atomic.Int32
	begun, release, all := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ask := func(context.Context, func(string) error) (llm.Response, error) {
		switch calls.Add(1) {
		case 1:
			close(begun)
			<-release
		case 4:
			close(all)
			fallthrough
		default:
			<-all
		}
		return llm.Response{Text: "x", FinishReason: llm.Length}, nil
	}
	var group sync.WaitGroup
	wait := func() {
		if got, err := replica(t, server).Do(t.Context(), key, false, nil, ask); err != nil || got.Cached {
			t.Errorf("%+v, %v", got, err)
		}
	}
	group.Go(wait)
	<-begun
	for range 3 {
		group.Go(wait)
	}
	time.Sleep(500 * time.Millisecond) // until they wait; if not, the test shows less
	close(release)
	group.Wait()
	if calls.Load() != 4 {
		t.Errorf("%d calls, want 4", calls.Load())
	}
}

func TestADeadReplicaIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	// A replica that dies leaves its lease.
	client := dial(t, server)
	if err := client.Set(t.Context(), "ql:llm:1:{"+key+"}:lease", "dead", 300*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	if got, err := replica(t, server).Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls)); err != nil || got.Cached || calls.Load() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	// Nothing but the answer stays behind, and that for its time.
	names, err := client.Keys(t.Context(), "*"+key+"*").Result()
	if err != nil || len(names) != 1 || client.PTTL(t.Context(), names[0]).Val() <= 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestWhoWaitsCanLeave(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	if err := dial(t, server).Set(t.Context(), "ql:llm:1:{"+key+"}:lease", "another", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var calls atomic.Int32
	if _, err := replica(t, server).Do(ctx, key, false, nil, says("x", llm.Stop, &calls)); !errors.Is(err, context.DeadlineExceeded) || calls.Load() != 0 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestWhatCannotBeReadIsReplaced(t *testing.T) {
	t.Parallel()
	server, key := testservices.Redis(t), rand.Text()
	if err := dial(t, server).Set(t.Context(), "ql:llm:1:{"+key+"}:answer", "{", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	for i := range 2 {
		if got, err := replica(t, server).Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls)); err != nil || got.Cached != (i == 1) {
			t.Errorf("time %d: %+v, %v", i+1, got, err)
		}
	}
}

// A Redis that is away costs no request, is logged once, and is used again when it is back. Not parallel: it reads the log.
func TestARedisThatIsDownFailsNoRequest(t *testing.T) {
	log := captureLog(t)
	server, stop := testservices.OwnRedis(t)
	m := replica(t, server)
	stop()
	var calls atomic.Int32
	for range 20 {
		if got, err := m.Do(t.Context(), "k", false, nil, says("x", llm.Stop, &calls)); err != nil || got.Cached {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if n := strings.Count(log.String(), "cache of answers fails"); calls.Load() != 20 || n != 1 {
		t.Errorf("%d calls, logged %d times, want 20 and 1:\n%s", calls.Load(), n, log)
	}
}

// A server that takes connections and says nothing is worse than none: only the first request may wait for it.
func TestASilentRedisIsWaitedForOnce(t *testing.T) {
	log := captureLog(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			t.Cleanup(func() { _ = connection.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); accepting.Wait() })
	m := replica(t, "redis://"+listener.Addr().String())
	var calls atomic.Int32
	if _, err := m.Do(t.Context(), "k", false, nil, says("x", llm.Stop, &calls)); err != nil {
		t.Fatal(err)
	}
	first := asked.Load()
	for range 20 {
		if _, err := m.Do(t.Context(), "k", false, nil, says("x", llm.Stop, &calls)); err != nil {
			t.Fatal(err)
		}
	}
	if first == 0 || asked.Load() != first || calls.Load() != 21 || strings.Count(log.String(), "cache of answers fails") != 1 {
		t.Errorf("%d connections at first, %d later, %d calls:\n%s", first, asked.Load(), calls.Load(), log)
	}
}

func TestRedisIsUsedAgainWhenItIsBack(t *testing.T) {
	log := captureLog(t)
	server := testservices.Redis(t)
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	// The address refuses until something listens there again.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	m, key := replica(t, "redis://"+address), rand.Text()
	var calls atomic.Int32
	if got, err := m.Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls)); err != nil || got.Cached {
		t.Fatalf("%+v, %v", got, err)
	}
	forward(t, address, target.Host)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got, err := m.Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("still without cache: %v", err)
		}
		if got.Cached {
			break
		}
	}
	if !strings.Contains(log.String(), "works again") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}

func TestThePasswordIsUsedAndNeverShown(t *testing.T) {
	log := captureLog(t)
	server, _ := testservices.OwnRedis(t)
	const password = "never-to-be-seen"
	if err := dial(t, server).ConfigSet(t.Context(), "requirepass", password).Err(); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server, "redis://")
	works := func(o redis.Options) bool {
		o.TTL = time.Minute
		m, key := cachetest.New(t, open(t, o)), rand.Text()
		var calls atomic.Int32
		for range 2 {
			if _, err := m.Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls)); err != nil {
				t.Fatal(err)
			}
		}
		return calls.Load() == 1
	}
	for name, o := range map[string]redis.Options{
		"in the URL":           {URL: "redis://:" + password + "@" + host},
		"beside the URL":       {URL: server, Password: password},
		"instead of the URL's": {URL: "redis://default:other@" + host, Password: password},
	} {
		if !works(o) {
			t.Errorf("%s: answers are not kept", name)
		}
	}
	if works(redis.Options{URL: server}) || works(redis.Options{URL: "redis://:wrong-" + password + "@" + host}) {
		t.Error("answers are kept without the password")
	}
	if n := strings.Count(log.String(), "cache of answers fails"); n != 2 || strings.Contains(log.String(), password) {
		t.Errorf("logged %d times, or with the password:\n%s", n, log)
	}
}

func TestWrongURLs(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "memory:", "redis:", "redis://", "redis:///1", "http://host", "redis://user:secret@host/x", "redis://user:secret@host/1/2", "redis://user:secret@host/-1",
		"redis://user:secret@host:port", "redis://user:sec#ret@host", "redis://user:sec/ret@host", "redis://host?password=secret", "redis://%zz:secret@host", "unix:///tmp/secret",
	} {
		s, err := redis.Open(redis.Options{URL: raw, TTL: time.Minute})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "redis://") || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func dial(t *testing.T, server string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(server)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// captureLog collects what is logged for the test. It is no test that runs beside others.
func captureLog(t *testing.T) *lockedBuffer {
	log, before := new(lockedBuffer), slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return log
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// forward makes what listens on target answer on address too, until the test ends.
func forward(t *testing.T, address, target string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				group.Go(func() {
					defer pair[0].Close()
					defer pair[1].Close()
					_, _ = pair[1].(*net.TCPConn).ReadFrom(pair[0])
				})
			}
		}
	})
	// First the caches are closed, so the connections end: cleanups run in reverse order.
	t.Cleanup(func() { _ = listener.Close() })
}

package s3_test

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/blobtest"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3/s3test"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// place is a bucket of the suite, or a prefix in it.
type place struct {
	s3test.Bucket
	prefix string
}

func (p place) Open(t *testing.T) blob.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), strings.Replace(p.URL, "?", "/"+p.prefix+"?", 1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p place) Overwrite(t *testing.T, digest string, body []byte) {
	t.Helper()
	key := p.prefix + digest[:2] + "/" + digest[2:4] + "/" + digest
	if _, err := p.Client.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &p.Name, Key: &key}); err != nil {
		t.Fatalf("no object where bodies are kept: %v", err)
	}
	if _, err := p.Client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &p.Name, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{"bucket": "", "prefix": "team a/blobs/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blobtest.Run(t, func(t *testing.T) blobtest.Place { return place{s3test.New(t), prefix} })
		})
	}
}

// What is gone later on is told as what it is: it must not look as if only a body were missing.
func TestTheBucketIsGone(t *testing.T) {
	t.Parallel()
	bucket := s3test.New(t)
	s := place{Bucket: bucket}.Open(t)
	if _, err := bucket.Client.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: &bucket.Name}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(t.Context(), blob.Digest(nil))
	if err == nil || strings.Contains(err.Error(), blob.ErrNotFound.Error()) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("Get: %v", err)
	}
	if err := s.Put(t.Context(), blob.Digest(nil), nil); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("Put: %v", err)
	}
}

func TestCannotOpen(t *testing.T) {
	t.Parallel()
	bucket := s3test.New(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	answering := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return "s3://bucket?region=us-east-1&endpoint=" + server.URL
	}
	for name, tc := range map[string]struct {
		url, says   string
		unreachable bool
	}{
		"no such bucket": {strings.Replace(bucket.URL, bucket.Name, "ql-no-such-bucket", 1), `no bucket "ql-no-such-bucket"`, false},
		"nobody there":   {"s3://bucket?region=us-east-1&endpoint=http://" + nobody, "the S3 server of bucket \"bucket\" does not answer: connect: connection refused (check", true},
		"no host":        {"s3://bucket?region=us-east-1&endpoint=http://no-such-host.invalid", "does not answer", true},
		"starting":       {answering(http.StatusServiceUnavailable), "503", true},
		"broken":         {answering(http.StatusInternalServerError), "500", true},
		"not ours":       {answering(http.StatusForbidden), "s3:ListBucket", false},
		"a bad request":  {answering(http.StatusBadRequest), "asking for bucket", false},
		"no region":      {"s3://bucket", "AWS_REGION", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s3.Open(t.Context(), tc.url)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want one that says %q", err, tc.says)
			}
			if got := fault.Is(err, fault.Unavailable); got != tc.unreachable {
				t.Errorf("unavailable is %t: %v", got, err)
			}
		})
	}
}

// Without credentials nothing is sent to the server: waiting for it would be no use.
func TestNoCredentials(t *testing.T) {
	bucket := s3test.New(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := s3.Open(t.Context(), bucket.URL); err == nil || fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	// On a machine of Amazon's the SDK asks there, and nobody answers here.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+ln.Addr().String())
	if _, err := s3.Open(t.Context(), bucket.URL); err == nil || fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWrongCredentials(t *testing.T) {
	bucket := s3test.New(t)
	const secret = "never-to-be-seen"
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	if _, err := s3.Open(t.Context(), bucket.URL); err == nil || !strings.Contains(err.Error(), "s3:ListBucket") || strings.Contains(err.Error(), secret) {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]s3.Place{
		"s3://bucket":                                      {Bucket: "bucket"},
		"s3://bucket/a/b/?region=r":                        {Bucket: "bucket", Prefix: "a/b", Region: "r"},
		"s3://b?endpoint=http://h:9000":                    {Bucket: "b", Endpoint: "http://h:9000", PathStyle: true},
		"s3://b?endpoint=https%3A%2F%2Fh&path_style=false": {Bucket: "b", Endpoint: "https://h"},
		"s3://b?path_style=true":                           {Bucket: "b", PathStyle: true},
	} {
		got, err := s3.ParseURL(url)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", url, err, diff)
		}
	}
	for url, says := range map[string]string{
		"s3:":                               "s3://BUCKET",
		"s3:///prefix":                      "s3://BUCKET",
		"s3://b#c":                          "s3://BUCKET",
		"s3://b%zz:secret@x":                "s3://BUCKET",
		"http://b":                          "s3://BUCKET",
		"s3://key:secret@bucket":            "no credentials",
		"s3://b?endpoint=h:9000":            "endpoint",
		"s3://b?endpoint=http://k:secret@h": "endpoint",
		"s3://b?path_style=secret":          "path_style",
		"s3://b?secret_key=secret":          `"secret_key"`,
		"s3://b?region=%zz":                 "query",
	} {
		_, err := s3.ParseURL(url)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(strings.ReplaceAll(err.Error(), "secret_key", ""), "secret") {
			t.Errorf("%s: %v, want one that says %q", url, err, says)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"s3://bucket/p?region=r", "s3://b?endpoint=http://h:1&path_style=no", "s3://k:s@b", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := s3.ParseURL(raw)
		if err == nil && (p.Bucket == "" || strings.HasPrefix(p.Prefix, "/")) {
			t.Errorf("%q: %+v", raw, p)
		}
	})
}

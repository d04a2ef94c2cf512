// Package s3test gives tests buckets on a real S3 server.
package s3test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

const region = "us-east-1"

// Bucket is a new, empty bucket.
type Bucket struct {
	URL    string // what Open of package s3 takes
	Name   string
	Client *s3.Client
}

// New makes a bucket. The server's key goes into the environment of the test process, since a store finds it nowhere else.
func New(t testing.TB) Bucket {
	t.Helper()
	server, err := url.Parse(testservices.S3(t))
	if err != nil || server.User == nil {
		t.Fatalf("%s is not of the form http://ACCESS_KEY:SECRET@HOST:PORT", testservices.S3Variable)
	}
	access := server.User.Username()
	secret, _ := server.User.Password()
	server.User = nil
	setCredentials(access, secret)
	b := Bucket{Name: "ql-test-" + strings.ToLower(rand.Text())}
	b.URL = "s3://" + b.Name + "?" + url.Values{"endpoint": {server.String()}, "region": {region}}.Encode()
	b.Client = s3.New(s3.Options{
		BaseEndpoint: aws.String(server.String()), Region: region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, nil
		}),
	})
	if _, err := b.Client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.Name}); err != nil {
		t.Fatalf("create a bucket for the test: %v", err)
	}
	return b
}

var once sync.Once

// setCredentials does it once, so that tests may run at the same time. What the user of this machine has configured for AWS is
// not looked at.
func setCredentials(access, secret string) {
	once.Do(func() {
		for name, value := range map[string]string{
			"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
			"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		} {
			if err := os.Setenv(name, value); err != nil {
				panic(err) // a name or value with a zero byte, which none is
			}
		}
	})
}

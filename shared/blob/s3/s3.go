// Package s3 keeps blobs as objects in a bucket of S3, or of a server that speaks its protocol: PREFIX/ab/cd/abcd…, one
// object a body, so that a folder of package file copies into a bucket as it is.
package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Store is a blob.Store in a bucket. Make it with Open.
type Store struct {
	client         *s3.Client
	bucket, prefix string
}

var _ blob.Store = (*Store)(nil)

// Open opens the bucket of a URL, see ParseURL, and asks the server for it once: a bucket that is not there, or not ours, is
// found here and not by the first body. A server that does not answer is fault.Unavailable. Credentials come from where the AWS SDK
// looks for them, never from the URL.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	place, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	// The digest is checked here, so a checksum of the server's would only be a second one.
	options := []func(*config.LoadOptions) error{config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired)}
	if place.Region != "" {
		options = append(options, config.WithRegion(place.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no region for the bucket: write s3://BUCKET?region=REGION, or set AWS_REGION")
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if place.Endpoint != "" {
			o.BaseEndpoint = &place.Endpoint
		}
		o.UsePathStyle = place.PathStyle
	})
	s := &Store{client: client, bucket: place.Bucket, prefix: place.Prefix}
	return s, s.check(ctx)
}

// check needs the right s3:ListBucket. Without it a body that is not there would look like one that is forbidden.
func (s *Store) check(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	var refused *awshttp.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.HTTPStatusCode() == http.StatusNotFound:
		return fmt.Errorf("there is no bucket %q: %w", s.bucket, err)
	case errors.As(err, &refused) && refused.HTTPStatusCode() == http.StatusForbidden:
		return fmt.Errorf("the credentials may not use bucket %q, they need s3:ListBucket, s3:GetObject and s3:PutObject: %w", s.bucket, err)
	}
	if cause, ok := unanswered(err); ok {
		return fault.New(fault.Unavailable, "the S3 server of bucket %q does not answer: %w", s.bucket, cause).
			WithHint("check region and endpoint in the URL, and that the server runs")
	}
	return fmt.Errorf("asking for bucket %q: %w", s.bucket, err)
}

// unanswered says whether a call failed because the server did not answer, or only that it cannot at the moment, and gives the part
// of the error that tells it.
func unanswered(err error) (cause error, ok bool) {
	var (
		call   *smithy.OperationError
		other  *smithy.OperationError
		answer *awshttp.ResponseError
		sent   *smithyhttp.RequestSendError
		dial   *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled), !errors.As(err, &call):
		return nil, false
	case errors.As(call.Err, &other): // a server that gives out credentials was asked before
		return nil, false
	case errors.As(err, &dial):
		return dial.Err, true
	case errors.As(err, &sent), errors.Is(err, context.DeadlineExceeded), errors.As(err, &answer) && answer.HTTPStatusCode() >= 500:
		return call.Err, true
	}
	return nil, false
}

func (s *Store) key(digest string) *string {
	return aws.String(path.Join(s.prefix, digest[:2], digest[2:4], digest))
}

// Put implements blob.Store. It writes a body that is there already again, which mends a damaged one without reading it.
func (s *Store) Put(ctx context.Context, digest string, body []byte) error {
	if err := blob.Check(digest, body); err != nil {
		return fmt.Errorf("storing a blob: %w", err)
	}
	sum, err := hex.DecodeString(digest)
	if err != nil {
		return fmt.Errorf("storing blob %s: %w", digest, err)
	}
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.key(digest), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		// The server compares what arrived with the digest before it says yes.
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
	})
	if err != nil {
		return fmt.Errorf("storing blob %s: %w", digest, err)
	}
	return nil
}

// Get implements blob.Store.
func (s *Store) Get(ctx context.Context, digest string) (body []byte, err error) {
	if err := blob.CheckName(digest); err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	object, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(digest)})
	if missing := (*types.NoSuchKey)(nil); errors.As(err, &missing) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", digest, err)
	}
	defer func() { err = errors.Join(err, object.Body.Close()) }()
	if body, err = io.ReadAll(object.Body); err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", digest, err)
	}
	if err := blob.Check(digest, body); err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	return body, nil
}

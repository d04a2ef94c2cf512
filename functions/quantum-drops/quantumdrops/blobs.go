package quantumdrops

import (
	"context"
	"errors"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3"
)

// openBlobs opens the store of a URL. What follows "file://" is the path as it is.
func openBlobs(ctx context.Context, url string) (blob.Store, error) {
	switch scheme, rest, _ := strings.Cut(url, "://"); {
	case scheme == "file" && rest != "":
		return file.Open(rest)
	case scheme == "s3":
		return s3.Open(ctx, url)
	}
	// What has no known scheme may begin with a password.
	return nil, errors.New("write file://DIR or " + s3.Forms)
}

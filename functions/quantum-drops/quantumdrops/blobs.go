package quantumdrops

import (
	"context"
	"errors"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/s3"
)

// inDatabase is the URL that keeps large bodies where the drops are.
const inDatabase = "database:"

// openBlobs opens the store of a URL; nil is that of the database. What follows "file://" is the path as it is.
func openBlobs(ctx context.Context, url string) (blob.Store, error) {
	if url == inDatabase {
		return nil, nil //nolint:nilnil // as dropstore.Open takes it
	}
	switch scheme, rest, _ := strings.Cut(url, "://"); {
	case scheme == "file" && rest != "":
		return file.Open(rest)
	case scheme == "s3":
		return s3.Open(ctx, url)
	}
	// What has no known scheme may begin with a password.
	return nil, errors.New("write file://DIR, " + inDatabase + " or " + s3.Forms)
}

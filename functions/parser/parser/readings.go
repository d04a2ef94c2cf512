package parser

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

const (
	// keptBytes bounds the readings that are kept, in bytes of source. A reading takes some forty times its source.
	keptBytes = 512 << 10
	// keptFor is how long a reading is kept after it was last used: the stages of a run ask for the same files within it.
	keptFor = time.Minute
)

// reading is what syntax.Analyse depends on.
type reading struct {
	lang    syntax.Language
	path    string
	content [sha256.Size]byte
}

// readings keeps how files were read for a while, since several stages of a run ask about the same ones. Nobody may change a
// reading. It is safe for concurrent use.
type readings struct {
	kept *otter.Cache[reading, *syntax.File]
}

func newReadings() (*readings, error) {
	kept, err := otter.New(&otter.Options[reading, *syntax.File]{
		MaximumWeight:    keptBytes,
		Weigher:          func(_ reading, f *syntax.File) uint32 { return uint32(len(f.Tree.Source)) + 1 },
		ExpiryCalculator: otter.ExpiryAccessing[reading, *syntax.File](keptFor),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of readings: %w", err)
	}
	return &readings{kept}, nil
}

// read gives the reading of a file; errors are those of syntax.Analyse, and are not kept.
func (r *readings) read(ctx context.Context, lang syntax.Language, f pipeline.File) (*syntax.File, error) {
	key := reading{lang, f.Path, sha256.Sum256([]byte(f.Content))}
	if file, ok := r.kept.GetIfPresent(key); ok {
		return file, nil
	}
	file, err := syntax.Analyse(ctx, lang, f.Path, []byte(f.Content))
	if err != nil {
		return nil, err
	}
	r.kept.Set(key, file)
	return file, nil
}

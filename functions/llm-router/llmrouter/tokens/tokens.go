// Package tokens counts tokens where a provider does not say how many there were.
package tokens

import (
	"sync"

	"github.com/tiktoken-go/tokenizer/codec"
)

// pieceLimit bounds what is encoded at once, in bytes: the encoder's pattern takes time in the square of a run of white space.
const pieceLimit = 512

// load is lazy, as most processes never need the vocabulary. Naming one codec keeps the other encodings, 13 MB of source, out
// of the binary; this one adds 3 MB to it, and loads in some 20 ms.
var load = sync.OnceValue(codec.NewCl100kBase)

// Count gives the tokens of a text in the cl100k_base encoding. Other models encode otherwise, so it is an estimate for them,
// usually within a fifth. A text over pieceLimit is counted piece by piece, which adds at most one token a piece. A piece that
// cannot be encoded counts as a token for four bytes: an estimate must not cost an answer that was paid for.
func Count(text string) int {
	encoder, total := load(), 0
	for len(text) > 0 {
		piece := text[:cut(text)]
		n, err := encoder.Count(piece)
		if err != nil {
			n = (len(piece) + 3) / 4
		}
		total += n
		text = text[len(piece):]
	}
	return total
}

// cut finds the last line end or space before pieceLimit, else cuts there.
func cut(text string) int {
	if len(text) <= pieceLimit {
		return len(text)
	}
	for _, sep := range []byte{'\n', ' '} {
		for i := pieceLimit - 1; i > pieceLimit/2; i-- {
			if text[i] == sep {
				return i
			}
		}
	}
	for i := pieceLimit; i > pieceLimit-4; i-- { // not inside a character
		if text[i]&0xC0 != 0x80 {
			return i
		}
	}
	return pieceLimit
}

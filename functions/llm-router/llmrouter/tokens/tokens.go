// Package tokens counts tokens where a provider does not say how many there were.
package tokens

import (
	"sync"

	"github.com/tiktoken-go/tokenizer/codec"
)

// pieceLimit bounds what is encoded at once, in bytes: the encoder takes time in the square of a piece without spaces.
const pieceLimit = 512

var load = sync.OnceValue(codec.NewCl100kBase) // its vocabulary takes memory that most processes never need

// Count gives the tokens of a text in the cl100k_base encoding. Other models encode otherwise, so it is an estimate for them,
// usually within a fifth. A text over pieceLimit is counted piece by piece, which adds at most one token a piece.
func Count(text string) (int, error) {
	encoder, total := load(), 0
	for len(text) > 0 {
		piece := text[:cut(text)]
		n, err := encoder.Count(piece)
		if err != nil {
			return 0, err
		}
		total += n
		text = text[len(piece):]
	}
	return total, nil
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

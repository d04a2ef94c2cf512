// Package words cuts text into the words that drops are searched by. The stores
// index what it returns as it is, so that both find the same.
package words

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWord is the length in bytes after which a word is cut: what is longer is
// encoded data, not something that a person types.
const maxWord = 64

// Of returns the distinct words of texts in lower case, sorted. A word is a run
// of letters, digits and combining marks. One in camel case is there whole and in
// its parts: BorrowBook gives book, borrow, borrowbook.
func Of(texts ...string) []string {
	var found []string
	for _, text := range texts {
		for _, run := range strings.FieldsFunc(text, isBorder) {
			found = append(found, fold(run))
			if parts := camelParts(run); len(parts) > 1 {
				for _, part := range parts {
					found = append(found, fold(part))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// InQuery returns the distinct words that a search asks for, not cut by case: a
// search for BorrowBook is for that name.
func InQuery(text string) []string {
	var found []string
	for _, run := range strings.FieldsFunc(text, isBorder) {
		found = append(found, fold(run))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func isBorder(r rune) bool {
	return r == utf8.RuneError || !unicode.In(r, unicode.Letter, unicode.Number, unicode.Mark)
}

func fold(word string) string {
	word = strings.ToLower(word)
	if len(word) <= maxWord {
		return word
	}
	cut := maxWord
	for !utf8.RuneStart(word[cut]) {
		cut--
	}
	return word[:cut]
}

// camelParts cuts before each capital that follows a small letter or precedes
// one: HTTPServer is HTTP and Server.
func camelParts(word string) []string {
	runes := []rune(word)
	var parts []string
	start := 0
	for i := 1; i < len(runes); i++ {
		if !unicode.IsUpper(runes[i]) {
			continue
		}
		afterSmall := !unicode.IsUpper(runes[i-1])
		beforeSmall := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if afterSmall || beforeSmall {
			parts = append(parts, string(runes[start:i]))
			start = i
		}
	}
	return append(parts, string(runes[start:]))
}

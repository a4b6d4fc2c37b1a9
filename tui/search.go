package tui

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a hit counts: where a word stands in a text, and in which text.
const (
	hitStart = 100 // at the beginning of a word
	hitPart  = 60  // inside one
	hitLoose = 40  // its letters in this order, less what lies between
	looseRun = 4   // letters may be spread over so many times their number
)

// fields are the texts a search looks in, folded, each with its weight.
var weights = [...]int{8, 6, 4, 3} // title, artist, album, folder

type fields [len(weights)]string

func fieldsOf(t Track) fields {
	return fields{fold(t.Title), fold(t.Artist), fold(t.Album), fold(t.Folder)}
}

// search is the tracks that every word of the query hits, the best first.
func search(list []fields, query string) []int {
	words := strings.Fields(fold(query))
	type hit struct{ track, score int }
	var hits []hit
	for i := range list {
		total := 0
		for _, w := range words {
			best := 0
			for k, text := range list[i] {
				best = max(best, score(text, w)*weights[k])
			}
			if best == 0 {
				total = 0
				break
			}
			total += best
		}
		if total > 0 {
			hits = append(hits, hit{i, total})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	tracks := make([]int, len(hits))
	for i, h := range hits {
		tracks[i] = h.track
	}
	return tracks
}

// score says how well a word fits a text, 0 for not at all. Both are folded.
func score(text, word string) int {
	if i := strings.Index(text, word); i >= 0 {
		if beginsWord(text, i) || strings.Contains(text, " "+word) {
			return hitStart
		}
		return hitPart
	}
	return loose(text, word)
}

// loose scores a word whose letters stand in the text in its order, not too
// far from each other, the first at the beginning of a word: "btls" fits "the
// beatles".
func loose(text, word string) int {
	n := utf8.RuneCountInString(word)
	if n < 2 {
		return 0
	}
	first, _ := utf8.DecodeRuneInString(word)
	best := 0
	for i, r := range text {
		if r == first && beginsWord(text, i) {
			if run := spread(text[i:], word); run > 0 && run <= n*looseRun {
				best = max(best, hitLoose-(run-n)*hitLoose/(n*looseRun))
			}
		}
	}
	return best
}

// spread is over how many letters of text the word is spread from its
// beginning, 0 when it is not in it.
func spread(text, word string) int {
	run := 0
	for _, r := range text {
		run++
		next, n := utf8.DecodeRuneInString(word)
		if r != next {
			continue
		}
		if word = word[n:]; word == "" {
			return run
		}
	}
	return 0
}

func beginsWord(text string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	return i == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before)
}

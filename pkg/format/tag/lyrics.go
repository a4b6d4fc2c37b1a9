package tag

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"secstream/pkg/audio"
)

// maxWords is how much of a frame or an item with lyrics is read: UTF-16 takes
// two bytes for what is one in UTF-8. maxAllWords is for all of a file, and so is
// maxTexts: what a file has compressed is larger than it says.
const (
	maxWords    = 2*audio.MaxLyrics + 1024
	maxAllWords = 4 * maxWords
	maxTexts    = 16
)

// wordy says whether a text of n bytes of the file is still read as lyrics. An
// empty one is not, and costs nothing.
func (file *File) wordy(n int64) bool {
	if n <= 0 || n > maxWords+16 || file.texts >= maxTexts || file.worded+int(n) > maxAllWords {
		return false
	}
	file.texts++
	file.worded += int(n)
	return true
}

// lyrics keeps a text that wordy let pass if it says more than what there is.
func (f *Found) lyrics(text string) {
	f.Lyrics = f.Lyrics.Or(audio.NewLyrics(text))
}

// isLyrics says whether a named value is lyrics: LYRICS, UNSYNCEDLYRICS,
// SYNCEDLYRICS, with blanks or underscores as well. ffmpeg turns frames with
// lyrics into values named LYRICS-ENG, by their language, or USLT.
func isLyrics(name string) bool {
	const lang = "LYRICS-"
	if len(name) == len(lang)+3 && strings.EqualFold(name[:len(lang)], lang) {
		return true
	}
	for _, n := range lyricsNames {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

var lyricsNames = [...]string{
	"LYRICS", "UNSYNCEDLYRICS", "UNSYNCED LYRICS", "UNSYNCED_LYRICS", "SYNCEDLYRICS", "SYNCED LYRICS", "SYNCED_LYRICS", "USLT",
}

// unsynced reads a transcription (ID3v2.3 §4.9): encoding, language,
// description, text.
func (t *id3) unsynced(b []byte) {
	if len(b) < 4 {
		return
	}
	_, text := cutText(b[0], b[4:])
	text, _ = cutText(b[0], text)
	t.lyrics(decodeAll(b[0], text))
}

// What synced reads of the kinds of times and of content (ID3v2.3 §4.10).
const (
	stampMillis = 2 // the other kind counts MPEG frames, whose length nobody knows here
	kindOther   = 0
	kindLyrics  = 1
	kindWords   = 2 // a transcription
)

// synced reads synchronised lyrics (ID3v2.3 §4.10) as LRC: encoding, language,
// kind of times, kind of content, description, then texts each with a time
// behind it. Where texts begin with line ends they are syllables, else lines.
func (t *id3) synced(b []byte) {
	if len(b) < 6 || b[4] != stampMillis || b[5] != kindOther && b[5] != kindLyrics && b[5] != kindWords {
		return
	}
	enc := b[0]
	_, rest := cutText(enc, b[6:])
	var said []sung
	for len(rest) > 0 && len(said) < maxSung {
		var text []byte
		text, rest = cutText(enc, rest)
		if len(rest) < 4 {
			break
		}
		said = append(said, sung{decodeAll(enc, text), binary.BigEndian.Uint32(rest)})
		rest = rest[4:]
	}
	t.lyrics(lrc(said))
}

// maxSung bounds the texts of one frame.
const maxSung = 20_000

// sung is a line or syllable and its time in milliseconds.
type sung struct {
	text string
	at   uint32
}

// lrc writes what is sung as LRC.
func lrc(said []sung) string {
	syllables := slices.ContainsFunc(said, func(s sung) bool { return strings.HasPrefix(strings.TrimLeft(s.text, "\r"), "\n") })
	var b strings.Builder
	for i, s := range said {
		text := strings.TrimRight(s.text, "\r\n")
		line := strings.TrimLeft(text, "\r\n")
		switch {
		case i == 0, !syllables, line != text:
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString("[" + stamp(s.at) + "]")
		default:
			b.WriteString("<" + stamp(s.at) + ">")
		}
		b.WriteString(strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == '\r' || r == '\n' }), " "))
	}
	return b.String()
}

// stamp writes a time as LRC has it, to the millisecond where that matters.
func stamp(ms uint32) string {
	if ms%10 != 0 {
		return fmt.Sprintf("%02d:%02d.%03d", ms/60000, ms/1000%60, ms%1000)
	}
	return fmt.Sprintf("%02d:%02d.%02d", ms/60000, ms/1000%60, ms%1000/10)
}

// Lyrics3 reads a whole Lyrics3 tag, from "LYRICSBEGIN" to "LYRICSEND" or, in
// version 2, "LYRICS200". Version 1 is a text; version 2 has fields, of three
// letters and a length of five digits, of which LYR is the text. Its times are
// those of LRC.
func (file *File) Lyrics3(b []byte) Found {
	var f Found
	body, ok := bytes.CutPrefix(b, []byte("LYRICSBEGIN"))
	if !ok {
		return f
	}
	if text, ok := bytes.CutSuffix(body, []byte("LYRICSEND")); ok {
		if file.wordy(int64(len(text))) {
			f.lyrics(eightBitAll(text))
		}
		return f
	}
	const head = 8
	for len(body) >= head {
		n, err := strconv.ParseUint(string(body[3:head]), 10, 32)
		if err != nil || n > uint64(len(body)-head) {
			break
		}
		if string(body[:3]) == "LYR" && file.wordy(int64(n)) { //nolint:gosec // not above the length of body
			f.lyrics(eightBitAll(body[head : head+n]))
		}
		body = body[head+n:]
	}
	return f
}

package library

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"secstream/pkg/audio"
	"secstream/pkg/format"
)

// withID3 is a WAV file with an id3 chunk of one USLT frame, in UTF-8.
func withID3(wav []byte, words string) []byte {
	frame := "\x03eng\x00" + words
	size := func(n int) []byte {
		return []byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}
	}
	tag := append([]byte("ID3\x04\x00\x00"), size(10+len(frame))...)
	tag = append(append(append(tag, "USLT"...), size(len(frame))...), "\x00\x00"...)
	if tag = append(tag, frame...); len(tag)%2 == 1 {
		tag = append(tag, 0)
	}
	out := append(bytes.Clone(wav), "id3 "...)
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(tag))), tag...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func utf16File(order binary.AppendByteOrder, s string) []byte {
	b := order.AppendUint16(nil, 0xFEFF)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const words, timed = "Füße im Gras\nund Ÿ am Bach", "[00:01.00]Füße\n[00:02.00]im Gras"
	n := uint32(0)
	song := func(name string, data func([]byte) []byte) {
		n++
		b := makeWAV(100, n)
		if data != nil {
			b = data(b)
		}
		write(t, b, dir, name)
	}
	inside := func(s string) func([]byte) []byte { return func(b []byte) []byte { return withID3(b, s) } }
	song("inside.wav", inside(words))
	song("beside.wav", nil)
	write(t, []byte(timed), dir, "beside.lrc")
	song("Case.wav", nil)
	write(t, []byte(words), dir, "case.LRC")
	song("both.wav", inside(words))
	write(t, []byte(timed), dir, "both.lrc")
	song("timed.wav", inside(timed))
	write(t, []byte("[00:09.00]other"), dir, "timed.lrc")
	song("plain.wav", inside(words))
	write(t, []byte("other"), dir, "plain.lrc")
	song("wide.wav", nil)
	write(t, utf16File(binary.LittleEndian, timed), dir, "wide.lrc")
	song("big.wav", nil)
	write(t, utf16File(binary.BigEndian, timed), dir, "big.lrc")
	song("latin.wav", nil)
	write(t, []byte("F\xfc\xdfe\r\nim Gras\r\n"), dir, "latin.lrc")
	song("marked.wav", nil)
	write(t, []byte("\uFEFF"+timed), dir, "marked.lrc")
	song("none.wav", nil)
	write(t, []byte(words), dir, "none.txt")
	write(t, []byte(words), dir, "sub/none.lrc")
	song("empty.wav", nil)
	write(t, nil, dir, "empty.lrc")
	song("long.wav", nil)
	write(t, bytes.Repeat([]byte("la "), maxLyricFile/3+1), dir, "long.lrc")
	l := start(t, Config{Roots: []string{dir}})
	for name, want := range map[string]string{
		"inside.wav": words, "beside.wav": timed, "Case.wav": words, "both.wav": timed, "timed.wav": timed, "plain.wav": words,
		"wide.wav": timed, "big.wav": timed, "latin.wav": "Füße\nim Gras", "marked.wav": timed, "none.wav": "", "empty.wav": "", "long.wav": "",
	} {
		tr := l.Track(idOf(l, name))
		got, err := l.Lyrics(t.Context(), tr.ID)
		if got.Text != want || got.Synced != (want == timed) || (err != nil) != (want == "") || err != nil && !errors.Is(err, ErrNoLyrics) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if has := want != "" || name == "empty.wav"; tr.HasLyrics != has {
			t.Errorf("%s: HasLyrics is %v", name, tr.HasLyrics)
		}
		if tr.Info.Lyrics.Text != "" {
			t.Errorf("%s: the catalogue holds the text", name)
		}
	}
	if _, err := l.Lyrics(t.Context(), "nope"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown track: %v", err)
	}
}

// Words must not come from outside the roots, nor from what is no file.
func TestLyricsStayInside(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir := filepath.Join(base, "music")
	for i, name := range []string{"a.wav", "b.wav", "c.wav", "d.wav"} {
		write(t, makeWAV(100, uint32(i+1)), dir, name)
	}
	write(t, []byte("secret"), base, "outside.lrc")
	write(t, []byte("words"), dir, "texts/words.txt")
	symlink(t, "../outside.lrc", dir, "a.lrc")
	symlink(t, "texts/words.txt", dir, "b.lrc")
	if err := os.Mkdir(filepath.Join(dir, "c.lrc"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := start(t, Config{Roots: []string{dir}})
	for name, want := range map[string]string{"a.wav": "", "b.wav": "words", "c.wav": "", "d.wav": ""} {
		tr := l.Track(idOf(l, name))
		if got, err := l.Lyrics(t.Context(), tr.ID); got.Text != want || tr.HasLyrics != (want != "") || (err == nil) != (want != "") {
			t.Errorf("%s: %q, HasLyrics %v, %v", name, got.Text, tr.HasLyrics, err)
		}
	}
	only := start(t, Config{Roots: []string{filepath.Join(dir, "b.wav")}})
	if tr := only.Tracks()[0]; tr.HasLyrics {
		t.Error("a single file has a folder")
	}
}

// TestNobodyWaits: the tags of a file are read for as long as whoever asked is there.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, withID3(makeWAV(100, 1), "words"), dir, "a.wav")
	var leave atomic.Pointer[context.CancelFunc]
	var reads atomic.Int64
	l := startWith(t, Config{Roots: []string{dir}}, func(r io.ReaderAt, size int64) (audio.Stream, error) {
		gone := leave.Load()
		if gone == nil {
			return format.Open(r, size)
		}
		(*gone)()
		n, err := r.ReadAt(make([]byte, 1), 0)
		reads.Add(int64(n))
		return nil, err
	})
	id := l.Tracks()[0].ID
	for name, ask := range map[string]func(context.Context) error{
		"lyrics": func(ctx context.Context) error { _, err := l.Lyrics(ctx, id); return err },
		"cover":  func(ctx context.Context) error { _, _, err := l.Cover(ctx, id); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		leave.Store(&cancel)
		if err := ask(ctx); !errors.Is(err, context.Canceled) || reads.Load() > 0 {
			t.Errorf("%s: %v, %d bytes read for nobody", name, err, reads.Load())
		}
	}
}

func TestLyricFilesChange(t *testing.T) {
	changing(t, func(t *testing.T, dir string, l *Library) {
		sung := func(path string) bool {
			tr := l.Track(idOf(l, path))
			return tr != nil && tr.HasLyrics
		}
		write(t, []byte("words"), dir, "sub/B.LRC")
		until(t, soon, "lyrics", func() bool { return sung("sub/b.wav") })
		if sung("a.wav") || sung("sub/deep/c.wav") {
			t.Error("lyrics belong to another file")
		}
		if got, err := l.Lyrics(t.Context(), idOf(l, "sub/b.wav")); err != nil || got.Text != "words" {
			t.Errorf("%+v, %v", got, err)
		}
		if err := os.Remove(filepath.Join(dir, "sub/B.LRC")); err != nil {
			t.Fatal(err)
		}
		until(t, soon, "no lyrics", func() bool { return !sung("sub/b.wav") })
	})
}

// Words in real files, put there by the tools people use.
func TestLyricsInRealFiles(t *testing.T) {
	flac, oggenc, ffmpeg := tool(t, "flac"), tool(t, "oggenc"), tool(t, "ffmpeg")
	dir := t.TempDir()
	const words, timed = "Füße im Gras\nund Ÿ am Bach", "[00:01.00]Füße\n[00:02.00]im Gras"
	src, out := write(t, makeWAV(16000, 1), dir, "src", "a.wav"), filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.flac": words, "b.flac": timed, "a.ogg": words, "a.mp3": words}
	for _, args := range [][]string{
		{flac, "-s", "--tag=LYRICS=" + words, "-o", filepath.Join(out, "a.flac"), src},
		{flac, "-s", "--tag=UNSYNCEDLYRICS=" + words, "--tag=SYNCEDLYRICS=" + timed, "-o", filepath.Join(out, "b.flac"), src},
		{oggenc, "-Q", "--utf8", "-c", "LYRICS=" + words, "-o", filepath.Join(out, "a.ogg"), src},
		{ffmpeg, "-v", "error", "-i", src, "-metadata", "lyrics=" + words, filepath.Join(out, "a.mp3")},
	} {
		if msg, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, msg)
		}
	}
	l := start(t, Config{Roots: []string{out}})
	if len(l.Tracks()) != len(want) {
		t.Fatal(l.Refused())
	}
	for _, tr := range l.Tracks() {
		got, err := l.Lyrics(t.Context(), tr.ID)
		if err != nil || got.Text != want[tr.Path] || !tr.HasLyrics {
			t.Errorf("%s: %+v, HasLyrics %v, %v", tr.Path, got, tr.HasLyrics, err)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, b := range [][]byte{[]byte("[00:01]words"), utf16File(binary.BigEndian, "Ÿ"), utf16File(binary.LittleEndian, "語"), {0xFF, 0xFE}, {0xFE, 0xFF, 0xD8}, []byte("F\xfc\xdfe")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := audio.NewLyrics(text(b))
		if l.Size != len(l.Text) || l.Size > audio.MaxLyrics || l.Text != strings.ToValidUTF8(l.Text, "") || strings.ContainsAny(l.Text, "\x00\x1b\r") {
			t.Fatalf("%+.80v", l)
		}
	})
}

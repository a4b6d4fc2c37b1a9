package tag

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"secstream/pkg/audio"
)

// readers are all ways into this package, each over plain bytes.
var readers = map[string]func([]byte) (Found, error){
	"id3v2": func(b []byte) (Found, error) { return new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b))) },
	"id3v1": func(b []byte) (Found, error) { f, _ := ID3v1(b); return f, nil },
	"ape": func(b []byte) (Found, error) {
		f, n, err := new(File).APE(bytes.NewReader(b), int64(len(b)))
		if n < 0 || n > int64(len(b)) {
			err = errors.New("a tag larger than the file")
		}
		return f, err
	},
	"vorbis": func(b []byte) (Found, error) { return new(File).VorbisComment(b) },
	"flac": func(b []byte) (Found, error) {
		p, err := FLACPicture(b)
		if err != nil {
			return Found{}, err
		}
		return Found{Pictures: []audio.Picture{p}}, nil
	},
	"info":    Info,
	"lyrics3": func(b []byte) (Found, error) { return new(File).Lyrics3(b), nil },
}

// seeds are real tags out of the public test audio, and made ones.
func seeds(t testing.TB, kind string) [][]byte {
	t.Helper()
	jpg, png := string(encoded(t, "jpeg")), string(encoded(t, "png"))
	switch kind {
	case "id3v2":
		return append(real(t),
			tagOf(4, 0, v4("USLT", 0, "\x03eng\x00"+verse)+v4("SYLT", 0, "\x03eng\x02\x01\x00\nOne\x00"+be32(1000)+"two\x00"+be32(1500))),
			tagOf(2, 0, v2("TT2", "\x01"+utf16le("Title"))+v2("PIC", "\x00JPG\x03words\x00"+jpg)),
			tagOf(3, 0x80, unsynced(v3("TIT2", 0, "\x01"+utf16le("Title"))+v3("APIC", 0, "\x00image/jpeg\x00\x03\x00"+jpg))),
			tagOf(4, 0x40, safe(6)+"\x01\x00"+v4("TXXX", 9, safe(99)+deflated("\x03a\x00b"))+v4("COMM", 2, "\x01eng"+utf16le("\x00")+utf16le("words"))+v4("TRCK", 0x40, "g\x001/2")))
	case "id3v1":
		b := bytes.Repeat([]byte("x"), 128)
		copy(b, "TAG")
		return [][]byte{b}
	case "ape":
		return [][]byte{
			apeTag(true, apeItem("Title", 0, "T"), apeItem("Cover Art (Front)", 2, "c\x00"+png), apeItem("Track", 0, "1/2")),
			apeTag(false, apeItem("Artist", 0, "A\x00B")),
		}
	case "vorbis":
		return [][]byte{comments("Maker", "TITLE=T", "LYRICS=[00:01]a", "R128_TRACK_GAIN=5", "GENRE=(4)(5)", "METADATA_BLOCK_PICTURE="+base64.StdEncoding.EncodeToString(flacPicture("image/png", []byte(png), 0)))}
	case "lyrics3":
		return [][]byte{[]byte("LYRICSBEGIN[00:01]OneLYRICSEND"), []byte("LYRICSBEGININD0000200LYR00010[00:01]One000039LYRICS200")}
	case "flac":
		return [][]byte{flacPicture("image/png", []byte(png), 0), flacPicture("image/jpeg", []byte(jpg), 0)}
	}
	return [][]byte{[]byte(infoEntry("INAM", "T") + infoEntry("IART", "A") + infoEntry("IGNR", "(17)"))}
}

// real are the ID3v2 tags of the public MP3 files.
func real(t testing.TB) (all [][]byte) {
	t.Helper()
	names, _ := filepath.Glob("../../../testdata/audio/*.mp3")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := ID3v2Size(b); n > 0 {
			all = append(all, b[:min(n, 4000)])
		}
	}
	if len(names) == 0 || len(all) == 0 {
		t.Fatal("no real tags found")
	}
	return all
}

// check asserts what holds for any bytes.
func check(t testing.TB, kind string, b []byte) {
	before := bytes.Clone(b)
	f, err := readers[kind](b)
	var e *audio.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %T %v is no *audio.Error", kind, err, err)
	}
	if !bytes.Equal(before, b) {
		t.Fatalf("%s: the caller's bytes were changed", kind)
	}
	g := f.Tags
	for _, s := range []string{g.Title, g.Artist, g.Album, g.AlbumArtist, g.Date, g.Genre, g.Comment, f.Encoder} {
		if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			t.Fatalf("%s: unclean text %.60q", kind, s)
		}
	}
	if g.Track < 0 || g.TrackTotal < 0 || g.Disc < 0 || g.DiscTotal < 0 || f.room() < 0 || len(f.Pictures) > maxPictures {
		t.Fatalf("%s: %+v", kind, g)
	}
	if l := f.Lyrics; l.Size != len(l.Text) || l.Size > audio.MaxLyrics || !utf8.ValidString(l.Text) ||
		strings.ContainsFunc(l.Text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		t.Fatalf("%s: unclean lyrics %.60q", kind, l.Text)
	}
	for _, p := range f.Pictures {
		if p.Size != len(p.Data) || p.Width < 0 || p.Height < 0 {
			t.Fatalf("%s: picture %+v", kind, p)
		}
	}
}

func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	begin := time.Now()
	for kind := range readers {
		all := seeds(t, kind)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		const n = 1000
		for i := range n {
			b := bytes.Clone(all[i%len(all)])
			for range 1 + rng.Intn(3) {
				if b = mutate(rng, b); len(b) == 0 {
					break
				}
			}
			check(t, kind, b)
		}
		runtime.ReadMemStats(&m1)
		if each := (m1.TotalAlloc - m0.TotalAlloc) / n; each > 4<<20 {
			t.Errorf("%s: %d bytes allocated for a tag of 4 kB", kind, each)
		}
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

func mutate(rng *rand.Rand, b []byte) []byte {
	at := rng.Intn(len(b))
	switch rng.Intn(6) {
	case 0:
		b[at] ^= 1 << rng.Intn(8)
	case 1:
		b = b[:at]
	case 2:
		b = append(b[:at], b[min(len(b), at+1+rng.Intn(20)):]...)
	case 3:
		b = append(b[:at], append(make([]byte, 1+rng.Intn(20)), b[at:]...)...)
	case 4:
		clear(b[at:min(len(b), at+rng.Intn(100))])
	case 5: // a lying number
		lie := [...]uint32{0, 1, 0x7F7F7F7F, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.Uint32()}
		if at+4 <= len(b) {
			binary.BigEndian.PutUint32(b[at:], lie[rng.Intn(len(lie))])
		}
	}
	return b
}

func fuzz(f *testing.F, kind string) {
	for _, b := range seeds(f, kind) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, kind, b) })
}

func FuzzID3v2(f *testing.F)         { fuzz(f, "id3v2") }
func FuzzID3v1(f *testing.F)         { fuzz(f, "id3v1") }
func FuzzAPE(f *testing.F)           { fuzz(f, "ape") }
func FuzzVorbisComment(f *testing.F) { fuzz(f, "vorbis") }
func FuzzFLACPicture(f *testing.F)   { fuzz(f, "flac") }
func FuzzInfo(f *testing.F)          { fuzz(f, "info") }

func FuzzClean(f *testing.F) {
	f.Add("esc \x1b[2J \xff \u202e 語")
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		if Clean(c) != c || len(c) > maxText || !utf8.ValidString(c) || strings.ContainsFunc(c, unicode.IsControl) {
			t.Fatalf("%q became %q", s, c)
		}
	})
}

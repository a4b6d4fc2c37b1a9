package tag

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"secstream/pkg/audio"
)

func safe(n int) string {
	return string([]byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)})
}

func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

// v2, v3 and v4 are one frame of each version, tagOf a whole tag.
func v2(name, body string) string {
	return name + be32(len(body))[1:] + body
}

func v3(name string, flags byte, body string) string {
	return name + be32(len(body)) + "\x00" + string([]byte{flags}) + body
}

func v4(name string, flags byte, body string) string {
	return name + safe(len(body)) + "\x00" + string([]byte{flags}) + body
}

func tagOf(version, flags byte, body string) []byte {
	return []byte("ID3" + string([]byte{version, 0, flags}) + safe(len(body)) + body)
}

func utf16le(s string) string {
	b := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func utf16be(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return string(b)
}

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// unsynced puts a zero after every 0xFF, as writers do to whole tags.
func unsynced(s string) string { return strings.ReplaceAll(s, "\xFF", "\xFF\x00") }

func TestID3v2Size(t *testing.T) {
	for in, want := range map[string]int64{
		"ID3\x03\x00\x00\x00\x00\x02\x01": 267, "ID3\x04\x00\x10\x00\x00\x02\x01": 277, "ID3\x03\x00\x10\x00\x00\x02\x01": 267,
		"ID3\x03\x00\x00\x00\x00\x82\x01": 0, "ID3\xFF\x00\x00\x00\x00\x02\x01": 0, "ID3\x03": 0, "TAG\x03\x00\x00\x00\x00\x02\x01": 0,
	} {
		if got := ID3v2Size([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

// TestID3v2Text reads one title out of tags of every dress.
func TestID3v2Text(t *testing.T) {
	const want = "Füße ÿ 語"
	title4 := v4("TIT2", 0, "\x03"+want)
	big := strings.Repeat("x", 299)
	for name, b := range map[string][]byte{
		"2.2 UTF-16":            tagOf(2, 0, v2("TT2", "\x01"+utf16le(want))),
		"2.2 unsynchronised":    tagOf(2, 0x80, unsynced(v2("TT2", "\x01"+utf16le(want)))),
		"2.3 UTF-16":            tagOf(3, 0, v3("TIT2", 0, "\x01"+utf16le(want))),
		"2.3 no byte order":     tagOf(3, 0, v3("TIT2", 0, "\x01"+utf16le(want)[2:])),
		"2.3 unsynchronised":    tagOf(3, 0x80, unsynced(v3("TIT2", 0, "\x01"+utf16le(want)))),
		"2.3 extended header":   tagOf(3, 0x40, be32(6)+strings.Repeat("\x00", 6)+v3("TIT2", 0, "\x01"+utf16le(want))),
		"2.3 compressed":        tagOf(3, 0, v3("TIT2", 0x80, be32(99)+deflated("\x01"+utf16le(want)))),
		"2.3 grouped":           tagOf(3, 0, v3("TIT2", 0x20, "g\x01"+utf16le(want))),
		"2.3 names of 2.2":      tagOf(3, 0, v3("TT2\x00", 0, "\x01"+utf16le(want))),
		"2.3 UTF-8":             tagOf(3, 0, v3("TIT2", 0, "\x03"+want)),
		"2.4 UTF-8":             tagOf(4, 0, title4),
		"2.4 big-endian":        tagOf(4, 0, v4("TIT2", 0, "\x02"+utf16be(want))),
		"2.4 unsynchronised":    tagOf(4, 0x80, v4("TIT2", 2, unsynced("\x01"+utf16le(want)))),
		"2.4 one frame unsync":  tagOf(4, 0, v4("TIT2", 2, unsynced("\x01"+utf16le(want)))),
		"2.4 length indicator":  tagOf(4, 0, v4("TIT2", 3, safe(99)+unsynced("\x01"+utf16le(want)))),
		"2.4 compressed":        tagOf(4, 0, v4("TIT2", 9, safe(99)+deflated("\x03"+want))),
		"2.4 extended header":   tagOf(4, 0x40, safe(6)+"\x01\x00"+title4),
		"2.4 extended, absent":  tagOf(4, 0x40, title4),
		"2.4 iTunes sizes":      tagOf(4, 0, "PRIV"+be32(300)+"\x00\x00"+big+"x"+title4),
		"2.4 padding":           tagOf(4, 0, title4+strings.Repeat("\x00", 500)),
		"2.4 junk after frames": tagOf(4, 0, title4+"~~~~~~~~~~~~~~~~~~~~~~~~~"),
		"empty frame first":     tagOf(4, 0, v4("TALB", 0, "")+title4),
		"odd UTF-16 first":      tagOf(4, 0, v4("TALB", 0, "\x01\xFF\xFEA\x00B")+title4),
		"encrypted first":       tagOf(4, 0, v4("TIT2", 4, "\x01secret")+title4),
		"broken zlib first":     tagOf(4, 0, v4("TALB", 8, "no zlib")+title4),
		"second title ignored":  tagOf(4, 0, title4+v4("TIT2", 0, "\x03other")),
		"footer":                append(tagOf(4, 0x10, title4), "3DI\x04\x00\x10\x00\x00\x00\x00"...),
	} {
		f, err := new(File).ID3v2(bytes.NewReader(append([]byte("junk"), b...)), 4, int64(len(b))+4)
		if err != nil || f.Tags.Title != want {
			t.Errorf("%s: %q, %v", name, f.Tags.Title, err)
		}
	}
}

func TestID3v2Fields(t *testing.T) {
	b := tagOf(4, 0, v4("TPE1", 0, "\x03A\x00B")+v4("TPE2", 0, "\x00AA\x00")+v4("TALB", 0, "\x00Al")+v4("TRCK", 0, "\x0003/12")+
		v4("TPOS", 0, "\x001")+v4("TDRC", 0, "\x002004-05-06")+v4("TCON", 0, "\x0017\x00(4)Eurodisco\x00Own")+v4("TSSE", 0, "\x00LAME")+
		v4("COMM", 0, "\x00engiTunNORM\x00 00001")+v4("COMM", 0, "\x00eng\x00words\x1b[31m")+
		v4("TXXX", 0, "\x00REPLAYGAIN_TRACK_GAIN\x00-6.5 dB")+v4("TXXX", 0, "\x01"+utf16le("replaygain_track_peak\x00")+utf16le("0.5")))
	f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	gain, peak := -6.5, 0.5
	got := f.Tags
	if got.TrackGain == nil || *got.TrackGain != gain || got.TrackPeak == nil || *got.TrackPeak != peak {
		t.Errorf("gain %v peak %v", got.TrackGain, got.TrackPeak)
	}
	got.TrackGain, got.TrackPeak = nil, nil
	want := audio.Tags{Artist: "A; B", AlbumArtist: "AA", Album: "Al", Track: 3, TrackTotal: 12, Disc: 1, Date: "2004-05-06", Genre: "Rock; Eurodisco; Own", Comment: "words[31m"}
	if got != want || f.Encoder != "LAME" {
		t.Errorf("%+v, encoder %q", got, f.Encoder)
	}
	old := tagOf(3, 0, v3("TYER", 0, "\x001999")+v3("TDAT", 0, "\x003112")+v3("TCON", 0, "\x00(17)"))
	if f, _ := new(File).ID3v2(bytes.NewReader(old), 0, int64(len(old))); f.Tags.Date != "1999-12-31" || f.Tags.Genre != "Rock" {
		t.Errorf("2.3: %+v", f.Tags)
	}
}

func TestID3v2Pictures(t *testing.T) {
	jpg, png := string(encoded(t, "jpeg")), string(encoded(t, "png"))
	for name, b := range map[string][]byte{
		"2.2":                tagOf(2, 0, v2("PIC", "\x00JPG\x03words\x00"+jpg)),
		"2.3 UTF-16 words":   tagOf(3, 0, v3("APIC", 0, "\x01image/jpeg\x00\x03"+utf16le("w")+"\x00\x00"+jpg)),
		"2.3 unsynchronised": tagOf(3, 0x80, unsynced(v3("APIC", 0, "\x00image/jpg\x00\x03\x00"+jpg))),
		"2.4 one by one":     tagOf(4, 0, v4("APIC", 2, unsynced("\x00image/jpeg\x00\x03\x00"+jpg))),
		"2.4 compressed":     tagOf(4, 0, v4("APIC", 9, safe(99)+deflated("\x00image/jpeg\x00\x03\x00"+jpg))),
		"after a link":       tagOf(4, 0, v4("APIC", 0, "\x00-->\x00\x03\x00http://x/y.jpg")+v4("APIC", 0, "\x00image/jpeg\x00\x03\x00"+jpg)),
	} {
		f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil || len(f.Pictures) != 1 {
			t.Errorf("%s: %d pictures, %v", name, len(f.Pictures), err)
			continue
		}
		if p := f.Pictures[0]; p.MIME != "image/jpeg" || p.Kind != "front cover" || p.Width != 3 || p.Height != 2 || string(p.Data) != jpg {
			t.Errorf("%s: %s %s %dx%d %d bytes", name, p.MIME, p.Kind, p.Width, p.Height, p.Size)
		}
	}
	rng, photo := rand.New(rand.NewSource(1)), make([]byte, 100_000) // whose code tables fill the first bytes of the compressed frame
	for i := range photo {
		photo[i] = byte(rng.NormFloat64() * 60)
	}
	b := tagOf(4, 0, v4("APIC", 9, safe(99)+deflated("\x00image/jpeg\x00\x03\x00"+jpg+string(photo))))
	if f, _ := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b))); len(f.Pictures) != 1 || f.Pictures[0].Size != len(jpg)+len(photo) {
		t.Errorf("large and compressed: %d pictures", len(f.Pictures))
	}
	b = tagOf(4, 0, strings.Repeat(v4("APIC", 0, "\x00image/png\x00\xEE\x00"+png), 100))
	if f, _ := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b))); len(f.Pictures) != maxPictures || f.Pictures[0].Kind != "other" {
		t.Errorf("%d pictures", len(f.Pictures))
	}
}

func TestID3v2Damage(t *testing.T) {
	title := v4("TIT2", 0, "\x03Title")
	for name, b := range map[string][]byte{
		"frame past the tag":       tagOf(4, 0, title+"TALB\x7F\x7F\x7F\x7F\x00\x00\x03x"),
		"plain frame past the tag": tagOf(3, 0, v3("TIT2", 0, "\x03Title")+"TALB\x7F\xFF\xFF\xFF\x00\x00\x03x"),
		"tag past the file":        tagOf(4, 0, title+strings.Repeat("\x00", 500))[:100],
	} {
		f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
		var e *audio.Error
		if !errors.As(err, &e) || !errors.Is(err, audio.ErrCorrupt) || f.Tags.Title != "Title" {
			t.Errorf("%s: %q, %v", name, f.Tags.Title, err)
		}
	}
	for name, b := range map[string][]byte{
		"extended header past the tag": tagOf(3, 0x40, "\x7F\xFF\xFF\xFF\x00\x00"), "file too short": tagOf(3, 0x80, "")[:9],
		"version 2.5": tagOf(5, 0, title), "compressed 2.2": tagOf(2, 0x40, "x"), "no tag": []byte("some other bytes"),
	} {
		f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
		if f.Tags != (audio.Tags{}) || (err == nil) != (name == "no tag" || name == "file too short") {
			t.Errorf("%s: %+v, %v", name, f.Tags, err)
		}
	}
}

// TestID3v2Bomb sends frames that expand a thousandfold.
func TestID3v2Bomb(t *testing.T) {
	bomb := v4("APIC", 9, safe(99)+deflated("\x00image/png\x00\x03\x00"+strings.Repeat("\x00", 20<<20)))
	text := v4("TXXX", 9, safe(99)+deflated("\x00x\x00"+strings.Repeat("y", 1<<20)))
	b := tagOf(4, 0, strings.Repeat(bomb, 50)+strings.Repeat(text, 500))
	f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if f.room() < 0 {
		t.Error("more pictures kept than allowed")
	}
}

// Tags of one file together must cost what they hold, or what the limit is.
func TestID3v2ManyTags(t *testing.T) {
	bomb := v4("APIC", 9, safe(99)+deflated("\x00image/png\x00\x03\x00"+strings.Repeat("\x00", 20<<20)))
	many := strings.Repeat(v4("TXXX", 9, safe(99)+deflated("\x00x\x00y")), 4000)
	for name, c := range map[string]struct {
		tag  []byte
		most uint64 // bytes allocated for ten of them
	}{
		"bombs":           {tagOf(4, 0, bomb+bomb), 8 * maxExpanded},
		"compressed text": {tagOf(4, 0, many), 32 * uint64(10*len(many))},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var file File
		for range 10 {
			if _, err := file.ID3v2(bytes.NewReader(c.tag), 0, int64(len(c.tag))); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > c.most || file.expanded > maxExpanded || file.pictured > maxAllPictures {
			t.Errorf("%s: %d bytes allocated for ten tags of %d, expanded %d, pictures %d", name, n, len(c.tag), file.expanded, file.pictured)
		}
	}
}

func TestID3v1(t *testing.T) {
	b := []byte("TAG" + "Title" + strings.Repeat("\x00", 25) + "Artist" + strings.Repeat(" ", 24) + "Alb\xFCm" + strings.Repeat("\x00", 25) +
		"1999" + "Comment" + strings.Repeat("\x00", 22) + "\x07\x11")
	f, ok := ID3v1(b)
	want := audio.Tags{Title: "Title", Artist: "Artist", Album: "Albüm", Date: "1999", Comment: "Comment", Track: 7, Genre: "Rock"}
	if !ok || f.Tags != want {
		t.Errorf("%+v", f.Tags)
	}
	b[125], b[127] = 'x', 0xFF // version 1.0: the comment goes on
	if f, _ := ID3v1(b); f.Tags.Track != 0 || f.Tags.Genre != "" {
		t.Errorf("%+v", f.Tags)
	}
	if _, ok := ID3v1(b[1:]); ok {
		t.Error("127 bytes taken for a tag")
	}
}

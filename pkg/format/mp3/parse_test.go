package mp3

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

func TestTagsAtBothEnds(t *testing.T) {
	body := silence(head44, 20)
	for _, c := range []struct {
		name          string
		before, after []byte
		title         string
	}{
		{"bare", nil, nil, ""},
		{"ID3v2", id3v2(300), nil, ""},
		{"ID3v2 three times", cat(id3v2(300), id3v2(0), id3v2(77)), nil, ""},
		{"ID3v2, then zeros", cat(id3v2(300), make([]byte, 9000)), nil, ""},
		{"ID3v2 with footer in front", id3v2Footer(50), nil, ""},
		{"ID3v1", nil, id3v1(), "old title"},
		{"APE with header", nil, ape(true), "apple"},
		{"APE without", nil, ape(false), "apple"},
		{"APE in front", ape(true), nil, "apple"},
		{"APE and ID3v1", nil, cat(ape(true), id3v1()), "apple"},
		{"Lyrics3 v2 and ID3v1", nil, cat(lyrics2(), id3v1()), "old title"},
		{"Lyrics3 v1 and ID3v1", nil, cat(lyrics1(), id3v1()), "old title"},
		{"Lyrics3, APE, ID3v1", id3v2(10), cat(lyrics2(), ape(true), id3v1()), "apple"},
		{"APE, Lyrics3, ID3v1", id3v2(10), cat(ape(false), lyrics2(), id3v1()), "apple"},
		{"enhanced ID3v1", nil, cat([]byte("TAG+"), make([]byte, 223), id3v1()), "old title"},
		{"ID3v2 appended", nil, id3v2Footer(200), ""},
		{"ID3v2 appended before ID3v1", nil, cat(id3v2Footer(200), id3v1()), "old title"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := open(t, cat(c.before, body, c.after)).Info()
			if in.Frames != lengthOf(20, head44) || in.AudioBytes != int64(len(body)) || in.Tags.Title != c.title {
				t.Errorf("%d frames, %d bytes, title %q", in.Frames, in.AudioBytes, in.Tags.Title)
			}
			if int(in.AudioOff) < len(c.before)-9000 || in.DamageN != 0 {
				t.Errorf("audio at %d, damage %v", in.AudioOff, in.Damage)
			}
		})
	}
}

// TestDamage: what is no frame is stepped over, reported with its place and
// length, and left out of the timeline.
func TestDamage(t *testing.T) {
	a, b := silence(head44, 12), silence(head44, 8)
	n := len(a) / 12
	mono := head44 | 3<<6
	for _, c := range []struct {
		name   string
		data   []byte
		frames int
		off    int64
		what   string
	}{
		{"junk in front", cat(junk(500), a), 12, 0, "500 bytes that are not audio"},
		{"junk between", cat(a, junk(333), b), 20, int64(len(a)), "333 bytes between frames"},
		{"junk behind", cat(a, junk(333)), 12, int64(len(a)), "333 bytes after the last frame"},
		{"zeros behind", cat(a, make([]byte, 1000)), 12, int64(len(a)), "1000 bytes after the last frame"},
		{"three bytes behind", cat(a, []byte{1, 2, 3}), 12, int64(len(a)), "3 bytes after"},
		{"cut short", a[:len(a)-5], 11, int64(11 * n), "cut short"},
		{"only a header left", a[:11*n+4], 11, int64(11 * n), "cut short"},
		{"other rate between", cat(a, silence(headOdd, 5), b), 20, int64(len(a)), "1920 bytes between frames"},
		{"mono between", cat(a, silence(mono, 5), b), 20, int64(len(a)), "2085 bytes between frames"},
		{"a tag between", cat(a, id3v1(), id3v2(90), b), 20, int64(len(a)), "228 bytes between frames"},
		{"junk, then two frames and the end", cat(a, junk(9), b[:2*n]), 14, int64(len(a)), "9 bytes between"},
		{"junk, then one frame and the end", cat(a, junk(9), b[:n]), 13, int64(len(a)), "9 bytes between"},
		{"junk, then two frames that are not whole", cat(a, junk(9), b[:n+20]), 13, int64(len(a)), "9 bytes between"},
		{"free format between", cat(a, []byte{0xFF, 0xFB, 0, 0}, b), 20, int64(len(a)), "4 bytes between"},
		{"a long gap", cat(a, bytes.Repeat([]byte{0xFF}, 600<<10), b), 20, int64(len(a)), "614400 bytes between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := open(t, c.data).Info()
			if in.Frames != lengthOf(c.frames, head44) {
				t.Errorf("%d frames, want %d", in.Frames/1152, c.frames)
			}
			if len(in.Damage) == 0 || in.Damage[0].Off != c.off || !strings.Contains(in.Damage[0].What, c.what) {
				t.Errorf("damage %v, want %q at %d", in.Damage, c.what, c.off)
			}
		})
	}
}

// TestTwoHeaders: a sync word alone is not believed, nor are two headers once
// there was junk.
func TestTwoHeaders(t *testing.T) {
	one, good := silence(head44, 1), silence(head44, 10)
	lone := append(bytes.Clone(one[:4]), junk(900)...)
	pair := cat(silence(headOdd, 1), silence(headOdd, 1)[:4], junk(900))
	for _, c := range []struct {
		name string
		data []byte
		off  int64
	}{
		{"lone sync word", cat(lone, good), int64(len(lone))},
		{"two headers after junk", cat(junk(10), pair, good), int64(10 + len(pair))},
		{"one whole frame", one, 0},
		{"two after junk", cat(junk(10), one, one), 10},
	} {
		s, err := Open(bytes.NewReader(c.data), int64(len(c.data)))
		if err != nil || s.first != c.off {
			t.Errorf("%s: %v, %v", c.name, s, err)
		}
	}
	for name, data := range map[string][]byte{
		"one frame after junk": cat(junk(10), one), "one cut frame": one[:300], "junk": junk(5000), "nothing": nil,
		"sync words": bytes.Repeat([]byte{0xFF}, 5000), "three bytes": {0xFF, 0xFB, 0x90},
		"zeros": make([]byte, 3<<20), "tags only": cat(id3v2(100), id3v1()),
	} {
		if _, err := Open(bytes.NewReader(data), int64(len(data))); !errors.Is(err, audio.ErrNotAudio) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	free := func(n int) []byte {
		return append([]byte{0xFF, 0xFB, 0x00, 0x00}, junk(n-4)...)
	}
	for _, c := range []struct {
		data         []byte
		format, what string
	}{
		{silence(headL2, 5), "mp2", "layer II:"},
		{silence(headL1, 5), "mp1", "layer I:"},
		{cat(id3v2(20), silence(headL2, 5)), "mp2", "layer II:"},
		{cat(free(1000), free(1000), free(1001), free(1000)), "mp3", "free-format"},
	} {
		_, err := Open(bytes.NewReader(c.data), int64(len(c.data)))
		var e *audio.Error
		if !errors.As(err, &e) || e.Format != c.format || !errors.Is(err, audio.ErrUnsupported) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("want %s refused as %s: %v", c.what, c.format, err)
		}
	}
}

func TestInfoTag(t *testing.T) {
	body := silence(head44, 40)
	raw := lengthOf(40, head44)
	vbri := appendFrame(nil, head44, head44.length())
	copy(vbri[vbriOff:], "VBRI\x00\x01\x04\x00\x00\x4b\x00\x00\x41\x28\x00\x00\x00\x28")
	crcTag := xing(head44&^(1<<16), 40, "LAME3.100", 576, 1000)
	late := bytes.Clone(crcTag)
	copy(late[38:], crcTag[36:len(crcTag)-2]) // where encoders put it that count the CRC
	copy(late[36:], "\x00\x00")
	for _, c := range []struct {
		name                   string
		data                   []byte
		frames, delay, padding audio.Frames
		damage                 string
	}{
		{"LAME", cat(xing(head44, 40, "LAME3.100", 576, 1000), body), raw - 1105 - 471, 1105, 471, ""},
		{"padding under 529", cat(xing(head44, 40, "Lavc58.13", 576, 500), body), raw - 1105, 1105, 0, ""},
		{"most", cat(xing(head44, 40, "LAME3.100", 4095, 4095), body), raw - 4624 - 3566, 4624, 3566, ""},
		{"no delay", cat(xing(head44, 40, "Lavf", 0, 0), body), raw - 529, 529, 0, ""},
		{"no encoder", cat(xing(head44, 40, "", 0, 0), body), raw, 0, 0, ""},
		{"unknown encoder", cat(xing(head44, 40, "Gogo", 576, 1000), body), raw, 0, 0, ""},
		{"VBRI", cat(vbri, body), raw, 0, 0, ""},
		{"with CRC", cat(crcTag, body), raw - 1105 - 471, 1105, 471, ""},
		{"with CRC, counted", cat(late, body), raw - 1105 - 471, 1105, 471, ""},
		{"implausible", cat(xing(head44, 3, "LAME3.100", 4000, 4000), body[:3*417]), 3 * 1152, 0, 0, "not trimmed"},
		{"cut short by one", cat(xing(head44, 41, "LAME3.100", 576, 2000), body), raw - 1105 - 319, 1105, 319, "counts 41"},
		{"cut short by many", cat(xing(head44, 60, "LAME3.100", 576, 2000), body), raw - 1105, 1105, 0, "counts 60"},
		{"something appended", cat(xing(head44, 30, "LAME3.100", 576, 2000), body), raw - 1105, 1105, 0, "counts 30"},
	} {
		in := open(t, c.data).Info()
		if in.Frames != c.frames || in.Delay != c.delay || in.Padding != c.padding {
			t.Errorf("%s: %d frames, delay %d, padding %d; want %d, %d, %d", c.name, in.Frames, in.Delay, in.Padding, c.frames, c.delay, c.padding)
		}
		if (c.damage == "") != (in.DamageN == 0) || c.damage != "" && !strings.Contains(in.Damage[0].What, c.damage) {
			t.Errorf("%s: damage %v", c.name, in.Damage)
		}
	}
	only := cat(xing(head44, 40, "LAME3.100", 576, 1000), junk(600))
	if s, err := Open(bytes.NewReader(only), int64(len(only))); err == nil {
		if _, err = s.Index(context.Background(), bytes.NewReader(only)); !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("a tag without audio: %v", err)
		}
	}
}

// TestTagChecksum: LAME's own checksum of its tag comes out of ours, and the
// tag of a slice reads back.
func TestTagChecksum(t *testing.T) {
	data := load(t, "music-march-vbr.mp3")
	at := bytes.Index(data, []byte("Xing")) - 36
	if got, want := crc16(data[at:at+190]), binary.BigEndian.Uint16(data[at+190:]); got != want {
		t.Errorf("%04x, the file says %04x", got, want)
	}
	h, n := plain(head24, tagFrameBytes(head24))
	b := appendFrame(nil, h, n)
	writeInfoTag(b, h, 123, 4567, 4000, 1234)
	got, ok := parseInfoTag(b, h)
	want := infoTag{kind: "Xing", frames: 123, bytes: 4567, encoder: sliceEncoder, trims: true, delay: 4000, padding: 1234}
	if !ok || got != want {
		t.Errorf("%+v", got)
	}
}

// TestOtherFormats: no sync is found where there is none to find.
func TestOtherFormats(t *testing.T) {
	for _, name := range []string{"music-drums.wav", "music-tabla.flac", "music-chimes.ogg", "music-guitar.opus"} {
		data := load(t, name)
		if _, err := Open(bytes.NewReader(data), int64(len(data))); !errors.Is(err, audio.ErrNotAudio) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// countReader counts the bytes read.
type countReader struct {
	io.ReaderAt
	n int64
}

func (c *countReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func TestOpenIsCheap(t *testing.T) {
	data := cat(silence(head44, 20000), id3v1())
	r := &countReader{ReaderAt: bytes.NewReader(data)}
	if _, err := Open(r, int64(len(data))); err != nil {
		t.Fatal(err)
	}
	if r.n > 16<<10 {
		t.Errorf("Open read %d bytes", r.n)
	}
}

func TestCancelAndReadError(t *testing.T) {
	data := silence(head44, 2000)
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Index(ctx, bytes.NewReader(data)); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	var e *audio.Error
	if _, err := s.Index(context.Background(), bytes.NewReader(data[:500000])); !errors.As(err, &e) {
		t.Errorf("file that shrank: %v", err)
	}
	if _, err := s.Index(context.Background(), failing{}); err != errDisk {
		t.Errorf("read error: %v", err)
	}
}

var errDisk = errors.New("disk on fire")

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

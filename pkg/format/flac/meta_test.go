package flac

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// block makes a metadata block.
func block(kind int, last bool, body []byte) []byte {
	b := []byte{byte(kind | b2i(last)<<7), byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}
	return append(b, body...)
}

// dressed puts blocks between STREAMINFO and the frames of a made stream.
func dressed(data []byte, blocks ...[]byte) []byte {
	out := slices.Clone(data[:42])
	out[4] = 0
	return append(append(out, bytes.Join(blocks, nil)...), data[42:]...)
}

func comment(fields ...string) []byte {
	text := func(s string) []byte { return append(binary.LittleEndian.AppendUint32(nil, uint32(len(s))), s...) }
	b := append(text("maker 1"), binary.LittleEndian.AppendUint32(nil, uint32(len(fields)))...)
	for _, f := range fields {
		b = append(b, text(f)...)
	}
	return b
}

func picture(size int) []byte {
	var b []byte
	num := func(n int) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	num(3)
	num(9)
	b = append(b, "image/png"...)
	num(0)
	for _, n := range []int{10, 20, 24, 0, size} {
		num(n)
	}
	return append(b, append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, size-8)...)...)
}

func small() *maker {
	return &maker{bits: 16, channels: 2, rate: 44100, blocks: []int{4096, 4096, 4096, 4096, 1000}}
}

func id3v2() []byte {
	frame := append([]byte("TIT2\x00\x00\x00\x06\x00\x00\x03"), "title"...)
	return append([]byte{'I', 'D', '3', 4, 0, 0, 0, 0, 0, byte(len(frame))}, frame...)
}

func id3v1() []byte { return append([]byte("TAGold title"), make([]byte, 128-12)...) }

func TestMetadata(t *testing.T) {
	m := small()
	seek := make([]byte, 3*18)
	binary.BigEndian.PutUint64(seek[18:], 4096)
	binary.BigEndian.PutUint64(seek[36:], 1<<64-1)
	cue := make([]byte, 128+8+259+1)
	cue[len(cue)-1] = 3
	data := dressed(m.file(7), block(blockPadding, false, make([]byte, 100)), block(blockApp, false, []byte("abcdrest")),
		block(blockSeekTable, false, seek), block(blockComment, false, comment("TITLE=a song", "TRACKNUMBER=3")),
		block(blockCueSheet, false, cue), block(blockPicture, false, picture(500)), block(99, false, []byte("?")),
		block(blockPadding, true, nil))
	data = append(append(id3v2(), data...), id3v1()...)
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	i := s.Info()
	if i.Tags.Title != "a song" || i.Tags.Track != 3 || i.Encoder != "maker 1" {
		t.Errorf("tags %+v, encoder %q", i.Tags, i.Encoder)
	}
	if len(i.Pictures) != 1 || i.Pictures[0].Width != 10 || i.Pictures[0].Size != 500 || i.Pictures[0].Kind != "front cover" {
		t.Errorf("pictures %+v", i.Pictures)
	}
	if i.Frames != 4*4096+1000 || i.DamageN != 0 || i.BitDepth != 16 || i.Channels != 2 || i.SampleRate != 44100 {
		t.Errorf("info %+v", i)
	}
	for _, want := range []audio.Field{{Name: "seek points", Value: "2"}, {Name: "application block", Value: `"abcd"`},
		{Name: "padding", Value: "100 bytes"}, {Name: "cue sheet tracks", Value: "2"}, {Name: "block size", Value: "4096 samples"},
		{Name: "MD5 of the samples", Value: "not set"}, {Name: "tags behind the audio", Value: "128 bytes"}} {
		if !slices.Contains(i.Details, want) {
			t.Errorf("no detail %v in %v", want, i.Details)
		}
	}
	if _, ok := s.MD5(); ok {
		t.Error("an MD5 sum was made up")
	}
	tr := index(t, data)
	if i := tr.Info(); i.DamageN != 0 || i.AudioOff+i.AudioBytes != int64(len(data)-128) {
		t.Errorf("indexed: %+v", i)
	}
	if !slices.Equal(joined(t, carved(t, tr, data, 5000), i), m.pcm) {
		t.Error("slices do not join")
	}
}

// TestTagsInSamples: a last frame that ends like a tag is samples all the
// same, in a file and at the end of a slice, whatever tag follows it.
func TestTagsInSamples(t *testing.T) {
	ape := append([]byte("APETAGEX\xd0\x07\x00\x00\x20"), make([]byte, 19)...)
	for name, c := range map[string]struct {
		tag  []byte
		back int // from the tag's first byte to the frame's CRC
	}{"ID3v1": {id3v1()[:126], 126}, "APE": {ape[:30], 30}} {
		m := &maker{bits: 16, channels: 1, rate: 44100, blocks: []int{4096, 4096, 4096}, verbatim: true, given: make([]int64, 3*4096)}
		for _, end := range []int{4096, 3 * 4096} {
			for i := range c.back / 2 {
				m.given[end-c.back/2+i] = int64(int16(binary.BigEndian.Uint16(c.tag[2*i:])))
			}
		}
		data := m.file(1)
		for _, after := range [][]byte{nil, id3v1(), append(bytes.Clone(ape), id3v1()...)} {
			data := append(bytes.Clone(data), after...)
			tr := index(t, data)
			i := tr.Info()
			if i.Frames != 3*4096 || i.DamageN != 0 || i.AudioOff+i.AudioBytes != int64(len(data)-len(after)) || after == nil && i.Tags.Title != "" {
				t.Errorf("%s, %d bytes behind: %+v", name, len(after), i)
			}
			for _, b := range carved(t, tr, data, 4096) {
				if i := index(t, b).Info(); i.Frames != 4096 || i.DamageN != 0 || i.Tags.Title != "" {
					t.Errorf("%s: slice %+v", name, i)
				}
			}
		}
		proven(t, name, data, 4096)
	}
}

func TestMD5(t *testing.T) {
	data := publicFiles(t)["music-guitar.flac"]
	sum, ok := index(t, data).MD5()
	if !ok || !bytes.Equal(sum[:], data[8+18:8+34]) {
		t.Errorf("%x, %v", sum, ok)
	}
}

func TestMissingTotal(t *testing.T) {
	m := small()
	m.noTotal = true
	data := m.file(8)
	s, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil || s.Info().Frames != -1 {
		t.Fatalf("%d frames, %v", s.Info().Frames, err)
	}
	if i := index(t, data).Info(); i.Frames != 4*4096+1000 || i.DamageN != 0 {
		t.Errorf("%+v", i)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := small().file(9)
	change := func(f func([]byte)) []byte { b := slices.Clone(good); f(b); return b }
	for name, c := range map[string]struct {
		data []byte
		err  error
		says string
	}{
		"empty":          {nil, audio.ErrNotAudio, "signature"},
		"other":          {[]byte("OggS and so on, at length"), audio.ErrNotAudio, "signature"},
		"signature only": {good[:4], audio.ErrCorrupt, "ends"},
		"cut":            {good[:30], audio.ErrCorrupt, "ends"},
		"padding first":  {append([]byte("fLaC"), append(block(1, false, make([]byte, 40)), good[4:]...)...), audio.ErrCorrupt, "not STREAMINFO"},
		"long info":      {change(func(b []byte) { b[7] = 35 }), audio.ErrCorrupt, "STREAMINFO has 35"},
		"no rate":        {change(func(b []byte) { b[18], b[19], b[20] = 0, 0, b[20]&15 }), audio.ErrCorrupt, "sample rate"},
		"3 bits":         {change(func(b []byte) { b[20] &^= 1; b[21] = b[21]&15 | 2<<4 }), audio.ErrCorrupt, "3 bits"},
	} {
		_, err := Open(bytes.NewReader(c.data), int64(len(c.data)))
		var e *audio.Error
		if !errors.As(err, &e) || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Metadata that lies costs what it lies about, never the sound.
func TestLyingMetadata(t *testing.T) {
	m := small()
	good := m.file(10)
	long := func(kind, by int) []byte {
		b := block(kind, true, make([]byte, 1000))
		n := 1000 + by
		b[1], b[2], b[3] = byte(n>>16), byte(n>>8), byte(n)
		return b
	}
	for name, data := range map[string][]byte{
		"past the end":    dressed(good, long(blockPicture, 1<<23)),
		"into the frames": dressed(good, long(blockPicture, 5)),
		"too short":       dressed(good, long(blockComment, -500)),
		"invalid type":    dressed(good, block(blockInvalid, true, nil)),
		"second info":     dressed(good, block(blockStreamInfo, true, good[8:42])),
		"bad comment":     dressed(good, block(blockComment, true, []byte{255, 255, 255, 255, 1})),
		"bad picture":     dressed(good, block(blockPicture, true, picture(500)[:60])),
		"bad seek table":  dressed(good, block(blockSeekTable, true, make([]byte, 37))),
		"bad cue sheet":   dressed(good, block(blockCueSheet, true, make([]byte, 37))),
	} {
		tr := index(t, data)
		i := tr.Info()
		if i.DamageN == 0 {
			t.Errorf("%s: no damage noted", name)
		}
		if !slices.Equal(joined(t, carved(t, tr, data, 5000), i), m.pcm) {
			t.Errorf("%s: sound lost: %d frames, %v", name, i.Frames, i.Damage)
		}
	}
}

func TestManyBlocks(t *testing.T) {
	var b []byte
	for range maxBlocks + 5 {
		b = append(b, block(blockApp, false, nil)...)
	}
	m := small()
	data := dressed(m.file(11), b, block(blockPadding, true, nil))
	if i := index(t, data).Info(); i.DamageN == 0 || i.Frames != 4*4096+1000 || len(i.Details) > maxNotes+2 {
		t.Errorf("%d frames, %v", i.Frames, i.Damage)
	}
}

func TestFileShrinks(t *testing.T) {
	data := publicFiles(t)["music-tabla.flac"]
	tr := index(t, data)
	from, to := tr.Cuts().Find(400000), tr.Cuts().End()
	var e *audio.Error
	if _, err := tr.Carve(nil, bytes.NewReader(data[:len(data)-100]), from, to); !errors.As(err, &e) {
		t.Errorf("shrunk: %v", err)
	}
	changed := slices.Clone(data)
	changed[len(data)-3000] ^= 1
	if _, err := tr.Carve(nil, bytes.NewReader(changed), from, to); !errors.As(err, &e) {
		t.Errorf("changed: %v", err)
	}
	s, _ := Open(bytes.NewReader(data), int64(len(data)))
	if _, err := s.Index(context.Background(), bytes.NewReader(data[:9000])); !errors.As(err, &e) {
		t.Errorf("shrunk before indexing: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Index(ctx, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("disk gone")
	if _, err := s.Index(context.Background(), failing{broken}); !errors.Is(err, broken) {
		t.Errorf("read error: %v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

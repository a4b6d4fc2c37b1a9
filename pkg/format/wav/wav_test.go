package wav

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

func TestPublicFiles(t *testing.T) {
	want := map[string]audio.Info{
		"music-coffee-8k.wav":     {Sample: audio.S16, SampleRate: 8000, Channels: 1, BitDepth: 16, Frames: 584771},
		"music-drums.wav":         {Sample: audio.S16, SampleRate: 44100, Channels: 2, BitDepth: 16, Frames: 302400},
		"speech-librivox-16k.wav": {Sample: audio.S16, SampleRate: 16000, Channels: 1, BitDepth: 16, Frames: 113600},
	}
	for name, file := range corpus(t, ".wav") {
		tr, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		i, w := tr.Info(), want[name]
		if i.Sample != w.Sample || i.SampleRate != w.SampleRate || i.Channels != w.Channels || i.BitDepth != w.BitDepth || i.Frames != w.Frames || i.DamageN != 0 {
			t.Errorf("%s: %+v", name, i)
		}
		at := bytes.Index(file, []byte("data")) + 8
		n := int(binary.LittleEndian.Uint32(file[at-4:]))
		if got := whole(t, tr, file); !bytes.Equal(got, file[at:at+n]) {
			t.Errorf("%s: %d bytes carved, %d in the data chunk", name, len(got), n)
		}
	}
}

func TestSampleKinds(t *testing.T) {
	for _, s := range []audio.Sample{audio.U8, audio.S16, audio.S24, audio.S32, audio.F32, audio.F64, audio.ALaw, audio.ULaw} {
		for _, channels := range []int{1, 2, 3, 8, 255} {
			sound := bytes.Repeat([]byte("0123456"), s.Bytes()*channels)
			file := written(t, wavfile.Format{SampleRate: 96000, Channels: channels, Sample: s}, sound)
			tr, err := open(file)
			if err != nil {
				t.Fatal(err)
			}
			i := tr.Info()
			if i.Sample != s || i.Channels != channels || i.Frames != 7 || i.BitDepth != 8*s.Bytes() || i.DamageN != 0 {
				t.Errorf("%s %d: %+v", s, channels, i)
			}
			if !bytes.Equal(whole(t, tr, file), sound) {
				t.Errorf("%s %d: other bytes came back", s, channels)
			}
		}
	}
}

const pcmGUID = "\x01\x00" + mediaGUID

// TestLayouts walks through headers as they are met in the wild. All hold the
// sound abcdefgh as two frames of 16-bit stereo unless they say otherwise.
func TestLayouts(t *testing.T) {
	const sound = "abcdefgh"
	ds64 := func(riff, data uint64, more string) string {
		b := binary.LittleEndian.AppendUint64(nil, riff)
		b = binary.LittleEndian.AppendUint64(b, data)
		b = binary.LittleEndian.AppendUint64(b, 2)
		return ck("ds64", string(binary.LittleEndian.AppendUint32(b, uint32(len(more)/12)))+more)
	}
	rf64 := func(id string, chunks ...string) []byte {
		return []byte(sized(id, math.MaxUint32, "WAVE"+strings.Join(chunks, "")))
	}
	list := ck("LIST", "INFO"+ck("INAM", "Title")+ck("ISFT", "Maker"))
	for _, c := range []struct {
		name   string
		file   []byte
		sound  string
		damage string // part of the first one
		detail string // name of one that must be there
	}{
		{"plain", riff(stereo16, ck("data", sound)), sound, "", ""},
		{"fmt of 18 bytes", riff(ck("fmt ", fm(1, 2, 44100, 4, 16)+"\x00\x00"), ck("data", sound)), sound, "", ""},
		{"odd chunk, padded", riff(stereo16, ck("odd ", "123"), ck("data", sound)), sound, "", ""},
		{"odd chunk, not padded", riff(stereo16, sized("odd ", 3, "123"), ck("data", sound)), sound, "", "chunk without padding"},
		{"data before fmt", riff(ck("data", sound), stereo16), sound, "", ""},
		{"data size 0, sound follows", riff(stereo16, sized("data", 0, sound)), sound, "", "data size"},
		{"data size -1", riff(stereo16, sized("data", math.MaxUint32, sound)), sound, "", "data size"},
		{"data size of sox to a pipe", []byte(sized("RIFF", 0x7FFFF024, "WAVE"+stereo16+sized("data", 0x7FFFF000, sound))), sound, "", "data size"},
		{"data size less than the header from -1", riff(stereo16, sized("data", math.MaxUint32-36, sound)), sound, "", "data size"},
		{"data cut off", riff(stereo16, sized("data", 1000, sound)), sound, "data chunk says 1000 bytes, 8 are there", ""},
		{"half a frame at the end", riff(stereo16, ck("data", sound+"xy")), sound, "last frame has 2 of 4", ""},
		{"half a frame, size not stated", riff(stereo16, sized("data", math.MaxUint32, sound+"xy")), sound, "", "last frame"},
		{"header says more than there is", []byte(sized("RIFF", 5000, "WAVE"+stereo16+ck("data", sound))), sound, "the header says 5008", ""},
		{"header counts itself", []byte(sized("RIFF", 44, "WAVE"+stereo16+ck("data", sound))), sound, "", ""},
		{"header size 0", []byte(sized("RIFF", 0, "WAVE"+stereo16+ck("data", sound))), sound, "", ""},
		{"last list cut off", riff(stereo16, ck("data", sound), sized("LIST", 99, "INFO")), sound, `"LIST" chunk says 99 bytes, 4`, ""},
		{"zeros at the end", riff(stereo16, ck("data", sound), strings.Repeat("\x00", 100)), sound, "", "trailing bytes"},
		{"ID3v1 at the end", riff(stereo16, ck("data", sound), "TAGsome title"+strings.Repeat("\x00", 115)), sound, "", "trailing bytes"},
		{"two data chunks", riff(stereo16, ck("data", sound), ck("data", "more")), sound, "", "second data chunk"},
		{"two fmt chunks", riff(stereo16, ck("fmt ", fm(1, 1, 8000, 1, 8)), ck("data", sound)), sound, "", ""},
		{"tags behind", riff(stereo16, ck("data", sound), list), sound, "", ""},
		{"chunk of zeros before data", riff(stereo16, "\x00\x00\x00\x00\x00\x00\x00\x00", ck("data", sound)), sound, "", ""},
		{"extensible", riff(ck("fmt ", ext(2, 44100, 4, 16, 16, 3, pcmGUID)), ck("data", sound)), sound, "", "speakers"},
		{"extensible, 12 of 16 bits", riff(ck("fmt ", ext(2, 44100, 4, 16, 12, 0, pcmGUID)), ck("data", sound)), sound, "", "valid bits"},
		{"ambisonic", riff(ck("fmt ", ext(2, 44100, 4, 16, 16, 0, "\x01\x00"+ambiGUID)), ck("data", sound)), sound, "", "channel layout"},
		{"plain 12 of 16 bits", riff(ck("fmt ", fm(1, 2, 44100, 4, 12)), ck("data", sound)), sound, "", "valid bits"},
		{"RF64", rf64("RF64", ds64(0, 8, ""), stereo16, sized("data", math.MaxUint32, sound), list), sound, "", ""},
		{"BW64", rf64("BW64", ds64(0, 8, ""), stereo16, sized("data", math.MaxUint32, sound)), sound, "", ""},
		{"RF64, another large chunk", rf64("RF64", ds64(0, 8, "junk\x04\x00\x00\x00\x00\x00\x00\x00"), stereo16,
			sized("junk", math.MaxUint32, "1234"), sized("data", math.MaxUint32, sound)), sound, "", ""},
		{"RF64 cut off", rf64("RF64", ds64(1<<40, 1<<40, ""), stereo16, sized("data", math.MaxUint32, sound)), sound, "data chunk says 1099511627776", ""},
		{"RF64, size 0", rf64("RF64", ds64(0, 0, ""), stereo16, sized("data", math.MaxUint32, sound)), sound, "", "data size"},
		{"RF64, size -1", rf64("RF64", ds64(math.MaxUint64, math.MaxUint64, ""), stereo16, sized("data", math.MaxUint32, sound)), sound, "", "data size"},
		{"RF64, small size in place", rf64("RF64", ds64(0, 99, ""), stereo16, ck("data", sound)), sound, "", ""},
		{"bext", riff(ck("bext", "A song"+strings.Repeat("\x00", 596)), stereo16, ck("data", sound)), sound, "", "description"},
		{"ID3v2 in front", append([]byte("ID3\x03\x00\x00\x00\x00\x00\x0a"+strings.Repeat("\x00", 10)), riff(stereo16, ck("data", sound))...), sound, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := open(c.file)
			if err != nil {
				t.Fatal(err)
			}
			i := tr.Info()
			if got := string(whole(t, tr, c.file)); got != c.sound {
				t.Errorf("sound %q, want %q", got, c.sound)
			}
			switch {
			case c.damage == "" && i.DamageN > 0, c.damage != "" && i.DamageN == 0,
				c.damage != "" && !strings.Contains(i.Damage[0].What, c.damage):
				t.Errorf("damage %v, want %q", i.Damage, c.damage)
			}
			if c.detail != "" && detail(i, c.detail) == "" {
				t.Errorf("no %q in %v", c.detail, i.Details)
			}
		})
	}
}

func TestWave64(t *testing.T) {
	chunk := func(guid [16]byte, size int, body string) string {
		b := binary.LittleEndian.AppendUint64(append([]byte(nil), guid[:]...), uint64(size))
		return string(b) + body + strings.Repeat("\x00", -len(body)&7)
	}
	wave := id64("wave")
	form := chunk(id64("fmt "), 40, fm(1, 1, 44100, 1, 8))
	for _, c := range []struct {
		name, body, sound string
		damage            int
	}{
		{"plain", form + chunk(id64("data"), 24+5, "abcde"), "abcde", 0},
		{"chunk of unknown kind first", chunk([16]byte{1}, 24+3, "xyz") + form + chunk(id64("data"), 24+5, "abcde"), "abcde", 0},
		{"data cut off", form + chunk(id64("data"), 24+500, "abcdefgh"), "abcdefgh", 1},
		{"size 0", form + chunk(id64("data"), 0, "abcdefgh"), "abcdefgh", 0},
		{"size -1", form + chunk(id64("data"), -1, "abcdefgh"), "abcdefgh", 0},
		{"padding in between", form + chunk(id64("junk"), 24+1, "x") + chunk(id64("data"), 24+8, "abcdefgh"), "abcdefgh", 0},
	} {
		body := string(wave[:]) + c.body
		file := []byte(chunk(riff64, 24+len(body), body))
		tr, err := open(file)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(whole(t, tr, file)); got != c.sound || tr.Info().DamageN != c.damage {
			t.Errorf("%s: sound %q, damage %v", c.name, got, tr.Info().Damage)
		}
	}
}

func TestRefused(t *testing.T) {
	data := ck("data", "abcdefgh")
	for _, c := range []struct {
		name string
		file []byte
		want error
		text string
	}{
		{"empty", nil, audio.ErrNotAudio, ""},
		{"text", []byte("some words, no sound at all"), audio.ErrNotAudio, ""},
		{"AVI", []byte("RIFF\x04\x00\x00\x00AVI "), audio.ErrNotAudio, ""},
		{"RIFX", []byte("RIFX\x04\x00\x00\x00WAVE"), audio.ErrUnsupported, "big-endian"},
		{"no fmt", riff(data), audio.ErrCorrupt, "no fmt chunk"},
		{"no data", riff(stereo16), audio.ErrCorrupt, "no data chunk"},
		{"fmt too short", riff(ck("fmt ", "\x01\x00\x02\x00"), data), audio.ErrCorrupt, "too short"},
		{"0 channels", riff(ck("fmt ", fm(1, 0, 44100, 4, 16)), data), audio.ErrCorrupt, "0 channels"},
		{"256 channels", riff(ck("fmt ", fm(1, 256, 44100, 512, 16)), data), audio.ErrCorrupt, "256 channels"},
		{"rate 0", riff(ck("fmt ", fm(1, 2, 0, 4, 16)), data), audio.ErrCorrupt, "sample rate 0"},
		{"absurd rate", riff(ck("fmt ", fm(1, 2, 4e9, 4, 16)), data), audio.ErrCorrupt, "4000000000 Hz"},
		{"block align 0", riff(ck("fmt ", fm(1, 2, 44100, 0, 16)), data), audio.ErrCorrupt, "0 bytes a frame"},
		{"block align off", riff(ck("fmt ", fm(1, 2, 44100, 6, 16)), data), audio.ErrCorrupt, "6 bytes a frame"},
		{"0 bits", riff(ck("fmt ", fm(1, 2, 44100, 4, 0)), data), audio.ErrUnsupported, "0 bits"},
		{"64-bit integers", riff(ck("fmt ", fm(1, 1, 44100, 8, 64)), data), audio.ErrUnsupported, "64 bits"},
		{"half floats", riff(ck("fmt ", fm(3, 1, 44100, 2, 16)), data), audio.ErrUnsupported, "float of 16"},
		{"Microsoft ADPCM", riff(ck("fmt ", fm(2, 1, 44100, 256, 4)), data), audio.ErrUnsupported, "Microsoft ADPCM in WAV is not supported"},
		{"IMA ADPCM", riff(ck("fmt ", fm(17, 1, 44100, 256, 4)), data), audio.ErrUnsupported, "IMA ADPCM"},
		{"MP3", riff(ck("fmt ", fm(0x55, 1, 44100, 1, 0)), data), audio.ErrUnsupported, "MP3 in WAV"},
		{"nobody's codec", riff(ck("fmt ", fm(0x1234, 1, 44100, 1, 0)), data), audio.ErrUnsupported, "codec 0x1234"},
		{"extensible without the extension", riff(ck("fmt ", fm(tagExtensible, 2, 44100, 4, 16)), data), audio.ErrCorrupt, "too short"},
		{"sub-format unknown", riff(ck("fmt ", ext(2, 44100, 4, 16, 16, 3, strings.Repeat("z", 16))), data), audio.ErrUnsupported, "sub-format"},
		{"no sound", riff(stereo16, ck("data", "")), audio.ErrCorrupt, "no sound"},
		{"ds64 too short", []byte(sized("RF64", math.MaxUint32, "WAVE"+ck("ds64", "1234"))), audio.ErrCorrupt, "too short"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(c.file)
			isError(t, err, c.want)
			if err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v does not say %q", err, c.text)
			}
		})
	}
}

func TestTags(t *testing.T) {
	list := ck("LIST", "INFO"+ck("INAM", "Title\x00")+ck("IART", "Artist\x00")+ck("ISFT", "Maker\x00"))
	tr, err := open(riff(stereo16, list, ck("data", "abcd")))
	if err != nil {
		t.Fatal(err)
	}
	if i := tr.Info(); i.Tags.Title != "Title" || i.Tags.Artist != "Artist" || i.Encoder != "Maker" {
		t.Errorf("%+v, encoder %q", i.Tags, i.Encoder)
	}
}

// failing is a file on a broken disk.
type failing struct{}

var errDisk = errors.New("input/output error")

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestShrunkAndBrokenFiles(t *testing.T) {
	file := riff(stereo16, ck("data", strings.Repeat("abcd", 100)))
	r := bytes.NewReader(file)
	s, err := Open(r, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.Index(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	short := bytes.NewReader(file[:100])
	_, err = s.Index(context.Background(), short)
	isError(t, err, audio.ErrCorrupt)
	_, err = tr.Carve(nil, short, tr.Cuts().Find(0), tr.Cuts().End())
	isError(t, err, audio.ErrCorrupt)
	if _, err := tr.Carve(nil, failing{}, tr.Cuts().Find(0), tr.Cuts().End()); !errors.Is(err, errDisk) {
		t.Errorf("read error came as %v", err)
	}
	if _, err := Open(failing{}, 100); !errors.Is(err, errDisk) {
		t.Errorf("read error came as %v", err)
	}
	_, err = tr.Carve(nil, r, tr.Cuts().End(), tr.Cuts().Find(0))
	isError(t, err, audio.ErrCorrupt)
	_, err = tr.Carve(nil, r, audio.Cut{Off: -4}, tr.Cuts().End())
	isError(t, err, audio.ErrCorrupt)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Index(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled index: %v", err)
	}
}

// sparse is a file of size bytes: head, then zeros.
type sparse struct {
	head []byte
	size int64
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(s.size-off, 0)))
	clear(p[:n])
	if off < int64(len(s.head)) {
		copy(p[:n], s.head[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestPast4GiB(t *testing.T) {
	const data = 5 << 30
	b := binary.LittleEndian.AppendUint64(nil, 72+data)
	b = binary.LittleEndian.AppendUint64(b, data)
	b = append(b, make([]byte, 12)...)
	head := sized("RF64", math.MaxUint32, "WAVE"+ck("ds64", string(b))+stereo16+sized("data", math.MaxUint32, ""))
	file := sparse{head: []byte(head), size: int64(len(head)) + data}
	s, err := Open(file, file.size)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := s.Index(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	if i := tr.Info(); i.Frames != data/4 || i.DamageN != 0 {
		t.Errorf("%d frames, damage %v", i.Frames, i.Damage)
	}
	from := tr.Cuts().Find(data/4 - 1000)
	if got, err := tr.Carve(nil, file, from, tr.Cuts().End()); err != nil || len(got) != 4000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestCarveAllocatesNothing(t *testing.T) {
	for _, s := range []audio.Sample{audio.U8, audio.S16, audio.S24, audio.F64, audio.ALaw, audio.ULaw} {
		file := written(t, wavfile.Format{SampleRate: 44100, Channels: 2, Sample: s}, make([]byte, 50000*2*s.Bytes()))
		tr, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		r := bytes.NewReader(file)
		for _, tr := range []audio.Track{tr, Compatible(tr)} {
			i := tr.Info()
			dst := make([]byte, 0, 40000*i.Channels*i.Sample.Bytes())
			from, to := tr.Cuts().Find(5000), tr.Cuts().Find(45000)
			if n := testing.AllocsPerRun(20, func() {
				if dst, err = tr.Carve(dst[:0], r, from, to); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s as %s: %v allocations", s, i.Sample, n)
			}
		}
	}
}

package player

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
)

// coded is a track of one slice of MP3, of which an index has told indexed
// faults.
type coded struct {
	*memSource
	indexed int
}

func (s coded) Info() audio.Info {
	in := audio.Info{Container: audio.MP3, Codec: audio.Layer3, SampleRate: 44100, Channels: 2, BitDepth: 16, Frames: s.frames, DamageN: s.indexed}
	for range s.indexed {
		in.Damage = append(in.Damage, audio.Damage{Off: 1000, What: "broken"})
	}
	return in
}

func (s coded) Params() decode.Params {
	return decode.Params{Codec: audio.Layer3, SampleRate: 44100, Channels: 2}
}

// newCoded cuts 60 frames out of a public file, of which one is preroll, and
// has change spoil some.
func newCoded(t testing.TB, indexed int, change func(frame []byte), which ...int) coded {
	t.Helper()
	b, err := os.ReadFile("../../testdata/audio/music-safari-cbr.mp3")
	if err != nil {
		t.Fatal(err)
	}
	const frames = 60
	at := bytes.Index(b, []byte("\xff\xfb\x90"))
	at += 417 // the tag
	var starts []int
	for i := at; len(starts) <= frames; i += 417 + int(b[i+2]>>1&1) {
		starts = append(starts, i)
	}
	for _, k := range which {
		change(b[starts[k]:])
	}
	m := &memSource{rate: 44100, channels: 2, frames: 1152 * (frames - 1), held: map[int]bool{},
		spans: []audio.Span{{Samples: 1152 * (frames - 1), Preroll: 1152}}, data: [][]byte{b[starts[0]:starts[frames]]}}
	return coded{memSource: m, indexed: indexed}
}

// short makes the first granule's codes run past its end; ones makes the side
// information impossible.
func short(b []byte) { b[6], b[7] = b[6]&0xF0, 90 }

func ones(b []byte) { copy(b[4:], strings.Repeat("\xff", 32)) }

// TestDecodedDamage: what only decoding shows of a track is told once, with
// how much of it was heard.
func TestDecodedDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		source coded
		want   []string
	}{
		{"sound", newCoded(t, 0, nil), nil},
		{"in the preroll", newCoded(t, 0, short, 0), nil},
		{"once", newCoded(t, 0, short, 30), []string{"the sound is damaged at 0.8 s; it is played as far as it can be decoded"}},
		{"three times", newCoded(t, 0, short, 10, 11, 50), []string{"the sound is damaged in 3 places, the first at 0.2 s; it is played as far as it can be decoded"}},
		{"silenced, not indexed", newCoded(t, 0, ones, 10, 11), []string{"the sound is damaged in 2 places, the first at 0.2 s; it is played as far as it can be decoded"}},
		{"silenced, indexed", newCoded(t, 2, ones, 10, 11), []string{"the file is damaged in 2 places, the first at byte 1000: broken; what cannot be read is left out or silent"}},
	} {
		for _, unpaced := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := play(t, &card{unpaced: unpaced}, Config{Open: opener(c.source)}, c.source.memSource)
				r.wait()
				if got := warnings(r); r.err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
					t.Errorf("%s: %v, %q, want %q", c.name, r.err, got, c.want)
				}
			})
			c.source.closed, c.source.opened = 0, 0
		}
	}
}

func opener(s coded) func(context.Context, int) (Source, error) {
	return func(context.Context, int) (Source, error) {
		s.opened++
		return s, nil
	}
}

func warnings(r *rig) (out []string) {
	for _, ev := range r.events {
		if ev.Kind == Warning {
			out = append(out, ev.Text)
		}
	}
	return out
}

// TestDecodedDamageOfAPart: whoever leaves a track is told of what was heard.
func TestDecodedDamageOfAPart(t *testing.T) {
	s := newCoded(t, 0, short, 10, 50)
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &card{}, Config{Open: opener(s)}, s.memSource)
		time.Sleep(time.Second / 2)
		r.e.Stop()
		r.wait()
		if got := warnings(r); len(got) != 1 || !strings.HasPrefix(got[0], "the sound is damaged at 0.2 s") {
			t.Errorf("%v, %q", r.err, got)
		}
	})
}

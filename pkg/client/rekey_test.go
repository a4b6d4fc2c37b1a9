package client_test

import (
	"io"
	"math/rand"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/decode"
	"secstream/pkg/pack"
	"secstream/pkg/player"
	"secstream/pkg/seal"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// TestRekeyedTrackIsTheFile: a key that wears by the number of slices is
// replaced while the track plays and is sought in, and nothing of that is heard.
func TestRekeyedTrackIsTheFile(t *testing.T) {
	for _, how := range []struct{ slices, ahead int }{{3, 2}, {1, 1}, {1, 12}} {
		m := between(t, handler(t, session.Config{Millis: 1000, Rekey: session.Rekey{Slices: how.slices}}, publicAudio))
		c, tracks := dial(t, m.URL, client.Config{Ahead: how.ahead, Patience: time.Millisecond})
		for _, name := range []string{"music-drums.wav", "speech-french-8k.flac"} {
			track := opens(t, c, trackID(t, tracks, name))
			want, info := whole(t, filepath.Join(publicAudio, name))
			compare(t, playAll(t, track, 0), want, 0)
			rng := rand.New(rand.NewSource(1))
			for range 8 {
				compareSome(t, track, want, audio.Frames(rng.Int63n(int64(info.Frames))))
			}
			if err := track.Close(); err != nil {
				t.Error(err)
			}
		}
		if m.seen("exchange") < 8 {
			t.Errorf("%d exchanges for %d slices", m.seen("exchange"), m.seen("slice"))
		}
	}
}

// compareSome plays a little from frame at on.
func compareSome(t *testing.T, track *client.Track, want []float64, at audio.Frames) {
	t.Helper()
	ch := track.Info().Channels
	j := player.NewJoiner(track, at)
	defer j.Close()
	got := make([]float64, 100*ch)
	n, err := j.Read(t.Context(), got)
	if err != nil && err != io.EOF || n == 0 {
		t.Fatalf("from frame %d: %d frames, %v", at, n, err)
	}
	compare(t, got[:int(n)*ch], want[int(at)*ch:int(at+n)*ch], at)
}

// TestHundredKeys: a listener may go through any number of keys.
func TestHundredKeys(t *testing.T) {
	m := between(t, handler(t, session.Config{Millis: 1000, Rekey: session.Rekey{Slices: 1}}, publicAudio))
	c, tracks := dial(t, m.URL, client.Config{Ahead: 1, Patience: time.Millisecond})
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	want := sliceOf(t, track, 0)
	for range 200 {
		sounds(t, track, 0, want)
		if m.seen("exchange") > 100 {
			return
		}
	}
	t.Errorf("%d exchanges", m.seen("exchange"))
}

// TestRekeyByTime: the same by the clock, also for who did nothing for long and
// then asks for several slices at once.
func TestRekeyByTime(t *testing.T) {
	now := &clock{now: time.Unix(1e9, 0)}
	m := between(t, handler(t, session.Config{Millis: 1000, Rekey: session.Rekey{After: time.Minute}, Now: now.Now}, publicAudio))
	c, tracks := dial(t, m.URL, client.Config{Ahead: 6, Patience: time.Millisecond})
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	want, _ := whole(t, publicAudio+"/music-drums.wav")
	for _, stage := range []struct {
		pause     time.Duration
		exchanges int // more than before
	}{{59 * time.Second, 0}, {2 * time.Second, 1}, {10 * time.Minute, 1}, {-time.Hour, 0}} {
		before := m.seen("exchange")
		now.add(stage.pause)
		compare(t, playAll(t, track, 0), want, 0)
		for range 1000 { // it may be on its way still
			if m.seen("exchange")-before >= stage.exchanges {
				break
			}
			sliceOf(t, track, 0)
		}
		if n := m.seen("exchange") - before; n != stage.exchanges {
			t.Errorf("after %v: %d exchanges, want %d", stage.pause, n, stage.exchanges)
		}
	}
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestWornKey: a listener that does not listen to X-Rekey is refused at twice
// the limit, and plays on after another exchange. Another listener on the server
// hears nothing of it.
func TestWornKey(t *testing.T) {
	m := between(t, handler(t, session.Config{Millis: 1000, Rekey: session.Rekey{Slices: 3}}, publicAudio))
	var mu sync.Mutex
	refused, asked := 0, 0
	m.does(nil, on("slice", func(p *passing) {
		mu.Lock()
		defer mu.Unlock()
		if p.header.Get(wire.HeaderRekey) != "" {
			asked++
			p.header.Del(wire.HeaderRekey)
		}
		if p.status == http.StatusConflict && strings.Contains(string(p.body), `"rekey"`) {
			refused++
		}
	}))
	c, tracks := dial(t, m.URL, client.Config{Ahead: 1, Patience: time.Millisecond})
	id := trackID(t, tracks, "drums.wav")
	track, other := opens(t, c, id), opens(t, c, id)
	want := sliceOf(t, other, 0)
	for range 12 {
		sounds(t, track, 0, want)
		track.Release(1)
	}
	sounds(t, other, 0, want)
	mu.Lock()
	defer mu.Unlock()
	if refused < 1 || asked < 3 || m.seen("exchange") < 3 {
		t.Errorf("refused %d times, asked %d times, %d exchanges", refused, asked, m.seen("exchange"))
	}
}

// TestSlicesWhileRekeying: many at once, of one track.
func TestSlicesWhileRekeying(t *testing.T) {
	address := start(t, session.Config{Millis: 1000, Rekey: session.Rekey{Slices: 2}}, publicAudio)
	c, tracks := dial(t, address, client.Config{Ahead: 3, Patience: time.Millisecond})
	var wg sync.WaitGroup
	for range 3 {
		track := opens(t, c, trackID(t, tracks, "drums.wav"))
		wg.Go(func() {
			for n := range 30 {
				i := n * 5 % track.Len()
				if b, err := track.Slice(t.Context(), i); err != nil || int64(len(b)) != int64(track.Span(i).Samples)*4 {
					t.Errorf("slice %d: %d bytes, %v", i, len(b), err)
				}
				track.Release(i)
				_, _ = track.Info(), track.Params()
			}
			if err := track.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestPaddedTrackIsTheFile: padded slices of all formats, as they are and as PCM,
// are exact, and have the sizes of Padmé.
func TestPaddedTrackIsTheFile(t *testing.T) {
	names := []string{"speech-librivox-16k.wav", "speech-french-8k.flac", "speech-english-16k-mono.mp3", "speech-russian-8k.ogg"}
	for _, how := range []server.Decode{server.DecodeNever, server.DecodeAlways} {
		m := between(t, serving(t, session.Config{Millis: 2000, Pad: true, PCM: decode.AsWAV}, server.Config{Decode: how}, publicAudio))
		var mu sync.Mutex
		sizes := map[string]int{}
		m.does(nil, on("slice", func(p *passing) {
			mu.Lock()
			defer mu.Unlock()
			sizes[p.header.Get(wire.HeaderSequence)] = len(p.body)
		}))
		c, tracks := dial(t, m.URL, client.Config{Patience: time.Millisecond})
		for _, name := range names {
			t.Run(string(how)+" "+name, func(t *testing.T) {
				track := opens(t, c, trackID(t, tracks, name))
				riff := track.Info().Container == audio.RIFF
				if riff != (how == server.DecodeAlways && !strings.HasSuffix(name, "wav")) {
					t.Fatalf("it comes as %s", track.Info().Container)
				}
				want, _ := whole(t, filepath.Join(publicAudio, name))
				step := 0.
				if riff && !strings.HasSuffix(name, "flac") {
					step = 1. / (1 << 16) // a lossy one has 16 bits then
				}
				near(t, playAll(t, track, 0), want, step)
				for i := range track.Len() {
					plain := len(sliceOf(t, track, i))
					if riff {
						plain += 44 // a header
					}
					mu.Lock()
					got := sizes[strconv.Itoa(i)]
					mu.Unlock()
					if want := pack.Padded(plain+1) + seal.Overhead; got != want {
						t.Errorf("slice %d of %d bytes comes as %d, want %d", i, plain, got, want)
					}
				}
			})
		}
	}
}

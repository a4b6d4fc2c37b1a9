package player

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

func TestDecibels(t *testing.T) {
	for _, c := range []struct{ db, amplitude float64 }{
		{0, 1}, {-20, 0.1}, {-6, 0.501187}, {-59.9, 0.00101158}, {-60, 0}, {-100, 0}, {math.Inf(-1), 0}, {6, 1.99526},
	} {
		got := Decibels(c.db)
		if math.Abs(got-c.amplitude) > 1e-5 || c.db == 0 && got != 1 {
			t.Errorf("%v dB is %v, want %v", c.db, got, c.amplitude)
		}
		if back := ToDecibels(got); math.Abs(back-max(c.db, -60)) > 1e-9 {
			t.Errorf("%v dB comes back as %v", c.db, back)
		}
	}
	if Decibels(math.NaN()) != 0 || ToDecibels(math.NaN()) != -60 || ToDecibels(-1) != -60 {
		t.Error("nonsense is not silence")
	}
	for _, c := range []struct{ percent, db float64 }{{100, 0}, {150, 0}, {50, -18.0618}, {80, -5.8146}, {10, -60}, {3, -60}, {0, -60}, {-1, -60}, {math.NaN(), -60}} {
		a := Percent(c.percent)
		if got := ToDecibels(a); math.Abs(got-c.db) > 1e-4 || c.percent == 100 && a != 1 {
			t.Errorf("%v %% is %v dB, want %v", c.percent, got, c.db)
		}
		want := min(c.percent, 100)
		if c.db == -60 {
			want = 0
		}
		if got := ToPercent(a); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v %% comes back as %v", c.percent, got)
		}
	}
}

func tag(v float64) *float64 { return &v }

func TestReplayGainFactor(t *testing.T) {
	both := audio.Tags{TrackGain: tag(-6), TrackPeak: tag(0.9), AlbumGain: tag(-3), AlbumPeak: tag(0.95)}
	for _, c := range []struct {
		name   string
		mode   ReplayGain
		tags   audio.Tags
		preamp float64
		db     float64
	}{
		{"off", GainOff, both, 6, 0},
		{"track", GainTrack, both, 0, -6},
		{"album", GainAlbum, both, 0, -3},
		{"preamp", GainTrack, both, 4, -2},
		{"no tags", GainTrack, audio.Tags{}, 4, 0},
		{"track for album", GainAlbum, audio.Tags{TrackGain: tag(-5)}, 0, -5},
		{"album for track", GainTrack, audio.Tags{AlbumGain: tag(-4)}, 0, -4},
		{"up as far as the peak allows", GainTrack, audio.Tags{TrackGain: tag(12), TrackPeak: tag(0.5)}, 0, 6.0206},
		{"up below the peak", GainTrack, audio.Tags{TrackGain: tag(3), TrackPeak: tag(0.5)}, 0, 3},
		{"up by the preamp", GainTrack, audio.Tags{TrackGain: tag(-3), TrackPeak: tag(0.5)}, 20, 6.0206},
		{"down for a peak over full scale", GainTrack, audio.Tags{TrackGain: tag(0), TrackPeak: tag(1.25)}, 0, -1.9382},
		{"up without a peak", GainTrack, audio.Tags{TrackGain: tag(8)}, 0, 0},
		{"a peak of nothing", GainTrack, audio.Tags{TrackGain: tag(8), TrackPeak: tag(0)}, 0, 0},
		{"nonsense", GainTrack, audio.Tags{TrackGain: tag(math.NaN()), AlbumGain: tag(math.Inf(1))}, 0, 0},
		{"absurd", GainTrack, audio.Tags{TrackGain: tag(-1e300), TrackPeak: tag(1)}, 0, -60},
	} {
		f := c.mode.factor(c.tags, c.preamp)
		if db := 20 * math.Log10(f); math.Abs(db-c.db) > 1e-3 || c.db == 0 && f != 1 {
			t.Errorf("%s: %v dB, want %v", c.name, db, c.db)
		}
	}
}

// flat is a track of a constant, with tags.
func flat(frames audio.Frames, level float64, tags audio.Tags) *made {
	return &made{rate: 8000, channels: 2, frames: frames, slice: 5000, tags: tags, bits: value(func(int, int) float64 { return level })}
}

// playMade plays tracks; heard is what was written so far.
func playMade(t *testing.T, cfg Config, tracks ...*made) (e *Engine, heard func() []float64, done chan error) {
	t.Helper()
	var kept []float64
	out := &pacer{sink: func(p []float64) { kept = append(kept, p...) }}
	heard = func() []float64 {
		out.mu.Lock()
		defer out.mu.Unlock()
		return slices.Clone(kept)
	}
	cfg.Output = out
	cfg.Tracks = len(tracks)
	if cfg.Open == nil {
		cfg.Open = openMade(tracks)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() { done <- e.Run(t.Context()) }()
	return e, heard, done
}

// TestReplayGainAtTheJoin: each track has its own gain, from its first frame to
// its last, in a join without a gap; one without a gain comes out as it is.
func TestReplayGainAtTheJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := flat(10_007, 0.25, audio.Tags{TrackGain: tag(6), TrackPeak: tag(0.25)})
		b := flat(3_001, 0.3, audio.Tags{})
		c := flat(9_000, 0.5, audio.Tags{TrackGain: tag(-20)})
		e, heard, done := playMade(t, Config{ReplayGain: GainTrack}, a, b, c)
		time.Sleep(time.Second)
		if g := e.State().Gain; math.Abs(g-6) > 1e-9 {
			t.Errorf("gain %v", g)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := []float64{0.25 * Decibels(6), 0.3, 0.05}
		if len(heard()) != 2*(10_007+3_001+9_000) {
			t.Fatalf("%d samples", len(heard()))
		}
		for i, v := range heard() {
			w := want[0]
			if i >= 2*10_007 {
				w = want[1]
			}
			if i >= 2*13_008 {
				w = want[2]
			}
			if math.Abs(v-w) > 1e-15 || w == 0.3 && v != w {
				t.Fatalf("sample %d is %v, want %v", i, v, w)
			}
		}
	})
}

// TestGainChangesSoftly: volume, mute and ReplayGain move without a step, and
// end at exactly what was asked for.
func TestGainChangesSoftly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, heard, done := playMade(t, Config{}, flat(80_000, 0.5, audio.Tags{TrackGain: tag(-10)}))
		var told []EventKind
		over := make(chan struct{})
		go func() {
			defer close(over)
			for ev := range e.Events() {
				if ev.Kind == VolumeChange {
					told = append(told, ev.Kind)
				}
			}
		}()
		for _, c := range []struct {
			do   func()
			want float64
		}{
			{func() { e.SetVolume(Decibels(-2)) }, 0.5 * Decibels(-2)},
			{func() { e.SetVolume(Decibels(-2)) }, 0.5 * Decibels(-2)}, // nothing to tell
			{func() { e.Mute(true) }, 0},
			{func() { e.Mute(false) }, 0.5 * Decibels(-2)},
			{func() { e.SetReplayGain(GainTrack) }, 0.5 * Decibels(-2) * Decibels(-10)},
			{func() { e.SetVolume(1) }, 0.5 * Decibels(-10)},
			{func() { e.SetReplayGain(GainOff) }, 0.5},
		} {
			c.do()
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			p := heard()
			if got := p[len(p)-1]; got != c.want && math.Abs(got-c.want) > 1e-16 {
				t.Errorf("%v, want %v", got, c.want)
			}
		}
		e.Stop()
		<-done
		<-over
		if m := step(heard(), 2); m > 0.5*1.6/80 || m == 0 { // the steepest of a change over 80 frames is 1.5/80
			t.Errorf("largest step %v", m)
		}
		if len(told) != 6 {
			t.Errorf("%d volumechange, want 6", len(told))
		}
	})
}

package output

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

// paused has o stand still, and fails where it does not: what it holds is neither
// heard nor lost.
func paused(t *testing.T, o *speaker) {
	t.Helper()
	if still, err := o.Pause(true); err != nil || !still {
		t.Fatalf("it stands still: %v, %v", still, err)
	}
	before := o.Buffered()
	time.Sleep(400 * time.Millisecond)
	if now := o.Buffered(); now != before {
		t.Errorf("%d frames buffered, and then %d", before, now)
	}
}

// loud is b, of 16-bit stereo, without its frames of silence.
func loud(b []byte) []byte {
	var rest []byte
	for frame := range slices.Chunk(b, 4) {
		if !bytes.Equal(frame, []byte{0, 0, 0, 0}) {
			rest = append(rest, frame...)
		}
	}
	return rest
}

// TestPulsePause: a pause in the middle of sound loses none of it, and adds none.
func TestPulsePause(t *testing.T) {
	steady(t, func() error {
		recorded := soundServer(t, "44100")
		o := opened(t, "pulse")
		a, b := noise(1, 22050), noise(2, 22050)
		pieces(t, o, a, 882)
		paused(t, o)
		if still, err := o.Pause(false); err != nil || still {
			t.Errorf("it goes on: %v, %v", !still, err)
		}
		pieces(t, o, b, 882)
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		paused(t, o) // nothing at all
		if _, err := o.Pause(false); err != nil {
			t.Error(err)
		}
		c := noise(3, 2205) // shorter than what the server waits for to begin
		pieces(t, o, c, 882)
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		all := slices.Concat(wavfile.AppendSamples(nil, a, audio.S16), wavfile.AppendSamples(nil, b, audio.S16), wavfile.AppendSamples(nil, c, audio.S16))
		return heard(loud(recorded()), loud(all))
	})
}

// TestServerGoneInAPause: it is noticed when the sound goes on, and so it does.
func TestServerGoneInAPause(t *testing.T) {
	steady(t, func() error {
		s := pulseAudio(t, capSink)
		o := opened(t, "auto")
		pieces(t, o, make([]float64, 2*8820), 882)
		paused(t, o)
		s.kill()
		s.start(capSink)
		recorded := s.record("cap", "s16le", "44100", "2")
		if still, err := o.Pause(false); err != nil || still || !strings.Contains(o.Warning(), "the sound server is gone; it goes on with") {
			t.Errorf("it goes on: %v, %v; warning %q", !still, err, o.Warning())
		}
		p := noise(2, 22050)
		pieces(t, o, p, 882)
		if err := o.Drain(); err != nil {
			t.Error(err)
		}
		return heard(recorded(), wavfile.AppendSamples(nil, p, audio.S16))
	})
}

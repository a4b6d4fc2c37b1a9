package player

import (
	"time"

	"secstream/pkg/audio"
)

// State is a snapshot of an engine, as it is heard now.
type State struct {
	Track     int           // as in Config.Open
	Item      uint64        // the entry of the queue, 0 for none
	Position  time.Duration // in the track: what was written less what the output still holds
	Duration  time.Duration // of the track, 0 while it is not open
	Frame     audio.Frames  // Position in frames
	Info      audio.Info    // zero while the track is not open
	Paused    bool
	Buffering bool          // sound is wanted and not there yet
	Muted     bool          // the volume is kept
	Volume    float64       // amplitude, 0 to 1; ToDecibels and ToPercent say it otherwise
	Gain      float64       // what ReplayGain does to the track, dB
	Ended     bool          // all of the queue was played
	Done      bool          // nothing plays any more: Run is over
	Underruns int           // how often sound was not ready in time
	Silence   time.Duration // what was played in place of sound: in underruns, and for slices that were left out
	Repeat    Repeat
	Shuffle   bool
}

// show makes frame at of tr what s tells of.
func (s *State) show(tr *track, at audio.Frames, gain float64) {
	s.Track, s.Item, s.Info, s.Gain = tr.item.Track, tr.item.ID, tr.info, gain
	s.Duration, s.Frame, s.Position = tr.info.Duration(), at, 0
	if tr.spec.SampleRate > 0 {
		s.Position = at.Duration(tr.spec.SampleRate)
	}
}

// keptSpans is how many changes of pace the clock remembers. They only matter
// as long as the output holds sound from before them, a fraction of a second.
const keptSpans = 32

// timeline says which frame of which track an output frame holds.
type timeline struct {
	written int64 // frames given to the output since it was opened
	spans   [keptSpans]span
	n       int
}

// span is a run of output frames: sound from at on, or silence in which the
// position stays at at.
type span struct {
	out   int64 // the first output frame
	track *track
	item  Item          // also known while the track is not open
	pos   time.Duration // the position while the track is not open
	at    audio.Frames
	still bool
}

// jump forgets all spans: from now on the position is s.
func (t *timeline) jump(s span) {
	s.out = t.written
	t.spans[0], t.n = s, 1
}

// reopen follows the output when it starts anew, with nothing in it.
func (t *timeline) reopen() {
	s := t.last()
	t.written = 0
	t.jump(s)
}

func (t *timeline) last() span {
	if t.n == 0 {
		return span{}
	}
	return t.spans[t.n-1]
}

// sound notes n frames written, the first of them frame at of tr.
func (t *timeline) sound(tr *track, at audio.Frames, n int) {
	l := t.last()
	if l.still || l.track != tr || l.at+audio.Frames(t.written-l.out) != at || t.n == 0 {
		t.push(span{out: t.written, track: tr, item: tr.item, at: at})
	}
	t.written += int64(n)
}

// silence notes n frames of silence written.
func (t *timeline) silence(n int) {
	if l := t.last(); !l.still {
		l.at += audio.Frames(t.written - l.out)
		l.out, l.still = t.written, true
		t.push(l)
	}
	t.written += int64(n)
}

// unwrite takes back n frames that the output dropped.
func (t *timeline) unwrite(n int64) {
	t.written = max(t.written-n, t.last().out)
}

func (t *timeline) push(s span) {
	if t.n == keptSpans {
		copy(t.spans[:], t.spans[1:])
		t.n--
	}
	t.spans[t.n] = s
	t.n++
}

// heard is the span and the position when the output holds buffered frames.
func (t *timeline) heard(buffered audio.Frames) (span, audio.Frames) {
	if t.n == 0 {
		return span{}, 0
	}
	now := t.written - int64(buffered)
	k := t.n - 1
	for k > 0 && t.spans[k].out > now {
		k--
	}
	s := t.spans[k]
	at := s.at
	if !s.still && now > s.out {
		at += audio.Frames(now - s.out)
	}
	if s.track != nil {
		at = min(at, s.track.info.Frames)
	}
	return s, max(at, 0)
}

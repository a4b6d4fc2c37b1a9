package player

import (
	"time"

	"secstream/pkg/audio"
)

// State is a snapshot of an engine, as it is heard now.
type State struct {
	Track     int           // index of the track, from 0
	Position  time.Duration // in the track: what was written less what the output still holds
	Duration  time.Duration // of the track, 0 while it is not open
	Frame     audio.Frames  // Position in frames
	Info      audio.Info    // zero while the track is not open
	Paused    bool
	Buffering bool    // sound is wanted and not there yet
	Muted     bool    // the volume is kept
	Volume    float64 // amplitude, 0 to 1
	Done      bool    // nothing plays any more
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
	i     int           // track index, also known while the track is not open
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
		t.push(span{out: t.written, track: tr, i: tr.i, at: at})
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

// EventKind says what an Event tells.
type EventKind string

// What happens to an engine. Events are raised when sound is handed to the
// output, which is up to Output.Buffered before it is heard.
const (
	TrackStarted EventKind = "track started" // Info is set
	SliceStarted EventKind = "slice started" // Slice is set
	Buffering    EventKind = "buffering"     // no sound is ready; silence is played
	Resumed      EventKind = "resumed"       // sound is ready again
	Paused       EventKind = "paused"
	Unpaused     EventKind = "unpaused"
	Seeked       EventKind = "seeked"
	TrackEnded   EventKind = "track ended"  // to its last frame
	TrackFailed  EventKind = "track failed" // Err is set; the next track follows
	Warning      EventKind = "warning"      // Text is set
	Finished     EventKind = "finished"     // the last track is over
)

// Event is one thing that happened.
type Event struct {
	Kind  EventKind
	Track int           // index of the track, from 0
	Slice int           // SliceStarted only
	At    time.Duration // position in the track
	Info  audio.Info    // TrackStarted only
	Err   error         // TrackFailed only
	Text  string        // Warning only: lower case, no full stop
}

// eventRoom is how many events wait for a slow listener.
const eventRoom = 256

// emit never blocks: when the listener lags, slice events are left out first,
// and with a full queue the oldest event makes room. Run's goroutine only.
func (e *Engine) emit(ev Event) {
	if ev.Kind == SliceStarted && len(e.events) > eventRoom/2 {
		return
	}
	for {
		select {
		case e.events <- ev:
			return
		default:
		}
		select {
		case <-e.events:
		default:
		}
	}
}

package player

import (
	"time"

	"secstream/pkg/audio"
)

// EventKind says what an Event tells.
type EventKind string

// What happens to an engine. Events are raised when sound is handed to the
// output, which is up to Output.Buffered before it is heard.
const (
	Play           EventKind = "play"           // sound begins, or goes on after a pause
	Pause          EventKind = "pause"          // sound pauses
	Stop           EventKind = "stop"           // Stop was called, or Run's context ended; the last event
	Ended          EventKind = "ended"          // the last track is over
	Seek           EventKind = "seek"           // the position is another, in the same entry of the queue
	TimeUpdate     EventKind = "timeupdate"     // time passes, about four times a second
	Buffering      EventKind = "buffering"      // no sound is ready; silence is played
	Buffered       EventKind = "buffered"       // sound is ready again, after Buffering
	CanPlayThrough EventKind = "canplaythrough" // as much is decoded ahead as ever is; once after each start, seek and wait
	TrackChange    EventKind = "trackchange"    // another entry of the queue begins; State.Info tells of it
	TrackEnded     EventKind = "trackended"     // a track was played to its last frame
	Slice          EventKind = "slice"          // another slice begins; Slice is set
	Error          EventKind = "error"          // Err is set: a track broke off, or with Skipped a slice is left out
	Warning        EventKind = "warning"        // Text is set
	QueueChange    EventKind = "queue"          // entries, their order, Repeat or Shuffle changed
	VolumeChange   EventKind = "volumechange"   // volume, mute or ReplayGain changed
)

// Event is one thing that happened.
type Event struct {
	Kind    EventKind
	Track   int           // as in Config.Open
	Item    uint64        // the entry of the queue, 0 for none
	At      time.Duration // position in the track
	Slice   int           // of Slice events, and of Error with Skipped
	Skipped bool          // Error: silence stands in for that slice alone, and the track goes on
	Err     error         // Error only
	Text    string        // Warning only: lower case, no full stop
	// State is the engine's when the event was raised. What it says of track and
	// position is the event's own: it is so when that is heard.
	State State
}

const (
	// eventRoom is how many events wait for a slow listener.
	eventRoom = 256
	// timeRoom is how many may wait before the passing of time is left out.
	timeRoom = 4
	// timeEvery is how often TimeUpdate is raised.
	timeEvery = 250 * time.Millisecond
)

// emit never blocks. When the listener lags, timeupdate is left out first, then
// slice; with a full channel the oldest event makes room. Run's goroutine only.
func (e *Engine) emit(ev Event) {
	n := len(e.events)
	if ev.Kind == TimeUpdate && n > timeRoom || ev.Kind == Slice && n > eventRoom/2 {
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

// tell raises ev about the sound that is heard.
func (e *Engine) tell(ev Event) {
	ev.State = e.State()
	ev.Track, ev.Item, ev.At = ev.State.Track, ev.State.Item, ev.State.Position
	e.emit(ev)
}

// tellAt raises ev about frame at of tr, which is handed over now.
func (e *Engine) tellAt(tr *track, at audio.Frames, ev Event) {
	ev.Track, ev.Item = tr.item.Track, tr.item.ID
	if tr.spec.SampleRate > 0 {
		ev.At = at.Duration(tr.spec.SampleRate)
	}
	ev.State = e.State()
	ev.State.show(tr, at, e.gainOf(tr))
	e.emit(ev)
}

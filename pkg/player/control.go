package player

import (
	"slices"
	"time"
)

// target is a place to play from. Without an item it is the end of all.
type target struct {
	item Item
	at   time.Duration
}

// Pause stops (or with false, resumes) the sound, softly. The position stays;
// a paced output stands still (Pauser), or is fed silence. An unpaced output does not pause. To resume
// after the end plays what was queued since, or else the queue from its start.
func (e *Engine) Pause(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pause(on)
}

// Toggle pauses or resumes.
func (e *Engine) Toggle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pause(!e.paused && !e.ended)
}

func (e *Engine) pause(on bool) {
	e.paused = on
	if !on && e.ended && !e.move && len(e.list.items) > 0 {
		to := e.list.after(e.list.current().ID, true)
		if to.ID == 0 {
			to = e.list.items[0]
		}
		e.turnTo(target{item: to})
	}
	poke(e.wake)
}

// SetVolume sets the amplitude, 0 to 1 (Decibels and Percent give it). Values
// outside are taken as the nearest inside; NaN as 0.
func (e *Engine) SetVolume(amplitude float64) {
	if !(amplitude > 0) {
		amplitude = 0
	}
	e.loud(func() { e.volume = min(amplitude, 1) })
}

// Mute silences the sound, which goes on, and with false gives it back.
func (e *Engine) Mute(on bool) { e.loud(func() { e.muted = on }) }

// SetReplayGain chooses the loudness of tracks, of that which plays too.
func (e *Engine) SetReplayGain(g ReplayGain) { e.loud(func() { e.replay = min(g, GainAlbum) }) }

// loud makes a change that VolumeChange tells of, if it is one.
func (e *Engine) loud(change func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	volume, muted, replay := e.volume, e.muted, e.replay
	change()
	if volume != e.volume || muted != e.muted || replay != e.replay {
		e.loudness++
		poke(e.wake)
	}
}

// Seek goes to a position in the track that is heard. A position past the end
// goes on to the next track.
func (e *Engine) Seek(to time.Duration) {
	e.turn(func(now target) target { return target{now.item, to} })
}

// SeekBy moves by d, backwards if negative, from the position that is heard
// or was last asked for.
func (e *Engine) SeekBy(d time.Duration) {
	e.turn(func(now target) target { return target{now.item, now.at + d} })
}

// Next goes to the start of the next track; after the last one all is over,
// but with RepeatAll.
func (e *Engine) Next() {
	e.turn(func(now target) target {
		if now.item.ID == 0 {
			return now
		}
		return target{item: e.list.after(now.item.ID, true)}
	})
}

// Prev goes to the start of the track, or, within its first three seconds, of
// the one before that did not fail.
func (e *Engine) Prev() {
	e.turn(func(now target) target {
		i := e.list.find(now.item.ID)
		if i < 0 {
			i = len(e.list.items)
		}
		if now.at < restartAfter {
			for i--; i > 0 && e.bad[e.list.items[i].Track]; i-- {
			}
		}
		if i = min(max(i, 0), len(e.list.items)-1); i < 0 {
			return target{}
		}
		return target{item: e.list.items[i]}
	})
}

// Jump goes to the start of a track: to its entry that comes next in the queue,
// or the latest that was; where there is none one is put in after the current.
// A number out of range is ignored.
func (e *Engine) Jump(track int) {
	if track < 0 || track >= e.cfg.Tracks {
		return
	}
	e.turn(func(target) target {
		i := e.list.nearest(track)
		if i < 0 {
			i = e.list.cur + 1
			e.list.insert(i, []int{track})
		}
		return target{item: e.list.items[i]}
	})
}

// JumpTo goes to the start of an entry of the queue; an ID that is not there
// is ignored.
func (e *Engine) JumpTo(id uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.list.find(id); i >= 0 {
		e.turnTo(target{item: e.list.items[i]})
	}
}

// Stop ends Run, softly; an output that hangs is interrupted (Interrupter).
func (e *Engine) Stop() {
	e.mu.Lock()
	if !e.stop {
		e.stop = true
		close(e.quit)
	}
	e.mu.Unlock()
	poke(e.wake)
}

// Queue is a copy of what was, is and will be played. The entry that is
// current is that which is handed to the output, which is heard up to
// Output.Buffered later; State.Item is what is heard.
func (e *Engine) Queue() Queue {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list.view()
}

// QueueVersion is another number whenever Queue is another.
func (e *Engine) QueueVersion() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list.version
}

// Add puts tracks at the end of the queue. Numbers out of range are ignored.
func (e *Engine) Add(tracks ...int) {
	tracks = e.known(tracks)
	e.edit(func(l *list) { l.insert(len(l.items), tracks) })
}

// PlayNext puts tracks right after the current one.
func (e *Engine) PlayNext(tracks ...int) {
	tracks = e.known(tracks)
	e.edit(func(l *list) { l.insert(l.cur+1, tracks) })
}

func (e *Engine) known(tracks []int) []int {
	return slices.DeleteFunc(slices.Clone(tracks), func(t int) bool { return t < 0 || t >= e.cfg.Tracks })
}

// Remove takes an entry out. Without the one that plays, the next one does.
func (e *Engine) Remove(id uint64) {
	e.edit(func(l *list) {
		i := l.find(id)
		if i < 0 {
			return
		}
		playing := i == l.cur && !e.ended && !e.over
		next := l.after(id, true)
		l.remove(i)
		if next.ID == id {
			next = Item{}
		}
		if playing {
			e.turnTo(target{item: next})
		}
	})
}

// Move takes an entry by so many places towards the end, or with by negative
// the start, as far as there are any. The one that plays goes on to play.
func (e *Engine) Move(id uint64, by int) {
	e.edit(func(l *list) {
		if i := l.find(id); i >= 0 {
			l.move(i, by)
		}
	})
}

// Clear takes all that is to come out of the queue. What plays goes on.
func (e *Engine) Clear() { e.edit((*list).clear) }

// SetRepeat says what comes after the end. It does nothing on an unpaced output.
func (e *Engine) SetRepeat(r Repeat) {
	paced := e.cfg.Output.Paced()
	e.edit(func(l *list) {
		if r = min(r, RepeatOne); paced && r != l.repeat {
			l.repeat = r
			l.changed()
		}
	})
}

// SetShuffle puts what is to come in an order by chance, or with false brings
// back the one that was, with what was added since.
func (e *Engine) SetShuffle(on bool) { e.edit(func(l *list) { l.setShuffle(on) }) }

// edit changes the queue; the feeder then sees to what was decoded ahead.
func (e *Engine) edit(by func(l *list)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.list.edits
	by(&e.list)
	if e.list.edits != before {
		e.edited = true
		poke(e.wake)
	}
}

// turn changes where to go next, from where playback is or was told to go.
func (e *Engine) turn(by func(now target) target) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.to
	if !e.move {
		sp, at := e.heard()
		now = target{sp.item, sp.pos}
		if sp.track != nil {
			now.at = at.Duration(sp.track.spec.SampleRate)
		}
		if e.list.find(now.item.ID) < 0 {
			now = target{item: e.list.current()} // what is heard was taken out of the queue
		}
	}
	e.turnTo(by(now))
}

// turnTo sets where to go next. Called with mu held.
func (e *Engine) turnTo(to target) {
	to.at = max(to.at, 0)
	e.move, e.to = true, to
	e.ended = e.ended && to.item.ID == 0
	if i := e.list.find(to.item.ID); i >= 0 {
		e.list.point(i)
	}
	poke(e.wake)
}

// orders are the wishes the feeder follows.
type orders struct {
	stop, paused, move, edited bool
	level                      float64 // amplitude, 0 when muted
	replay                     ReplayGain
	to                         target
	edits                      uint64 // of the queue
	loudness                   int
}

// take returns the wishes and clears those that are done once.
func (e *Engine) take() orders {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := orders{
		stop: e.stop, paused: e.paused, move: e.move, edited: e.edited, level: e.volume, replay: e.replay,
		to: e.to, edits: e.list.edits, loudness: e.loudness,
	}
	if e.muted {
		o.level = 0
	}
	e.move, e.edited = false, false
	return o
}

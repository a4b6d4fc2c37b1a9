package player

import "time"

// Pause stops (or with false, resumes) the sound, softly. The position stays;
// a paced output is fed silence. An unpaced output does not pause.
func (e *Engine) Pause(on bool) {
	e.mu.Lock()
	e.paused = on
	e.mu.Unlock()
	poke(e.wake)
}

// Toggle pauses or resumes.
func (e *Engine) Toggle() {
	e.mu.Lock()
	e.paused = !e.paused
	e.mu.Unlock()
	poke(e.wake)
}

// SetVolume sets the amplitude, 0 to 1 (Taper gives it for a control's
// position). Values outside are taken as the nearest inside; NaN as 0.
func (e *Engine) SetVolume(amplitude float64) {
	if !(amplitude > 0) {
		amplitude = 0
	}
	e.mu.Lock()
	e.volume = min(amplitude, 1)
	e.mu.Unlock()
	poke(e.wake)
}

// Mute silences the sound, which goes on, and with false gives it back.
func (e *Engine) Mute(on bool) {
	e.mu.Lock()
	e.muted = on
	e.mu.Unlock()
	poke(e.wake)
}

// Seek goes to a position in the track that is heard. A position past the end
// goes on to the next track.
func (e *Engine) Seek(to time.Duration) {
	e.turn(func(now target) target { return target{now.track, to} })
}

// SeekBy moves by d, backwards if negative, from the position that is heard
// or was last asked for.
func (e *Engine) SeekBy(d time.Duration) {
	e.turn(func(now target) target { return target{now.track, now.at + d} })
}

// Next goes to the start of the next track; after the last one all is over.
func (e *Engine) Next() {
	e.turn(func(now target) target { return target{now.track + 1, 0} })
}

// Prev goes to the start of the track, or, within its first three seconds, of
// the one before that did not fail.
func (e *Engine) Prev() {
	e.turn(func(now target) target {
		i := min(now.track, len(e.bad))
		if now.at < restartAfter {
			for i--; i > 0 && e.bad[i]; i-- {
			}
		}
		return target{i, 0}
	})
}

// Jump goes to the start of track i; a number out of range is ignored.
func (e *Engine) Jump(i int) {
	if i < 0 || i >= e.cfg.Tracks {
		return
	}
	e.turn(func(target) target { return target{i, 0} })
}

// Stop ends Run, softly.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.stop = true
	e.mu.Unlock()
	poke(e.wake)
}

// turn changes where to go next, from where playback is or was told to go.
func (e *Engine) turn(by func(now target) target) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.to
	if !e.move {
		sp, at := e.heard()
		now = target{sp.i, sp.pos}
		if sp.track != nil {
			now.at = at.Duration(sp.track.spec.SampleRate)
		}
	}
	to := by(now)
	e.to = target{min(max(to.track, 0), e.cfg.Tracks), max(to.at, 0)}
	e.move = true
	poke(e.wake)
}

// orders are the wishes the feeder follows.
type orders struct {
	stop, paused, move bool
	level              float64 // amplitude, 0 when muted
	to                 target
}

// take returns the wishes and clears those that are done once.
func (e *Engine) take() orders {
	e.mu.Lock()
	defer e.mu.Unlock()
	o := orders{stop: e.stop, paused: e.paused, move: e.move, level: e.volume, to: e.to}
	if e.muted {
		o.level = 0
	}
	e.move = false
	return o
}

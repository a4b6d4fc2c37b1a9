package player

import (
	"context"
	"errors"
	"fmt"

	"secstream/pkg/audio"
)

// move goes elsewhere: what sounds fades out, the queue starts anew.
func (f *feeder) move(ctx context.Context, to target) error {
	if err := f.hush(); err != nil {
		return err
	}
	f.cancel()
	f.gen++
	f.q.reset(f.gen)
	f.off, f.fading, f.idle, f.finished, f.fail = 0, false, false, false, nil
	f.hold, f.moved = true, true
	job, cancel := context.WithCancel(ctx)
	f.cancel = cancel

	e := f.e
	e.mu.Lock()
	s := span{i: min(to.track, e.cfg.Tracks-1), pos: to.at, still: true}
	if l := e.time.last(); l.track != nil && l.track.i == to.track {
		s.track = l.track
		s.at = audio.FramesIn(min(to.at, l.track.info.Duration()), l.track.spec.SampleRate)
	}
	e.time.jump(s)
	e.buffering = true
	e.mu.Unlock()

	f.r.start(ctx, job, f.gen, to)
	return nil
}

// hush fades out what is being heard, on a paced output.
func (f *feeder) hush() error {
	if !f.paced || !f.open || f.hold || f.gain.still() && f.gain.now == 0 {
		return nil
	}
	ahead, _ := f.q.ahead()
	left := min(ahead-f.off, f.fade)
	if left > 0 {
		f.gain.force(0, left)
	}
	for left > 0 {
		b := f.q.peek()
		if b.kind != sound { // the start of a track
			break
		}
		n := min(left, b.n-f.off)
		if err := f.write(b, n); err != nil {
			return err
		}
		left -= n
	}
	f.gain.set(0)
	return nil
}

// begin starts a track, or goes on in one after a move.
func (f *feeder) begin(ctx context.Context, b *block) error {
	tr := b.track
	if f.moved {
		f.catchUp()
	}
	if !f.open || f.spec != tr.spec {
		err := f.reopen(tr.spec)
		if errors.Is(err, audio.ErrUnsupported) && f.paced {
			return f.pass(ctx, tr.i, err)
		}
		if err != nil {
			return err
		}
		f.gain.set(f.wanted())
	}
	if f.moved {
		// A track's own beginning is played as it is; anywhere else a sudden
		// start would click.
		f.gain.set(0)
		if b.at == 0 || !f.paced {
			f.gain.set(f.wanted())
		}
		f.gain.aim(f.wanted(), f.fade)
	}
	at := b.at.Duration(tr.spec.SampleRate)
	if f.playing != tr.i {
		f.warn()
	}
	if f.moved && f.playing == tr.i {
		f.e.emit(Event{Kind: Seeked, Track: tr.i, At: at})
	} else {
		f.e.emit(Event{Kind: TrackStarted, Track: tr.i, At: at, Info: tr.info})
		if text := damage(tr.info); text != "" {
			f.e.emit(Event{Kind: Warning, Track: tr.i, At: at, Text: text})
		}
	}
	if f.moved {
		f.e.mu.Lock()
		f.e.time.jump(span{track: tr, i: tr.i, at: b.at, still: true})
		f.e.mu.Unlock()
	}
	f.playing, f.moved, f.fail = tr.i, false, nil
	f.q.pop()
	return nil
}

// pass goes on to the next track because the output cannot play this one.
func (f *feeder) pass(ctx context.Context, i int, why error) error {
	if err := f.failed(i, why); err != nil {
		return err
	}
	fail := f.fail
	err := f.move(ctx, target{track: i + 1})
	f.fail = fail
	return err
}

// catchUp drops the silence that was written while there was nothing to play,
// if silence is all the output still holds: sound is heard the sooner.
func (f *feeder) catchUp() {
	if !f.paced || !f.open {
		return
	}
	if held := int64(f.out.Buffered()); held > 0 && held <= f.quiet {
		f.out.Flush()
		f.e.mu.Lock()
		f.e.time.unwrite(held)
		f.e.mu.Unlock()
	}
}

// reopen makes the output ready for sound of another shape.
func (f *feeder) reopen(spec Spec) error {
	if f.open {
		if err := f.out.Drain(); err != nil {
			return fmt.Errorf("finish sound: %w", err)
		}
		f.open = false
	}
	if err := f.out.Open(spec); err != nil {
		return fmt.Errorf("open output for %d channels at %d Hz: %w", spec.Channels, spec.SampleRate, err)
	}
	f.spec, f.open, f.quiet = spec, true, 0
	f.step = max(1, min(int(audio.FramesIn(quantum, spec.SampleRate)), blockSamples/spec.Channels))
	f.fade = max(1, int(audio.FramesIn(fadeTime, spec.SampleRate)))
	f.zeros = make([]float64, f.step*spec.Channels)
	f.e.mu.Lock()
	f.e.time.reopen()
	f.e.mu.Unlock()
	if w, ok := f.out.(interface{ Warning() string }); ok {
		if text := w.Warning(); text != "" {
			f.e.emit(Event{Kind: Warning, Track: max(f.playing, 0), Text: text})
		}
	}
	return nil
}

// failed notes that track i broke off. The error it returns ends everything.
func (f *feeder) failed(i int, err error) error {
	f.e.mu.Lock()
	f.e.bad[i] = true
	f.e.mu.Unlock()
	f.e.emit(Event{Kind: TrackFailed, Track: i, Err: err})
	f.fail = fmt.Errorf("track %d: %w", i+1, err)
	f.gain.set(f.wanted())
	if !f.paced || f.e.cfg.Fatal != nil && f.e.cfg.Fatal(err) {
		return f.fail
	}
	return nil
}

// finish ends playback after the last track.
func (f *feeder) finish() error {
	f.warn()
	f.q.pop()
	f.hold, f.finished = false, true
	if f.open {
		if err := f.out.Drain(); err != nil {
			return fmt.Errorf("finish sound: %w", err)
		}
		f.open = false
	}
	f.e.mu.Lock()
	f.e.buffering = false
	f.e.mu.Unlock()
	if f.paced && f.e.cfg.Stay {
		f.idle, f.told = true, true
		f.e.emit(Event{Kind: Finished, Track: max(f.playing, 0)})
		return nil
	}
	return f.fail
}

// leave lets the sound fade out before Run returns.
func (f *feeder) leave() error {
	f.warn()
	if !f.paced || !f.open {
		return nil
	}
	if err := f.hush(); err != nil {
		return err
	}
	if err := f.out.Drain(); err != nil {
		return fmt.Errorf("finish sound: %w", err)
	}
	return nil
}

// heard counts the damage in b, which only decoding has shown.
func (f *feeder) heard(b *block) {
	if f.bad == 0 {
		f.badAt = b.at.Duration(f.spec.SampleRate)
	}
	f.bad += b.bad
}

// warn tells once of all damage heard in the track that is being left.
func (f *feeder) warn() {
	if f.bad == 0 {
		return
	}
	where := fmt.Sprintf("at %.1f s", f.badAt.Seconds())
	if f.bad > 1 {
		where = fmt.Sprintf("in %d places, the first %s", f.bad, where)
	}
	text := fmt.Sprintf("the sound is damaged %s; it is played as far as it can be decoded", where)
	f.e.emit(Event{Kind: Warning, Track: f.playing, At: f.badAt, Text: text})
	f.bad = 0
}

// damage is what a listener should know of a file with holes, "" for a sound
// one: what is left out shortens the track.
func damage(i audio.Info) string {
	if i.DamageN == 0 || len(i.Damage) == 0 {
		return ""
	}
	where := fmt.Sprintf("at byte %d", i.Damage[0].Off)
	if i.DamageN > 1 {
		where = fmt.Sprintf("in %d places, the first %s", i.DamageN, where)
	}
	return fmt.Sprintf("the file is damaged %s: %s; what cannot be read is left out or silent", where, i.Damage[0].What)
}

package player

import (
	"context"
	"errors"
	"fmt"

	"secstream/pkg/audio"
)

// move goes elsewhere: what sounds fades out, the pipe starts anew.
func (f *feeder) move(ctx context.Context, to target) error {
	if err := f.hush(); err != nil {
		return err
	}
	f.cancel()
	f.gen++
	f.q.reset(f.gen)
	f.e.scope.wipe()
	f.off, f.gap, f.idle, f.finished, f.told, f.fail = 0, false, false, false, false, nil
	f.await()
	f.moved = true
	work, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	first := f.e.begin(f.gen, to.item)

	e := f.e
	e.mu.Lock()
	if to.item.ID != 0 {
		s := span{item: to.item, pos: to.at, still: true}
		if l := e.time.last(); l.track != nil && l.track.item == to.item {
			s.track = l.track
			s.at = audio.FramesIn(min(to.at, l.track.info.Duration()), l.track.spec.SampleRate)
		}
		e.time.jump(s)
	}
	e.mu.Unlock()

	f.r.start(ctx, work, job{f.gen, first, to.at})
	return nil
}

// replan follows a change of the queue: what was decoded ahead and is not to be
// played is dropped, and what is comes in its place. What sounds goes on.
func (f *feeder) replan(ctx context.Context) {
	from, next, ok := f.e.recheck(f.gen + 1)
	if !ok {
		return
	}
	f.cancel()
	f.gen++
	f.q.cut(f.gen, from)
	work, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	f.r.start(ctx, work, job{gen: f.gen, v: next})
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
	if !f.e.reach(tr.visit) {
		return nil // orders come first
	}
	if f.moved {
		f.catchUp()
	}
	if f.open && f.fits(tr.spec) {
		f.spec = tr.spec
	}
	if !f.open || f.spec != tr.spec {
		err := f.reopen(tr.spec)
		if errors.Is(err, audio.ErrUnsupported) && f.paced {
			return f.pass(ctx, tr, err)
		}
		if err != nil {
			return err
		}
		f.gain.set(f.wanted())
	}
	if f.gap { // a track's own beginning is played as it is
		f.gap = false
		f.gain.set(f.wanted())
	}
	f.norm.set(f.factor(tr))
	if f.moved {
		// Anywhere else a sudden start would click.
		f.gain.set(0)
		if b.at == 0 || !f.paced {
			f.gain.set(f.wanted())
		}
		f.gain.aim(f.wanted(), f.fade)
	}
	f.announce(b)
	f.playing, f.moved, f.fail = tr, false, nil
	f.sounds()
	f.q.pop()
	return nil
}

// announce tells where playback goes on.
func (f *feeder) announce(b *block) {
	tr := b.track
	same := f.playing != nil && f.playing.item == tr.item
	if !same {
		f.warn()
	}
	if f.moved {
		f.e.mu.Lock()
		f.e.time.jump(span{track: tr, item: tr.item, at: b.at, still: true})
		f.e.mu.Unlock()
	}
	if f.moved && same {
		f.e.tellAt(tr, b.at, Event{Kind: Seek})
		return
	}
	f.e.tellAt(tr, b.at, Event{Kind: TrackChange})
	if text := damage(tr.info); text != "" {
		f.e.tellAt(tr, b.at, Event{Kind: Warning, Text: text})
	}
}

// pass goes on to the next track because the output cannot play this one.
func (f *feeder) pass(ctx context.Context, tr *track, why error) error {
	if err := f.failed(tr, why); err != nil {
		return err
	}
	fail := f.fail
	f.e.mu.Lock()
	next := f.e.list.after(tr.item.ID, true)
	if f.passed++; f.passed >= len(f.e.list.items) {
		next = Item{} // round and round nothing would be heard
	}
	f.e.mu.Unlock()
	err := f.move(ctx, target{item: next})
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
		f.e.scope.drop(held)
	}
}

// reopen makes the output ready for sound of another shape.
func (f *feeder) reopen(spec Spec) error {
	if f.open {
		if err := f.drain(); err != nil {
			return err
		}
		f.open = false
	}
	if err := f.out.Open(spec); err != nil {
		return fmt.Errorf("open output for %d channels at %d Hz: %w", spec.Channels, spec.SampleRate, err)
	}
	f.spec, f.open, f.quiet = spec, true, allQuiet
	f.step = max(1, min(int(audio.FramesIn(quantum, spec.SampleRate)), blockSamples/spec.Channels))
	f.fade = max(1, int(audio.FramesIn(fadeTime, spec.SampleRate)))
	f.zeros = make([]float64, f.step*spec.Channels)
	f.e.scope.rate.Store(int64(spec.SampleRate))
	f.e.mu.Lock()
	f.e.time.reopen()
	f.e.mu.Unlock()
	f.heed()
	return nil
}

// fits says that sound of another shape may follow what the output has without
// a gap.
func (f *feeder) fits(spec Spec) bool {
	o, ok := f.out.(Fitter)
	return ok && spec.SampleRate == f.spec.SampleRate && spec.Channels == f.spec.Channels && o.Fits(spec)
}

// heed tells of what the output warns of, once as long as that is the same.
func (f *feeder) heed() {
	o, ok := f.out.(Warner)
	if !ok {
		return
	}
	text := o.Warning()
	if text != "" && text != f.warned {
		f.e.tell(Event{Kind: Warning, Text: text})
	}
	f.warned = text
}

// failed notes that a track broke off. The error it returns ends everything.
func (f *feeder) failed(tr *track, err error) error {
	at := audio.Frames(0)
	f.e.mu.Lock()
	f.e.bad[tr.item.Track] = true
	if l := f.e.time.last(); l.track != nil && l.track.visit == tr.visit {
		tr, at = l.track, l.at+audio.Frames(f.e.time.written-l.out)
	}
	f.e.mu.Unlock()
	f.e.tellAt(tr, at, Event{Kind: Error, Err: err})
	f.fail = fmt.Errorf("track %d: %w", tr.item.Track+1, err)
	f.gain.set(f.wanted())
	if !f.paced || f.e.cfg.Fatal != nil && f.e.cfg.Fatal(err) {
		return f.fail
	}
	return nil
}

// finish ends playback after the last track, which visit n is the end of.
func (f *feeder) finish(n uint64) error {
	if !f.e.reach(n) {
		return nil // orders come first
	}
	f.warn()
	f.q.pop()
	f.hold, f.finished, f.sounding = false, true, false
	if f.open {
		if err := f.drain(); err != nil {
			return err
		}
		f.open = false
	}
	if f.paced && f.e.cfg.Stay {
		f.idle, f.told = true, true
		f.e.tell(Event{Kind: Ended})
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
	return f.drain()
}

// heard counts the damage in b, which only decoding has shown.
func (f *feeder) heard(b *block) {
	if f.bad == 0 {
		f.badAt = b.at
	}
	f.bad += b.bad
}

// warn tells once of all damage heard in the track that is being left.
func (f *feeder) warn() {
	if f.bad == 0 {
		return
	}
	where := fmt.Sprintf("at %.1f s", f.badAt.Duration(f.playing.spec.SampleRate).Seconds())
	if f.bad > 1 {
		where = fmt.Sprintf("in %d places, the first %s", f.bad, where)
	}
	text := fmt.Sprintf("the sound is damaged %s; it is played as far as it can be decoded", where)
	f.e.tellAt(f.playing, f.badAt, Event{Kind: Warning, Text: text})
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

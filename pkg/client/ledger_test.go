package client_test

import (
	"fmt"
	"math"
	"slices"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// decoded is a file as it is decoded in one go.
type decoded struct {
	samples        []float64
	channels, rate int
}

func (d decoded) frames() int { return len(d.samples) / d.channels }

// silent says whether frames at to at+n are there, and are silence.
func (d decoded) silent(at, n int) bool {
	if at < 0 || at+n > d.frames() {
		return false
	}
	return zeros(d.samples[at*d.channels : (at+n)*d.channels])
}

func zeros(p []float64) bool { return !slices.ContainsFunc(p, func(v float64) bool { return v != 0 }) }

// ledger holds every sample that an engine writes against the file it should be
// from, at the place that the engine's events tell. Sound goes on where it broke
// off, exactly, unless an event names another place. Where it stops and begins it
// may be faded; between there may be silence. It is for the engine's goroutine.
type ledger struct {
	files []decoded
	track int   // of the sound that is due, -1 for none
	due   []int // its frame: several as long as silence may be sound or a gap
	dim   int   // frames in a row that were faded, up to the latest

	sound, silence, faded int // frames
	counts                map[player.EventKind]int
	err                   error // the first
}

func (l *ledger) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// told goes by an event, which comes before the sound it is about.
func (l *ledger) told(ev player.Event) {
	l.counts[ev.Kind]++
	at := int(ev.State.Frame)
	switch ev.Kind {
	case player.TrackChange, player.Seek:
		l.track, l.due = ev.Track, append(l.due[:0], at)
	case player.Slice, player.TrackEnded:
		if ev.Track != l.track || !slices.Contains(l.due, at) {
			l.fail("%s at frame %d of track %d; due is %v of %d", ev.Kind, at, ev.Track, l.due, l.track)
		}
		l.due = append(l.due[:0], at)
		if end := l.files[ev.Track].frames(); ev.Kind == player.TrackEnded && at != end {
			l.fail("track %d ends at frame %d of %d", ev.Track, at, end)
		}
	case player.Error:
		l.fail("track %d: %w", ev.Track, ev.Err)
	}
}

// wrote goes by what was written, in frames of that shape.
func (l *ledger) wrote(p []float64, spec player.Spec) {
	n := len(p) / spec.Channels
	if zeros(p) {
		l.pause(n)
		return
	}
	if l.track < 0 {
		l.fail("sound before there is a track")
		return
	}
	file := l.files[l.track]
	if spec.Channels != file.channels || spec.SampleRate != file.rate {
		l.fail("track %d is written as %+v", l.track, spec)
		return
	}
	dim, faded, next := 0, 0, make([]int, 0, len(l.due))
	for _, at := range l.due {
		if d, f, ok := file.is(p, at, l.dim); ok {
			next, dim, faded = append(next, at+n), d, f
		}
	}
	if len(next) == 0 {
		l.fail("%d frames are not those of track %d from frame %v on", n, l.track, l.due)
	}
	l.due, l.dim = next, dim
	l.sound, l.faded = l.sound+n, l.faded+faded
}

// pause goes by n frames of silence: a gap, or sound that is silent, as also the
// last frame of a change of gain is.
func (l *ledger) pause(n int) {
	l.silence += n
	for _, at := range slices.Clone(l.due) {
		if next := at + n; (l.files[l.track].silent(at, n) || n == 1 && l.dim > 0) && !slices.Contains(l.due, next) {
			l.due = append(l.due, next)
		}
	}
	l.dim = 0
}

// is says whether p is the file from frame at on, each frame as it is or turned
// down, and how many were, in a row at the end and in all; dim were before.
func (d decoded) is(p []float64, at, dim int) (run, faded int, ok bool) {
	if at < 0 || at+len(p)/d.channels > d.frames() {
		return 0, 0, false
	}
	want := d.samples[at*d.channels:]
	most := 4 * int(audio.FramesIn(10e6, d.rate)) // a fade takes 10 ms, and another may come upon it
	run = dim
	for i := 0; i < len(p); i += d.channels {
		got, want := p[i:i+d.channels], want[i:i+d.channels]
		if slices.Equal(got, want) {
			run = 0
			continue
		}
		run, faded = run+1, faded+1
		if run > most || !turnedDown(got, want) {
			return 0, 0, false
		}
	}
	return run, faded, true
}

// turnedDown says whether a frame is another one times a gain from 0 to 1.
func turnedDown(got, want []float64) bool {
	loud := 0
	for c := range want {
		if math.Abs(want[c]) > math.Abs(want[loud]) {
			loud = c
		}
	}
	gain := got[loud] / want[loud]
	if want[loud] == 0 || gain < 0 || gain > 1 {
		return false
	}
	for c := range want {
		if math.Abs(got[c]-gain*want[c]) > 1e-12 {
			return false
		}
	}
	return true
}

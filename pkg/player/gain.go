package player

import (
	"math"

	"secstream/pkg/audio"
)

// silentDB is the volume, in dB, at and below which nothing is heard.
const silentDB = -60

// Decibels is the amplitude of a volume in dB: 1 at 0 dB, and 0 at or below
// -60 dB (and for NaN).
func Decibels(db float64) float64 {
	if !(db > silentDB) {
		return 0
	}
	return math.Pow(10, db/20)
}

// ToDecibels is the inverse of Decibels: the volume, in dB, of an amplitude,
// -60 for silence.
func ToDecibels(amplitude float64) float64 {
	if !(amplitude > 0) {
		return silentDB
	}
	return max(20*math.Log10(amplitude), silentDB)
}

// Percent is the amplitude of a volume of p percent, 0 to 100: that of
// 60·log10(p/100) dB, its cube. 100 is 0 dB, 50 is -18 dB, and 10 and less is
// silence.
func Percent(p float64) float64 {
	if !(p > 10) {
		return 0
	}
	return Decibels(60 * math.Log10(min(p, 100)/100))
}

// ToPercent is the inverse of Percent, 0 to 100.
func ToPercent(amplitude float64) float64 {
	if !(amplitude > Decibels(silentDB)) {
		return 0
	}
	return 100 * math.Cbrt(min(amplitude, 1))
}

// ReplayGain says which loudness tracks are brought to.
type ReplayGain uint8

// GainOff leaves samples as they are. GainTrack makes all tracks equally loud,
// GainAlbum all albums; each takes the other's tag where its own is missing.
const (
	GainOff ReplayGain = iota
	GainTrack
	GainAlbum
)

func (g ReplayGain) String() string {
	switch g {
	case GainTrack:
		return "track"
	case GainAlbum:
		return "album"
	}
	return "off"
}

// mostGain bounds what a tag may ask for, dB.
const mostGain = 60

// factor is what the samples of a track with these tags are multiplied by,
// exactly 1 where there is nothing to do: no gain tag, or GainOff. preamp, in
// dB, is added to the tag's gain. What would pass full scale by the peak tag is
// turned down until it does not; without a peak nothing is turned up.
func (g ReplayGain) factor(t audio.Tags, preamp float64) float64 {
	if g == GainOff {
		return 1
	}
	gain, peak := pick(t.TrackGain, t.AlbumGain), pick(t.TrackPeak, t.AlbumPeak)
	if g == GainAlbum {
		gain, peak = pick(t.AlbumGain, t.TrackGain), pick(t.AlbumPeak, t.TrackPeak)
	}
	if gain == nil {
		return 1
	}
	f := math.Pow(10, min(max(*gain+preamp, -mostGain), mostGain)/20)
	if peak == nil || *peak <= 0 {
		return min(f, 1)
	}
	return min(f, 1 / *peak)
}

// pick is the first tag that says a number.
func pick(tags ...*float64) *float64 {
	for _, v := range tags {
		if v != nil && !math.IsNaN(*v) && !math.IsInf(*v, 0) {
			return v
		}
	}
	return nil
}

// ramp is a gain that moves without clicks: each change is spread over a
// number of frames along a smooth curve (3x²-2x³, flat at both ends).
type ramp struct {
	now, from, to float64
	i, n          int // frames done and frames in all of the change under way
}

// set changes the gain at once.
func (r *ramp) set(gain float64) { *r = ramp{now: gain, to: gain} }

// aim moves the gain over n frames, from where it is. A change towards the
// same gain that is under way goes on as it is.
func (r *ramp) aim(gain float64, n int) {
	if gain != r.to {
		r.force(gain, n)
	}
}

// force is aim, but replaces a change that is under way in any case.
func (r *ramp) force(gain float64, n int) {
	if n <= 0 {
		r.set(gain)
		return
	}
	r.from, r.to, r.i, r.n = r.now, gain, 0, n
}

// still says that no change is under way.
func (r *ramp) still() bool { return r.i >= r.n }

// apply scales the interleaved frames of p in place. At a steady gain of
// exactly 1 it does not touch them.
func (r *ramp) apply(p []float64, channels int) {
	for !r.still() && len(p) >= channels {
		r.i++
		x := float64(r.i) / float64(r.n)
		r.now = r.from + (r.to-r.from)*x*x*(3-2*x)
		if r.still() {
			r.now = r.to
		}
		for c := range channels {
			p[c] *= r.now
		}
		p = p[channels:]
	}
	switch r.now {
	case 1:
	case 0:
		clear(p)
	default:
		for i := range p {
			p[i] *= r.now
		}
	}
}

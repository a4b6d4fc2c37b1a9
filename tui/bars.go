package tui

import (
	"math"
	"strings"

	"secstream/tui/spectrum"
)

// picture is what is drawn of the sound.
type picture uint8

const (
	drawSpectrum picture = iota
	drawWave
	drawNothing
	pictures
)

func (p picture) String() string { return [pictures]string{"spectrum", "waveform", "no spectrum"}[p] }

// bars show what is heard. What they need is made once: it is looked at 20
// times a second.
type bars struct {
	kind picture
	*scopeRoom
}

// scopeRoom is what one look takes.
type scopeRoom struct {
	samples [4096]float64
	bands   *spectrum.Analyzer
	n, rate int
	count   int // of bars
	levels  []float64
}

// A bar has a cell, and one beside it is free.
const barWidth = 2

func newBars() bars { return bars{scopeRoom: &scopeRoom{bands: spectrum.New(1)}} }

// resize has as many bars as w cells hold.
func (b *bars) resize(w int) {
	if n := min(max(w/barWidth, 1), spectrum.MaxBands); n != b.count {
		b.bands, b.count, b.levels = spectrum.New(n), n, nil
	}
}

// look takes the newest sound, or with nothing to hear lets the bars fall.
func (b *bars) look(e scope, silent bool) {
	b.n = 0
	if !silent {
		b.n, b.rate = e.Scope(b.samples[:])
	}
	b.levels = b.bands.Bands(b.samples[:b.n], b.rate)
}

// resting says that nothing is left to see.
func (b *bars) resting() bool {
	for _, l := range b.levels {
		if l > 0 {
			return false
		}
	}
	return true
}

// view draws in h lines of w cells.
func (b *bars) view(s styles, w, h int) []string {
	var lines []string
	if b.kind == drawWave {
		lines = wave(b.samples[:b.n], w, h)
	} else {
		lines = spectrum.Bars(b.levels, w, h)
	}
	for i, l := range lines {
		style := s.accent
		if i == 0 && h > 2 {
			style = s.current
		}
		lines[i] = style.Render(l)
	}
	return lines
}

// wave draws samples as a line of dots, two across and four down in a cell
// (Unicode's Braille patterns).
func wave(samples []float64, w, h int) []string {
	dots := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	cells := make([]rune, w*h)
	last := -1
	for x := range w * 2 {
		v := 0.0
		if len(samples) > 0 {
			v = samples[min(x*len(samples)/(w*2), len(samples)-1)]
		}
		if math.IsNaN(v) {
			v = 0
		}
		y := int((1 - min(max(v, -1), 1)) / 2 * float64(h*4-1))
		from, to := y, y
		if last >= 0 {
			from, to = min(y, last), max(y, last)
		}
		for k := from; k <= to; k++ {
			cells[k/4*w+x/2] |= dots[k%4][x%2]
		}
		last = y
	}
	lines := make([]string, h)
	for i := range lines {
		var b strings.Builder
		for _, c := range cells[i*w : (i+1)*w] {
			if c == 0 {
				b.WriteByte(' ')
			} else {
				b.WriteRune(0x2800 + c)
			}
		}
		lines[i] = b.String()
	}
	return lines
}

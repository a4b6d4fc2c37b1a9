package tui

import (
	"math"
	"sort"
	"strings"
	"time"
)

// seekbar shows how far a track is, to an eighth of a cell, what of it is at
// hand, and while the mouse drags it, where it will go.
type seekbar struct {
	dragging bool
	track    int           // which track is dragged
	to       time.Duration // where to
}

// span is a run of cells in one line.
type span struct{ x, w int }

func (s span) has(x int) bool { return x >= s.x && x < s.x+s.w }

// at is the position that cell x stands for; the first cell is the start, the
// last one not quite the end, which would be the next track.
func (s span) at(x int, total time.Duration) time.Duration {
	if s.w <= 0 {
		return 0
	}
	x = min(max(x-s.x, 0), s.w-1)
	return time.Duration(float64(total) * float64(x) / float64(s.w))
}

// barCells is where the cells of the bar lie in a line that begins at x and is
// w cells wide: the time stands before it, what is left behind, and in wide
// lines the length as well.
func barCells(x, w int, total time.Duration) span {
	gap, times := 2, timesWidth(total)
	behind := times + 1
	if w < wideBar {
		gap = 1
	} else {
		behind += 2 + times
	}
	return span{x + times + gap, max(w-times-behind-2*gap, 1)}
}

// wideBar is how wide a line is that has the length beside the bar.
const wideBar = 60

// view is the line: elapsed time, bar, time left, length. It is exactly w cells
// wide. slices are those of the track.
func (b seekbar) view(s styles, w int, at, total time.Duration, slices []SliceState, starts []time.Duration) string {
	if b.dragging {
		at = b.to
	}
	times := timesWidth(total)
	bar := barCells(0, w, total)
	left := unknownTime
	if total > 0 { // with what has passed it makes the length, to the second
		left = "-" + clock(total.Truncate(time.Second)-at.Truncate(time.Second))
	}
	rest := s.plain.Render(fitRight(left, w-bar.x-bar.w))
	if w >= wideBar {
		rest = s.plain.Render(fitRight(left, w-bar.x-bar.w-2-times)) + s.dim.Render("  "+fitRight(length(total), times))
	}
	ahead := aheadCells(bar.w, total, slices, starts)
	return s.plain.Render(fit(fitRight(clock(at), times), bar.x)) + meter(s, bar.w, fraction(at, total), ahead) + rest
}

// aheadCells says of each cell of a bar whether the slice that is played there
// is at hand: fetched and opened.
func aheadCells(w int, total time.Duration, slices []SliceState, starts []time.Duration) []bool {
	cells := make([]bool, w)
	if total <= 0 || len(slices) == 0 || len(slices) != len(starts) {
		return cells
	}
	for x := range cells {
		at := time.Duration(float64(total) * (float64(x) + 0.5) / float64(w))
		i := sort.Search(len(starts), func(i int) bool { return starts[i] > at }) - 1
		cells[x] = i >= 0 && (slices[i] == SliceOpened || slices[i] == SlicePlaying)
	}
	return cells
}

// timesWidth is how wide a time is beside the bar of a track this long.
func timesWidth(total time.Duration) int { return len(length(total)) }

// fraction is at of total, 0 to 1.
func fraction(at, total time.Duration) float64 {
	if total <= 0 {
		return 0
	}
	return min(max(float64(at)/float64(total), 0), 1)
}

// eighths are the cells that are filled from the left, by eighths.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// meter is a bar of w cells, filled to part (0 to 1); ahead are the cells of
// what is at hand.
func meter(s styles, w int, part float64, ahead []bool) string {
	n := int(math.Floor(part*float64(w)*8 + 1e-9))
	n = min(max(n, 0), w*8)
	var b strings.Builder
	b.WriteString(s.played.Render(strings.Repeat("█", n/8)))
	at := n / 8
	if n%8 > 0 {
		edge := s.edge
		if ahead[at] {
			edge = s.edgeAhead
		}
		b.WriteString(edge.Render(eighths[n%8]))
		at++
	}
	for at < w {
		to := at + 1
		for to < w && ahead[to] == ahead[at] {
			to++
		}
		cell, style := " ", s.trough
		switch {
		case ahead[at] && s.glyphs:
			cell, style = "▒", s.ahead
		case ahead[at]:
			style = s.ahead
		case s.glyphs:
			cell = "░"
		}
		b.WriteString(style.Render(strings.Repeat(cell, to-at)))
		at = to
	}
	return b.String()
}

package tui

import (
	"math"
	"strings"
	"time"
)

// seekbar shows how far a track is, to an eighth of a cell, and while the
// mouse drags it, where it will go.
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

// barCells is where the cells of the bar lie in a line that begins at x and
// is w cells wide: a time stands at both sides, each this wide.
func barCells(x, w, times int) span {
	gap := 2
	if w < 60 {
		gap = 1
	}
	return span{x + times + gap, max(w-2*(times+gap), 1)}
}

// view is the line: elapsed time, bar, length. It is exactly w cells wide.
func (b seekbar) view(s styles, w int, at, total time.Duration) string {
	if b.dragging {
		at = b.to
	}
	times := timesWidth(total)
	bar := barCells(0, w, times)
	return s.plain.Render(fit(fitRight(clock(at), times), bar.x)) +
		meter(s, bar.w, fraction(at, total)) +
		s.dim.Render(fitRight(length(total), w-bar.x-bar.w))
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

// meter is a bar of w cells, filled to part (0 to 1).
func meter(s styles, w int, part float64) string {
	n := int(math.Floor(part*float64(w)*8 + 1e-9))
	n = min(max(n, 0), w*8)
	filled := strings.Repeat("█", n/8) + eighths[n%8]
	rest := w - n/8
	if n%8 > 0 {
		rest--
	}
	return s.full.Render(filled) + s.restStyle.Render(strings.Repeat(s.rest, rest))
}

package spectrum

import "strings"

// The glyphs of a bar's last cell, in eighths of it.
var (
	blocks = []rune(" ▁▂▃▄▅▆▇█")
	ascii  = []rune(" ...::||#")
)

// Bars draws levels from 0 to 1 as upright bars, low to the left, in h lines of
// exactly w cells each, the top first. Where there is room a cell stays free
// between bars; where there is none a cell shows the loudest of its bands.
func Bars(levels []float64, w, h int) []string { return draw(levels, w, h, blocks) }

// ASCII is Bars for terminals without the block elements.
func ASCII(levels []float64, w, h int) []string { return draw(levels, w, h, ascii) }

func draw(levels []float64, w, h int, glyphs []rune) []string {
	if w <= 0 || h <= 0 {
		return nil
	}
	eighths := make([]int, w)
	spread(eighths, levels, h*8)
	lines := make([]string, h)
	var b strings.Builder
	for row := range lines {
		b.Reset()
		b.Grow(w * 3)
		below := (h - 1 - row) * 8
		for _, n := range eighths {
			b.WriteRune(glyphs[min(max(n-below, 0), 8)])
		}
		lines[row] = b.String()
	}
	return lines
}

// spread gives each column its height, from 0 to full.
func spread(columns []int, levels []float64, full int) {
	w, n := len(columns), len(levels)
	if n == 0 {
		return
	}
	slot, bar := 1, 1
	if w >= 2*n-1 {
		slot = max((w+1)/n, 1)
		bar = max(slot-1, 1)
	}
	for x := range columns {
		loudest := 0.0
		if w >= n {
			if x%slot >= bar || x/slot >= n {
				continue
			}
			loudest = levels[x/slot]
		} else {
			for _, l := range levels[x*n/w : (x+1)*n/w] {
				loudest = max(loudest, l)
			}
		}
		columns[x] = min(max(int(loudest*float64(full)+0.5), 0), full)
	}
}

package cmd

import (
	"fmt"
	"strings"

	"secstream/pkg/probe"
)

// planView shows how a track is cut.
type planView struct {
	page
	plan    *probe.Plan
	seconds float64 // length of the track
}

func (v *planView) show() {
	v.line("")
	v.table()
	v.line("")
	v.picture()
	v.sums()
}

// column is one column of a table, cells to the right.
type column struct {
	head  string
	spare int // columns with a higher number go first where there is no room; 0 always stays
	cell  func(s *probe.Slice) string
}

func (v *planView) columns() []column {
	long := v.seconds >= 3600
	number := func(get func(*probe.Slice) int64) func(*probe.Slice) string {
		return func(s *probe.Slice) string { return fmt.Sprint(get(s)) }
	}
	cols := []column{
		{"slice", 0, number(func(s *probe.Slice) int64 { return int64(s.Index) })},
		{"start", 0, func(s *probe.Slice) string { return fineClock(s.Time, long) }},
		{"seconds", 4, func(s *probe.Slice) string { return fmt.Sprintf("%.3f", s.Duration) }},
		{"samples", 1, number(func(s *probe.Slice) int64 { return s.Samples })},
	}
	if len(v.plan.Slices) > 0 && v.plan.Slices[0].Range != nil {
		cols = append(cols,
			column{"from byte", 2, number(func(s *probe.Slice) int64 { return s.Range.Offset })},
			column{"to byte", 5, number(func(s *probe.Slice) int64 { return s.Range.Offset + s.Range.Bytes - 1 })})
	}
	cols = append(cols, column{"preroll", 3, number(func(s *probe.Slice) int64 { return s.Preroll })})
	if !v.plan.Unmeasured {
		cols = append(cols,
			column{"plain", 6, number(func(s *probe.Slice) int64 { return s.Plain })},
			column{"sealed", 0, number(func(s *probe.Slice) int64 { return s.Sealed })})
	}
	pads := v.plan.Padded > 0
	if v.plan.Overhead != nil {
		spare := 0
		if pads {
			spare = 1
		}
		cols = append(cols, column{"over", spare, func(s *probe.Slice) string { return percent(s.Overhead) }})
	}
	if pads {
		cols = append(cols,
			column{"padded", 2, number(func(s *probe.Slice) int64 { return s.Padded })},
			column{"pad", 0, func(s *probe.Slice) string { return percent(s.PadOverhead) }})
	}
	return cols
}

func percent(p probe.Percent) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%+.1f%%", *p)
}

// table prints a row for each slice. Columns that can be had from others are
// left out where the terminal is too narrow.
func (v *planView) table() {
	cols := v.columns()
	widths := v.widths(cols)
	for worst := 9; worst > 0 && total(widths) > v.room(2); worst-- {
		kept := cols[:0:0]
		for _, c := range cols {
			if c.spare != worst {
				kept = append(kept, c)
			}
		}
		cols = kept
		widths = v.widths(cols)
	}
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = right(c.head, widths[i])
	}
	v.line("  " + v.paint.dim(strings.Join(row, "  ")))
	for k := range v.plan.Slices {
		for i, c := range cols {
			row[i] = right(c.cell(&v.plan.Slices[k]), widths[i])
		}
		v.line("  " + strings.Join(row, "  "))
	}
}

func (v *planView) widths(cols []column) []int {
	w := make([]int, len(cols))
	for i, c := range cols {
		w[i] = cells(c.head)
		for k := range v.plan.Slices {
			w[i] = max(w[i], cells(c.cell(&v.plan.Slices[k])))
		}
	}
	return w
}

// total is the width of a table, gaps included.
func total(widths []int) int {
	n := 2 * (len(widths) - 1)
	for _, w := range widths {
		n += w
	}
	return n
}

// heights of one cell, by eighths.
var heights = []rune("▁▂▃▄▅▆▇█")

// picture draws the track as a bar: each slice as wide as it is long, as high
// as its sealed bytes, next ones in other shades. Where slices are narrower
// than two cells there are no shades, and the largest in a cell counts.
func (v *planView) picture() {
	const most, unknown = 120, 76
	n := min(v.room(4), most)
	if v.width == 0 {
		n = unknown
	}
	s := v.plan.Slices
	if len(s) == 0 || v.seconds <= 0 {
		return
	}
	fine := 2*len(s) > n
	tall := int64(1)
	for i := range s {
		tall = max(tall, weight(&s[i]))
	}
	var sizes, shades strings.Builder
	at := 0
	for c := range n {
		middle := v.seconds * (float64(c) + 0.5) / float64(n)
		high := int64(0)
		for at+1 < len(s) && s[at+1].Time <= middle {
			at++
			high = max(high, weight(&s[at]))
		}
		if !fine || high == 0 {
			high = weight(&s[at])
		}
		cell, shade := "█", at
		switch {
		case fine:
			cell, shade = "▒", 0
		case at%2 == 1:
			cell = "░"
		}
		sizes.WriteString(v.shade(shade, string(heights[min(high*int64(len(heights))/tall, int64(len(heights))-1)])))
		shades.WriteString(v.shade(shade, cell))
	}
	v.line("  " + sizes.String())
	v.line("  " + shades.String())
	v.line("  " + v.paint.dim("0:00"+right(fineClock(v.seconds, false), n-4)))
}

// weight is what the height of a slice stands for: its sealed bytes, or its
// samples where those are not known.
func weight(s *probe.Slice) int64 {
	if s.Sealed > 0 {
		return s.Sealed
	}
	return s.Samples
}

func (v *planView) shade(slice int, cell string) string {
	if slice%2 == 0 {
		return v.paint.with("36", cell)
	}
	return v.paint.with("34", cell)
}

func (v *planView) sums() {
	p := v.plan
	text := fmt.Sprintf("%s of %.3f s on average", plural(len(p.Slices), "slice"), p.MeanSeconds)
	if p.MaxPreroll > 0 {
		text += fmt.Sprintf(", preroll up to %d samples", p.MaxPreroll)
	}
	v.labelled("plan", text, nil)
	if p.Unmeasured {
		return
	}
	sealed := fmt.Sprintf("%d bytes", p.Sealed)
	if p.Overhead != nil {
		sealed += fmt.Sprintf(", %s of the audio in the file", percent(p.Overhead))
	}
	if p.Compression != nil && *p.Compression > 0 {
		sealed += fmt.Sprintf(", DEFLATE level %d", *p.Compression)
	}
	v.labelled("sealed", sealed, nil)
	if p.Padded > 0 {
		v.labelled("padded", fmt.Sprintf("%d bytes, %s of those sealed", p.Padded, percent(p.PadOverhead)), nil)
	}
}

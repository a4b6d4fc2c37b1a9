package cmd

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"secstream/pkg/probe"
)

// probeList shows a line for each file.
type probeList struct {
	page
	o      probeOptions
	remote bool   // all is of servers
	under  string // the folder that all paths are below, "" for none
	cols   []listColumn
	path   int       // cells of the path's column
	named  bool      // the head is printed
	held   *probeJob // a first one that failed: when it stays alone, the command's error tells of it
}

// listColumn is one column of the list.
type listColumn struct {
	head  string
	width int
	spare int  // columns with a higher number go first where there is no room; 0 always stays
	words bool // text rather than a number: to the left, the last one as long as it likes
	cell  func(f *probe.File) string
}

func (p *probeList) columns() []listColumn {
	cols := []listColumn{
		{"codec", 6, 2, true, func(f *probe.File) string { return spelled(codecNames, f.Codec) }},
		{"kHz/ch/bit", 10, 4, true, shape},
		{"length", 8, 0, false, func(f *probe.File) string { return clock(seconds(f.Duration)) }},
	}
	switch {
	case p.o.plan:
		cols = append(cols, listColumn{"slices", 6, 0, false, func(f *probe.File) string {
			return inPlan(f, func(l *probe.Plan) string { return fmt.Sprint(len(l.Slices)) })
		}})
		if p.o.verify || !p.remote {
			cols = append(cols, listColumn{"sealed", 7, 1, false, func(f *probe.File) string { return inPlan(f, sealedText) }})
		}
		if !p.remote {
			cols = append(cols, listColumn{"over", 7, 3, false, func(f *probe.File) string {
				return inPlan(f, func(l *probe.Plan) string { return percent(l.Overhead) })
			}})
			if p.o.pad {
				cols = append(cols, listColumn{"pad", 6, 1, false, func(f *probe.File) string {
					return inPlan(f, func(l *probe.Plan) string { return percent(l.PadOverhead) })
				}})
			}
		}
	case !p.remote:
		cols = append(cols, listColumn{"kbit/s", 6, 5, false, func(f *probe.File) string {
			if f.BitRate == 0 {
				return ""
			}
			return fmt.Sprint((f.BitRate + 500) / 1000)
		}})
	}
	last := listColumn{"title", 0, 3, true, func(f *probe.File) string { return titleOf(f) }}
	if p.o.verify {
		last = listColumn{"verify", 0, 0, true, func(f *probe.File) string { return shortVerdict(f) }}
	}
	return append(cols, last)
}

func inPlan(f *probe.File, cell func(*probe.Plan) string) string {
	if f.Plan == nil {
		return ""
	}
	return cell(f.Plan)
}

func sealedText(p *probe.Plan) string {
	if p.Unmeasured {
		return "-"
	}
	return sizeText(p.Sealed)
}

// shape is rate, channels and bits in few cells.
func shape(f *probe.File) string {
	text := fmt.Sprintf("%s/%d", kilo(f.SampleRate), f.Channels)
	if f.BitDepth > 0 {
		text += fmt.Sprintf("/%d", f.BitDepth)
	}
	return text
}

func titleOf(f *probe.File) string {
	if f.Tags.Artist != "" && f.Tags.Title != "" {
		return f.Tags.Artist + " - " + f.Tags.Title
	}
	return f.Tags.Title
}

func shortVerdict(f *probe.File) string {
	switch v := f.Verify; {
	case v == nil:
		return ""
	case !v.OK:
		return "damaged"
	case !v.Decoded:
		return "not decoded"
	case v.MD5 == "match":
		return "sound, MD5 matches"
	}
	return "sound"
}

// begin lays out the columns for the paths known so far.
func (p *probeList) begin(names []string) {
	p.cols = p.columns()
	const least, lastColumn, most = 14, 14, 60
	room := math.MaxInt
	for worst := 5; p.width > 0; worst-- {
		room = p.width - 2
		for _, c := range p.cols {
			room -= 2 + c.width
			if c.width == 0 {
				room -= lastColumn
			}
		}
		if room >= least || worst == 0 {
			break
		}
		p.cols = slices.DeleteFunc(p.cols, func(c listColumn) bool { return c.spare == worst })
	}
	for _, n := range names {
		p.path = max(p.path, cells(p.name(n)))
	}
	p.path = max(min(p.path, room, most), least)
}

// head prints what stands above the columns, once.
func (p *probeList) head() {
	if p.named {
		return
	}
	p.named = true
	if p.under != "" {
		p.line(p.paint.bold(printable(p.under)))
	}
	text := "  " + left("file", p.path)
	for _, c := range p.cols {
		text += "  " + c.align(c.head)
	}
	p.line(p.paint.dim(strings.TrimRight(text, " ")))
}

// name is the path as it is shown.
func (p *probeList) name(path string) string {
	if p.under != "" {
		if rel, err := filepath.Rel(p.under, path); err == nil && rel != "." {
			path = rel
		}
	}
	return printable(path)
}

func (c listColumn) align(text string) string {
	if c.words {
		return left(text, c.width)
	}
	return right(text, c.width)
}

func (p *probeList) file(j *probeJob) error {
	if j.err != nil && !p.named && p.held == nil {
		p.held = j
		return nil
	}
	p.head()
	if p.held != nil {
		p.row(p.held)
		p.held = nil
	}
	p.row(j)
	return nil
}

// row prints the line, or lines, of one file.
func (p *probeList) row(j *probeJob) {
	f := &j.file
	name := p.name(j.path)
	if p.width > 0 {
		name = shorten(name, p.path)
	}
	if j.err != nil {
		p.failed(j, name)
		return
	}
	mark := "  "
	if f.Damaged() {
		mark = p.paint.bad("! ")
	}
	row, used := left(name, p.path), 2+max(p.path, cells(name))
	for i, c := range p.cols {
		text := printable(c.cell(f))
		if i == len(p.cols)-1 && p.width > 0 {
			text = cut(text, max(p.width-used-2, 1))
		}
		row += "  " + c.align(text)
		used += 2 + max(c.width, cells(text))
	}
	p.line(mark + row)
	p.faults(f)
}

// failed shows a file that cannot be read, or where reading it ended.
func (p *probeList) failed(j *probeJob, name string) {
	const indent, narrow = 4, 30
	row, used := p.paint.bad("x "), 2
	if !j.remote || !isAddress(j.path) { // an error of a server names it
		row += left(name, p.path) + "  "
		used = max(p.path, cells(name)) + 4
	}
	if p.width > 0 && p.width-used < narrow {
		p.line(row)
		row, used = strings.Repeat(" ", indent), indent
	}
	for _, part := range wrap(clean(j.err), p.room(used)) {
		p.line(row + p.paint.bad(part))
		row = strings.Repeat(" ", used)
	}
	p.faults(&j.file)
}

// listedFaults is how many faults of one file the list shows.
const listedFaults = 3

func (p *probeList) faults(f *probe.File) {
	all := f.Damage
	n := f.DamageCount
	if f.Verify != nil {
		all = append(all[:len(all):len(all)], f.Verify.Faults...)
		n += f.Verify.FaultCount
	}
	for _, d := range all[:min(len(all), listedFaults)] {
		for i, part := range wrap(faultText(d), p.room(6)) {
			p.line(strings.Repeat(" ", 4+min(i, 1)*2) + p.paint.bad(part))
		}
	}
	if more := n - listedFaults; more > 0 {
		p.line("    " + p.paint.bad(fmt.Sprintf("and %d more; --long shows them", more)))
	}
}

func (p *probeList) end(t *probeTally) error {
	if t != nil && t.files > t.failed {
		p.line(t.text())
	}
	return nil
}

// text are the sums for people.
func (t *probeTally) text() string {
	total := seconds(math.Min(t.seconds, 1e9))
	parts := []string{plural(t.files, t.noun), clock(total), sizeText(t.size)}
	if t.slices > 0 {
		parts = append(parts, plural(t.slices, "slice"))
		if t.sealed > 0 {
			parts = append(parts, sizeText(t.sealed)+" sealed")
		}
		if t.padded > 0 {
			parts = append(parts, sizeText(t.padded)+" padded")
		}
	}
	if t.damaged > 0 {
		parts = append(parts, fmt.Sprintf("%d damaged", t.damaged))
	}
	if t.refused > 0 {
		parts = append(parts, fmt.Sprintf("%d not served", t.refused))
	}
	if t.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d not readable", t.failed))
	}
	return strings.Join(parts, ", ")
}

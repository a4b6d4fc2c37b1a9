package cmd

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"secstream/pkg/bench"
)

// benchText is a report for people.
func benchText(r *bench.Report) []byte {
	p := &benchPage{r: r}
	p.headline()
	p.printf("Proved first: %s packed, opened and equal; %d flipped bits, %d wrong keys and %d moved slices refused.\n",
		plural(r.Proof.Slices, "slice"), r.Proof.Flips, r.Proof.WrongKeys, r.Proof.Moved)
	p.pack()
	p.unpack()
	p.sources()
	p.v2()
	if len(r.Notes) > 0 || r.Settings.Generated {
		p.printf("\n")
	}
	for _, n := range r.Notes {
		p.printf("Note: %s.\n", printable(n))
	}
	if r.Settings.Generated {
		p.printf("Measured on a test signal. MP3 and Ogg need files: secstream bench FILE...\n")
	}
	if p.noisy {
		p.printf("~ is noisy: half the rounds lie more than a tenth apart. A quiet machine helps, and a longer --time.\n")
	}
	m := r.Machine
	for _, fact := range []string{m.CPU, plural(m.Cores, "core"), m.OS + "/" + m.Arch} {
		if fact != "" {
			p.printf("%s, ", printable(fact))
		}
	}
	p.printf("%s\n", m.Go)
	return p.Bytes()
}

// benchPage is the text as it grows.
type benchPage struct {
	bytes.Buffer
	r     *bench.Report
	noisy bool // something on the page is marked
}

func (p *benchPage) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// marked is the text of a figure, with a mark if it is noisy.
func (p *benchPage) marked(text string, s bench.Stat) string {
	if s.Noisy {
		p.noisy = true
		return "~" + text
	}
	return text
}

func (p *benchPage) speed(s bench.Stat) string { return p.marked(rateText(s.Median), s) }

func (p *benchPage) ratio(s bench.Stat) string {
	return p.marked(fmt.Sprintf("%.2f", s.Median), s)
}

func (p *benchPage) time(s bench.Stat) string { return p.marked(spanText(s.Median), s) }

func (p *benchPage) headline() {
	h := p.r.Headline
	if h == nil {
		p.printf("There is nothing to pack.\n")
		return
	}
	p.printf("Packing runs at %.2f of bare AES-256-GCM speed", h.Ratio.Median)
	if h.Target > 0 {
		verdict := "reached"
		if !h.Met {
			verdict = "missed"
		}
		p.printf(" (target %.2f: %s)", h.Target, verdict)
	}
	how := "no compression"
	if h.Level > 0 {
		how = fmt.Sprintf("compression %d", h.Level)
	}
	p.printf(".\n%s, %gs slices, %s, one core; half of %s within %.2f and %.2f", printable(h.Source), h.Slice, how,
		plural(h.Ratio.Rounds, "round"), h.Ratio.Low, h.Ratio.High)
	if h.Ratio.Noisy {
		p.printf(": noisy")
	}
	p.printf(".\n")
	if h.Read != nil {
		p.printf("Of a bare cipher that has to read the file first, as a server must, it is %.2f.\n", h.Read.Median)
	}
}

// pack is the table of the way out.
func (p *benchPage) pack() {
	cores := fmt.Sprintf("%d cores", p.r.Machine.Cores)
	rows := [][]string{{
		"PACK", "level", "slice", "sealed", "1 core", "bare GCM", "ratio", "read+carve", "compress", "seal", cores, "ratio", "listeners/core",
	}}
	for _, k := range p.r.Pack {
		all, ratio := "-", "-"
		if k.AllCores != nil {
			all, ratio = p.speed(k.AllCores.Pack), p.ratio(k.AllCores.Ratio)
		}
		rows = append(rows, []string{
			printable(k.Source), fmt.Sprint(k.Level), fmt.Sprintf("%gs", k.Slice), fmt.Sprintf("%.1f%%", 100*k.SealedSize/k.PlainSize),
			p.speed(k.OneCore.Pack), p.speed(k.OneCore.Bare), p.ratio(k.OneCore.Ratio),
			shareText(k.Stages.Carve), shareText(k.Stages.Compress), shareText(k.Stages.Seal), all, ratio, rounded(k.Listeners),
		})
	}
	p.table(rows)
}

// unpack is the table of the way back.
func (p *benchPage) unpack() {
	rows := [][]string{{"UNPACK", "level", "slice", "1 core", "open", "inflate", "first slice"}}
	for _, k := range p.r.Pack {
		rows = append(rows, []string{
			printable(k.Source), fmt.Sprint(k.Level), fmt.Sprintf("%gs", k.Slice), p.speed(k.Unpack),
			shareText(k.OpenShare), shareText(1 - k.OpenShare), p.time(k.First),
		})
	}
	p.table(rows)
}

// sources is the table of files.
func (p *benchPage) sources() {
	rows := [][]string{{"FILE", "codec", "length", "size", "scan", "in", "decode"}}
	for _, s := range p.r.Sources {
		scan, decode := rateText(s.ScanSpeed), "-"
		if s.ScanSpeed == 0 {
			scan = "no walk"
		}
		if s.Decode != nil {
			decode = p.marked(rounded(s.Decode.Median)+" x real time", *s.Decode)
		}
		rows = append(rows, []string{
			printable(s.Name), strings.TrimSpace(s.Codec + " " + s.Sample), fmt.Sprintf("%.1fs", s.Duration),
			sizeText(s.Bytes), scan, p.time(s.Scan), decode,
		})
	}
	p.table(rows)
	for _, s := range p.r.Sources {
		if s.NoDecode != "" {
			p.printf("%s was not decoded: %s\n", printable(s.Name), printable(s.NoDecode))
		}
	}
}

// v2 is the table of protocol v2 beside v1.
func (p *benchPage) v2() {
	v := p.r.V2
	count := func(s bench.Stat) string { return p.marked(rounded(s.Median), s) }
	row := func(name string, text func(bench.Stat) string, b bench.Versus) []string {
		return []string{name, text(b.V1), text(b.V2), p.ratio(b.Ratio)}
	}
	rows := [][]string{
		{"V2 BESIDE V1", "v1", "v2", "v2/v1"},
		row("key exchanges a second, both halves", count, v.Exchange),
		row("key exchanges a second, the server's half", count, v.Server),
	}
	for _, s := range v.Slices {
		name := fmt.Sprintf("%s, %gs: ", printable(s.Source), s.Slice)
		rows = append(rows,
			row(name+"slices packed a second", count, s.Pack),
			row(name+"slices opened a second", count, s.Unpack),
			row(name+"time to the first slice", p.time, s.First))
	}
	p.table(rows)
	if v.Target > 0 {
		verdict := "met"
		if !v.Met {
			verdict = "missed"
		}
		p.printf("Slices by v2 within %.0f%% of v1, packed and opened: %s (at least %s). All tables above are by v1.\n",
			100-100*v.Target, verdict, p.ratio(v.Least))
	}
}

// table lines columns up: names to the left, figures to the right.
func (p *benchPage) table(rows [][]string) {
	if len(rows) < 2 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	p.printf("\n")
	for _, row := range rows {
		for i, cell := range row {
			if i == 0 {
				p.printf("%s", left(cell, widths[i]))
				continue
			}
			p.printf("  %s", right(cell, widths[i]))
		}
		p.printf("\n")
	}
}

func shareText(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

// rateText is a speed in decimal units.
func rateText(bytesPerSecond float64) string {
	if bytesPerSecond >= 1e9 {
		return fmt.Sprintf("%.2f GB/s", bytesPerSecond/1e9)
	}
	return rounded(bytesPerSecond/1e6) + " MB/s"
}

// spanText is a short time.
func spanText(seconds float64) string {
	switch {
	case seconds >= 1:
		return fmt.Sprintf("%.2f s", seconds)
	case seconds >= 1e-3:
		return rounded(seconds*1e3) + " ms"
	}
	return rounded(seconds*1e6) + " µs"
}

// rounded keeps what of a figure means something: three digits, or all before
// the point.
func rounded(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", math.Round(v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

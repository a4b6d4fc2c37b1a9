package art

import (
	"image"
	"strconv"
	"strings"
)

// sixelRows draws a picture as a strip of sixels for each row of cells. A strip
// comes with its line: blanks first, then the cursor goes back over them, the
// strip is drawn, and the cursor returns behind the blanks. So a line takes as
// many cells as it seems to and may be drawn again by itself at any time, which
// is how a screen is brought up to date. Strips are as high as a cell and leave
// the rows below alone. Some terminals scroll for what is drawn on their last
// row: keep it free. A line is some kilobytes and sent whole when anything in it
// changes, so nothing that moves should stand beside.
func sixelRows(img image.Image, cell image.Point, cols, rows int) []string {
	w, h := cols*cell.X, rows*cell.Y
	full := scale(img, w, h)
	indexed, colours := quantise(full)
	lines := make([]string, rows)
	back := "\x1b7\x1b[" + strconv.Itoa(cols) + "D"
	for y := range rows {
		strip := indexed[y*cell.Y*w : (y+1)*cell.Y*w]
		lines[y] = strings.Repeat(" ", cols) + back + sixelStrip(strip, w, cell.Y, colours) + "\x1b8"
	}
	return lines
}

// sixelStrip is a picture of w×h pixels in the notation of the DEC VT330/VT340
// manual, volume 2, chapter 14: the colours used, then bands of six rows, each
// colour of a band in turn.
func sixelStrip(pix []uint8, w, h int, colours []colour) string {
	var b strings.Builder
	b.WriteString("\x1bP0;1;0q\"1;1;" + strconv.Itoa(w) + ";" + strconv.Itoa(h))
	var used [256]bool
	for _, i := range pix {
		used[i] = true
	}
	for i, c := range colours {
		if used[i] {
			b.WriteString("#" + strconv.Itoa(i) + ";2;" + percent(c.r) + ";" + percent(c.g) + ";" + percent(c.b))
		}
	}
	for top := 0; top < h; top += 6 {
		if top > 0 {
			b.WriteByte('-') // one band down; none after the last, or some would scroll
		}
		writeBand(&b, pix[top*w:min(top+6, h)*w], w, len(colours))
	}
	b.WriteString("\x1b\\")
	return b.String()
}

func percent(v uint8) string { return strconv.Itoa((int(v)*100 + 127) / 255) }

// writeBand writes up to six rows of pixels.
func writeBand(b *strings.Builder, band []uint8, w, colours int) {
	masks := make([]uint8, colours*w)
	var used [256]bool
	for k, i := range band {
		masks[int(i)*w+k%w] |= 1 << (k / w)
		used[i] = true
	}
	first := true
	for i := range colours {
		if !used[i] {
			continue
		}
		if !first {
			b.WriteByte('$') // back to the left
		}
		first = false
		b.WriteString("#" + strconv.Itoa(i))
		writeRuns(b, masks[i*w:(i+1)*w])
	}
}

// writeRuns writes the columns of one colour, runs of the same as a count. The
// blank run at the end is left out.
func writeRuns(b *strings.Builder, masks []uint8) {
	for len(masks) > 0 && masks[len(masks)-1] == 0 {
		masks = masks[:len(masks)-1]
	}
	for len(masks) > 0 {
		n := 1
		for n < len(masks) && masks[n] == masks[0] {
			n++
		}
		sign := '?' + masks[0]
		if n > 3 {
			b.WriteString("!" + strconv.Itoa(n))
			b.WriteByte(sign)
		} else {
			for range n {
				b.WriteByte(sign)
			}
		}
		masks = masks[n:]
	}
}

package art

import (
	"cmp"
	"image"
	"slices"
)

// maxColours is the size of a palette. Terminals have 256 registers or more;
// half of them tell a cover well and make lines a third shorter.
const maxColours = 128

type colour struct{ r, g, b uint8 }

// bin is a colour of 5 bits a channel and how many pixels have it.
type bin struct {
	at    [3]uint8
	count int
}

// box is bins that become one colour.
type box struct {
	bins   []bin
	count  int
	axis   int // the channel that differs most
	spread int // by how much
}

// quantise reduces a picture to at most maxColours by median cut: the box of
// colours that counts most is split in the middle of its longest side until
// there are enough. indexed has one index a pixel, row by row.
func quantise(img *image.RGBA) (indexed []uint8, colours []colour) {
	counts := make([]int, 1<<15)
	for i := 0; i < len(img.Pix); i += 4 {
		counts[key(img.Pix[i:])]++
	}
	var bins []bin
	for k, n := range counts {
		if n > 0 {
			bins = append(bins, bin{[3]uint8{uint8(k >> 10), uint8(k >> 5 & 31), uint8(k & 31)}, n})
		}
	}
	boxes := split(bins)
	table := make([]uint8, 1<<15)
	for i, b := range boxes {
		colours = append(colours, b.mean())
		for _, c := range b.bins {
			table[int(c.at[0])<<10|int(c.at[1])<<5|int(c.at[2])] = uint8(i)
		}
	}
	indexed = make([]uint8, 0, len(img.Pix)/4)
	for i := 0; i < len(img.Pix); i += 4 {
		indexed = append(indexed, table[key(img.Pix[i:])])
	}
	return indexed, colours
}

func key(p []uint8) int { return int(p[0]>>3)<<10 | int(p[1]>>3)<<5 | int(p[2]>>3) }

// split cuts bins into at most maxColours boxes.
func split(bins []bin) []box {
	boxes := []box{measure(bins)}
	for len(boxes) < maxColours {
		most, score := -1, 0
		for i, b := range boxes {
			if s := b.spread * b.count; s > score {
				most, score = i, s
			}
		}
		if most < 0 {
			break // each box is one colour
		}
		b := boxes[most]
		slices.SortFunc(b.bins, func(x, y bin) int { return cmp.Compare(x.at[b.axis], y.at[b.axis]) })
		n, half := 0, 0
		for n < len(b.bins)-1 && (n == 0 || half+b.bins[n].count <= b.count/2) {
			half += b.bins[n].count
			n++
		}
		boxes[most] = measure(b.bins[:n])
		boxes = append(boxes, measure(b.bins[n:]))
	}
	return boxes
}

func measure(bins []bin) box {
	b := box{bins: bins}
	low, high := [3]uint8{255, 255, 255}, [3]uint8{}
	for _, c := range bins {
		b.count += c.count
		for k := range 3 {
			low[k], high[k] = min(low[k], c.at[k]), max(high[k], c.at[k])
		}
	}
	for k := range 3 {
		if d := int(high[k]) - int(low[k]); d > b.spread {
			b.axis, b.spread = k, d
		}
	}
	return b
}

// mean is the colour of a box: the middle of its pixels.
func (b box) mean() colour {
	var sum [3]int
	for _, c := range b.bins {
		for k := range 3 {
			sum[k] += (int(c.at[k])*255 + 15) / 31 * c.count
		}
	}
	n := max(b.count, 1)
	return colour{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n)}
}

package layer3

import (
	"math"
	"sync"
)

const (
	longBands  = 22
	shortBands = 13
	// maxSegments is the number of scale factor bands of short blocks, each
	// window counted by itself.
	maxSegments = 3 * shortBands
)

// bands holds the widths in lines of the scale factor bands (ISO 11172-3 table
// B.8, ISO 13818-3 table B.2), by row of rates. The last band of each list has
// no scale factor of its own.
var bands = [9]struct {
	long  [longBands]uint8
	short [shortBands]uint8
}{
	{
		[22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 8, 8, 10, 12, 16, 20, 24, 28, 34, 42, 50, 54, 76, 158},
		[13]uint8{4, 4, 4, 4, 6, 8, 10, 12, 14, 18, 22, 30, 56},
	}, {
		[22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 6, 8, 10, 12, 16, 18, 22, 28, 34, 40, 46, 54, 54, 192},
		[13]uint8{4, 4, 4, 4, 6, 6, 10, 12, 14, 16, 20, 26, 66},
	}, {
		[22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 8, 10, 12, 16, 20, 24, 30, 38, 46, 56, 68, 84, 102, 26},
		[13]uint8{4, 4, 4, 4, 6, 8, 12, 16, 20, 26, 34, 42, 12},
	}, {
		[22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},
		[13]uint8{4, 4, 4, 6, 6, 8, 10, 14, 18, 26, 32, 42, 18},
	}, {
		[22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 18, 22, 26, 32, 38, 46, 54, 62, 70, 76, 36},
		[13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 32, 44, 12},
	}, {
		[22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},
		[13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
	}, {
		[22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},
		[13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
	}, {
		[22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},
		[13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
	}, {
		[22]uint8{12, 12, 12, 12, 12, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 76, 90, 2, 2, 2, 2, 2},
		[13]uint8{8, 8, 8, 12, 16, 20, 24, 28, 36, 2, 2, 2, 26},
	},
}

// Kinds of layout.
const (
	allLong = iota
	allShort
	mixedBlock
)

// layout lists the segments of a granule in the order of the bit stream: the
// runs of lines that share one scale factor. In short blocks each band has
// three, one a window.
type layout struct {
	width [maxSegments]uint8
	n     int // segments
	long  int // of these, how many at the front are bands of long blocks
	lines int // lines in these
}

func newLayout(rate, kind int) layout {
	var l layout
	b := &bands[rate]
	short := 0
	switch {
	case kind == allLong:
		l.long, short = longBands, shortBands
	case kind == mixedBlock && rate < 3: // MPEG-1: 36 lines
		l.long, short = 8, 3
	case kind == mixedBlock: // LSF: 36 lines, 72 at 8 kHz
		l.long, short = 6, 3
	}
	for _, w := range b.long[:l.long] {
		l.width[l.n] = w
		l.lines += int(w)
		l.n++
	}
	for _, w := range b.short[short:] {
		for range 3 {
			l.width[l.n] = w
			l.n++
		}
	}
	return l
}

const (
	// gainBias makes every gain that side information can ask for an index
	// above 0: at the least 0 - 210 - 8*7 - (31+3)*4 quarter powers of two.
	gainBias = 448
	gainSize = 512
	// maxValue is the largest quantised value: 15 and 13 bits on top.
	maxValue = 15 + 1<<13 - 1
)

// tables is everything that is computed once and shared by all decoders.
type tables struct {
	small     [32]float32 // +-v^(4/3) at 2v and 2v+1, v to 15
	pow43     [maxValue + 1]float32
	gain      [gainSize]float32 // 2^((i-gainBias)/4)
	pairs     [32]pairCode
	quads     [2][1 << quadBits]uint16
	long      [9][longBands + 1]uint16 // where long bands begin
	layouts   [9][3]layout
	blend     [3][32][2]float32 // intensity: left, right; MPEG-1, LSF fine, LSF coarse
	win36     [2][4][36]float32 // by parity of the subband and block type
	win12     [2][12]float32    // by parity of the subband
	butterfly [8][2]float32     // alias reduction cs, ca
	synth     [17]taps
	dct       dctTables
}

// shared builds the tables when the first decoder needs them: about a
// millisecond that a program which plays no MP3 does not spend.
var shared = sync.OnceValue(func() *tables {
	t := new(tables)
	for v := range t.pow43 {
		t.pow43[v] = float32(math.Pow(float64(v), 4.0/3))
	}
	for v := range 16 {
		t.small[2*v], t.small[2*v+1] = t.pow43[v], -t.pow43[v]
	}
	for i := range t.gain {
		t.gain[i] = float32(math.Exp2(float64(i-gainBias) / 4))
	}
	for rate := range bands {
		for i, w := range bands[rate].long {
			t.long[rate][i+1] = t.long[rate][i] + uint16(w)
		}
		for kind := range t.layouts[rate] {
			t.layouts[rate][kind] = newLayout(rate, kind)
		}
	}
	t.buildCodes()
	t.buildBlend()
	t.buildWindows()
	t.buildSynth()
	return t
})

package flac

import (
	"encoding/binary"
	"math"
	"math/rand"
	"strconv"
)

// maker writes FLAC streams for tests: every kind of subframe, any sample
// size, any block sizes, right or wrong numbers. It compresses badly.
type maker struct {
	bits, channels, rate int
	blocks               []int // sizes, in order
	variable             bool  // the blocking bit
	bySample             bool  // number frames by samples though the bit says otherwise
	bare                 bool  // sample size and rate only in STREAMINFO
	noTotal              bool
	verbatim             bool    // no other kind of subframe
	given                []int64 // samples to take instead of a signal
	out                  []byte
	acc                  uint64
	n                    int
	pcm                  []int64 // interleaved, what must come out
	offs                 []int64 // where frames begin
}

func (m *maker) put(v int64, n int) {
	for n > 32 {
		m.put(v>>32, n-32)
		n = 32
	}
	m.acc = m.acc<<n | uint64(v)&(1<<n-1)
	for m.n += n; m.n >= 8; m.n -= 8 {
		m.out = append(m.out, byte(m.acc>>(m.n-8)))
	}
}

func (m *maker) align() {
	if m.n > 0 {
		m.put(0, 8-m.n)
	}
}

// file makes the stream from a seed.
func (m *maker) file(seed int64) []byte {
	rng := rand.New(rand.NewSource(seed))
	total := 0
	for _, b := range m.blocks {
		total += b
	}
	if m.pcm = m.given; m.pcm == nil {
		m.signal(rng, total)
	}
	low, high := m.blocks[0], 0
	for i, b := range m.blocks {
		high = max(high, b)
		if i < len(m.blocks)-1 {
			low = min(low, b)
		}
	}
	si := streamInfo{minBlock: max(low, 16), maxBlock: max(high, 16), rate: m.rate, channels: m.channels, bits: m.bits}
	if m.noTotal {
		m.out = si.appendSlice(nil, 0)
	} else {
		m.out = si.appendSlice(nil, int64(total))
	}
	at := 0
	for i, b := range m.blocks {
		num := int64(i)
		if m.variable || m.bySample {
			num = int64(at)
		}
		m.offs = append(m.offs, int64(len(m.out)))
		m.frame(rng, m.pcm[at*m.channels:(at+b)*m.channels], b, num)
		at += b
	}
	return m.out
}

// signal fills pcm: tones, noise, silence, full scale, stretches with low bits
// that are 0.
func (m *maker) signal(rng *rand.Rand, total int) {
	full := float64(int64(1)<<(m.bits-1) - 1)
	m.pcm = make([]int64, total*m.channels)
	for i := range total {
		for c := range m.channels {
			v := full * 0.6 * math.Sin(float64(i)*0.02*float64(c+1))
			switch i / 700 % 7 {
			case 1:
				v += full * 0.3 * rng.Float64()
			case 2:
				v = 0
			case 3:
				v = full * float64(rng.Intn(3)-1)
			}
			x := int64(v)
			if i/700%7 == 4 && m.bits > 6 {
				x &^= 7
			}
			if i/700%7 == 3 && x < 0 {
				x--
			}
			m.pcm[i*m.channels+c] = x
		}
	}
}

func (m *maker) frame(rng *rand.Rand, pcm []int64, block int, num int64) {
	begin := len(m.out)
	m.put(0x7ffc, 15)
	m.put(int64(b2i(m.variable)), 1)
	m.put(7, 4)
	m.put(0, 4)
	assign := m.channels - 1
	if m.channels == 2 {
		assign = []int{1, 8, 9, 10}[rng.Intn(4)]
	}
	m.put(int64(assign), 4)
	code := 0
	for i, b := range bitCodes {
		if b == m.bits && !m.bare {
			code = i
		}
	}
	m.put(int64(code), 3)
	m.put(0, 1)
	m.out = appendNumber(m.out, num)
	m.put(int64(block-1), 16)
	m.out = append(m.out, crc8(m.out[begin:]))
	for c := range m.channels {
		x, size := make([]int64, block), m.bits
		for i := range x {
			v := pcm[i*m.channels : (i+1)*m.channels]
			switch {
			case assign == 8 && c == 1, assign == 9 && c == 0, assign == 10 && c == 1:
				x[i] = v[0] - v[1]
			case assign == 10:
				x[i] = (v[0] + v[1]) >> 1
			default:
				x[i] = v[c]
			}
		}
		if assign == 8 && c == 1 || assign == 9 && c == 0 || assign == 10 && c == 1 {
			size++
		}
		m.subframe(rng, x, size)
	}
	m.align()
	m.out = binary.BigEndian.AppendUint16(m.out, crc16(0, m.out[begin:]))
}

func (m *maker) subframe(rng *rand.Rand, x []int64, size int) {
	var or int64
	same := true
	for _, v := range x {
		or |= v
		same = same && v == x[0]
	}
	wasted := 0
	for !m.verbatim && or != 0 && or&1 == 0 && wasted < size-1 {
		or >>= 1
		wasted++
	}
	for i := range x {
		x[i] >>= wasted
	}
	size -= wasted
	head := func(kind int) {
		m.put(int64(kind<<1|b2i(wasted > 0)), 8)
		if wasted > 0 {
			m.put(1, wasted)
		}
	}
	order, lpc := rng.Intn(5), rng.Intn(33)
	fixed := [][]int64{nil, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}[order]
	coef := make([]int64, lpc)
	for i := range coef {
		coef[i] = int64(rng.Intn(64) - 32)
	}
	kind := rng.Intn(4)
	if m.verbatim {
		kind = 3
	} else if same {
		head(0)
		m.put(x[0], size)
		return
	}
	if res := predict(x, fixed, 0); kind == 1 && res != nil {
		head(8 + order)
		m.warmUp(x[:order], size)
		m.residual(rng, res, len(x), order)
		return
	}
	if res := predict(x, coef, 6); kind == 2 && lpc > 0 && res != nil {
		head(31 + lpc)
		m.warmUp(x[:lpc], size)
		m.put(14, 4)
		m.put(6, 5)
		m.warmUp(coef, 15)
		m.residual(rng, res, len(x), lpc)
		return
	}
	head(1)
	m.warmUp(x, size)
}

func (m *maker) warmUp(x []int64, size int) {
	for _, v := range x {
		m.put(v, size)
	}
}

// predict gives the residual, nil where a value of it would not fit in 32 bits.
func predict(x, coef []int64, shift int) []int64 {
	if len(x) < len(coef) {
		return nil
	}
	res := []int64{}
	for i := len(coef); i < len(x); i++ {
		var sum int64
		for k, c := range coef {
			sum += c * x[i-1-k]
		}
		v := x[i] - sum>>shift
		if v <= -1<<31 || v >= 1<<31 {
			return nil
		}
		res = append(res, v)
	}
	return res
}

func (m *maker) residual(rng *rand.Rand, res []int64, block, order int) {
	method, parts := rng.Intn(2), 0
	for _, v := range res {
		if v < -1<<13 || v >= 1<<13 {
			method = 1
		}
	}
	for want := rng.Intn(6); parts < want && block>>(parts+1)<<(parts+1) == block && block>>(parts+1) >= order; parts++ {
	}
	m.put(int64(method), 2)
	m.put(int64(parts), 4)
	at := 0
	for p := range 1 << parts {
		n := block >> parts
		if p == 0 {
			n -= order
		}
		var peak int64
		for _, v := range res[at : at+n] {
			peak = max(peak, v<<1^v>>63)
		}
		width := 0
		for peak>>width != 0 {
			width++
		}
		param := max(width-3, 0)
		if escape := 1<<(4+method) - 1; param >= escape || rng.Intn(4) == 0 && width < 32 {
			m.put(int64(escape), 4+method)
			m.put(int64(width), 5)
			for _, v := range res[at : at+n] {
				m.put(v, width)
			}
		} else {
			m.put(int64(param), 4+method)
			for _, v := range res[at : at+n] {
				u := v<<1 ^ v>>63
				m.put(1, int(u>>param)+1)
				m.put(u, param)
			}
		}
		at += n
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

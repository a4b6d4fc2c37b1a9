package decode

import (
	"errors"
	"fmt"
	"math/bits"

	"secstream/pkg/audio"
)

// flacFrames decodes FLAC frames (RFC 9639 §9) of any legal sample size, 32
// bits included. It serves the streams
// that the library cannot take.
type flacFrames struct {
	info flacInfo
	in   flacBits
	x    [][]int64 // decoded samples by channel, valid until the next frame
	side int       // the channel with one bit more, -1: none
	code int       // channel assignment
	coef [32]int64
}

var (
	errFlacHeader   = errors.New("not a frame header")
	errFlacReserved = errors.New("reserved code in a subframe")
	errFlacShort    = errors.New("the frame ends too early")
	errFlacCRC      = errors.New("the frame CRC does not match")
)

// next decodes the frame at byte off of data.
func (d *flacFrames) next(data []byte, off int) (block, end int, err error) {
	d.in = flacBits{b: data, pos: 8 * off}
	if block, err = d.header(off); err != nil {
		return 0, 0, err
	}
	if d.x == nil {
		d.x = make([][]int64, d.info.channels)
	}
	for ch := range d.x {
		if cap(d.x[ch]) < block {
			d.x[ch] = make([]int64, block)
		}
		d.x[ch] = d.x[ch][:block]
		size := d.info.bits
		if ch == d.side {
			size++
		}
		if err = d.subframe(d.x[ch], size); err != nil {
			return 0, 0, err
		}
	}
	end = (d.in.pos+7)/8 + 2
	switch {
	case end > len(data):
		return 0, 0, errFlacShort
	case flacCRC16(data[off:end]) != 0:
		return 0, 0, errFlacCRC
	}
	d.join()
	return block, end, d.inRange()
}

// header reads a frame header (RFC 9639 §9.1) and returns the block size. The
// coded number is stepped over: a slice is decoded from start to end.
func (d *flacFrames) header(off int) (int, error) {
	in := &d.in
	if in.get(15) != 0x7ffc {
		return 0, errFlacHeader
	}
	in.get(1) // blocking strategy
	blockCode, rateCode := in.get(4), in.get(4)
	d.code = in.get(4)
	sizeCode := in.get(3)
	if in.get(1) != 0 || d.code > 10 || rateCode == 15 {
		return 0, errFlacHeader
	}
	if lead := bits.LeadingZeros8(^byte(in.get(8))); lead > 1 && lead < 8 {
		in.pos += 8 * (lead - 1)
	} else if lead != 0 {
		return 0, errFlacHeader
	}
	block := flacBlock(in, blockCode)
	rate := flacRate(in, rateCode)
	end := in.pos/8 + 1
	if block == 0 || block > 65535 || end > len(in.b) || flacCRC8(in.b[off:end]) != 0 {
		return 0, errFlacHeader
	}
	in.pos += 8
	channels := d.code + 1
	d.side = -1
	if d.code > 7 {
		channels, d.side = 2, 1
		if d.code == 9 {
			d.side = 0
		}
	}
	size := [8]int{d.info.bits, 8, 12, 0, 16, 20, 24, 32}[sizeCode]
	return block, d.info.same(channels, size, rate)
}

func flacBlock(in *flacBits, code int) int {
	switch {
	case code == 0:
		return 0
	case code == 1:
		return 192
	case code <= 5:
		return 576 << (code - 2)
	case code == 6:
		return in.get(8) + 1
	case code == 7:
		return in.get(16) + 1
	}
	return 256 << (code - 8)
}

// flacRate gives the sample rate in Hz, 0 when STREAMINFO has it.
func flacRate(in *flacBits, code int) int {
	switch code {
	case 12:
		return in.get(8) * 1000
	case 13:
		return in.get(16)
	case 14:
		return in.get(16) * 10
	}
	return [12]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}[code]
}

// subframe decodes one channel (RFC 9639 §9.2).
func (d *flacFrames) subframe(x []int64, size int) error {
	in := &d.in
	head := in.get(8)
	wasted := 0
	if head&1 != 0 {
		wasted = in.unary() + 1
	}
	if size -= wasted; head&0x80 != 0 || size < 1 {
		return errFlacReserved
	}
	var err error
	switch kind := head >> 1; {
	case kind == 0:
		v := in.signed(size)
		for i := range x {
			x[i] = v
		}
	case kind == 1:
		for i := range x {
			x[i] = in.signed(size)
		}
	case kind >= 8 && kind <= 12:
		err = d.fixed(x, size, kind-8)
	case kind >= 32:
		err = d.linear(x, size, kind-31)
	default:
		return errFlacReserved
	}
	if err == nil && in.pos > 8*len(in.b) {
		err = errFlacShort
	}
	if wasted > 0 {
		for i := range x {
			x[i] <<= wasted
		}
	}
	return err
}

// fixed decodes a subframe with a fixed predictor (RFC 9639 §9.2.5).
func (d *flacFrames) fixed(x []int64, size, order int) error {
	if err := d.warmUp(x, size, order); err != nil {
		return err
	}
	if err := d.residual(x, order); err != nil {
		return err
	}
	switch order {
	case 1:
		for i := 1; i < len(x); i++ {
			x[i] += x[i-1]
		}
	case 2:
		for i := 2; i < len(x); i++ {
			x[i] += 2*x[i-1] - x[i-2]
		}
	case 3:
		for i := 3; i < len(x); i++ {
			x[i] += 3*(x[i-1]-x[i-2]) + x[i-3]
		}
	case 4:
		for i := 4; i < len(x); i++ {
			x[i] += 4*(x[i-1]+x[i-3]) - 6*x[i-2] - x[i-4]
		}
	}
	return nil
}

// linear decodes a subframe with a linear predictor (RFC 9639 §9.2.6).
func (d *flacFrames) linear(x []int64, size, order int) error {
	if err := d.warmUp(x, size, order); err != nil {
		return err
	}
	precision := d.in.get(4) + 1
	shift := d.in.signed(5)
	if precision == 16 || shift < 0 {
		return errFlacReserved
	}
	// Stored nearest sample first; turned round, they run along x.
	coef := d.coef[:order]
	for i := range coef {
		coef[order-1-i] = d.in.signed(precision)
	}
	if err := d.residual(x, order); err != nil {
		return err
	}
	for i := order; i < len(x); i++ {
		past := x[i-order : i]
		past = past[:len(coef)]
		var sum int64
		for k, c := range coef {
			sum += c * past[k]
		}
		x[i] += sum >> shift
	}
	return nil
}

func (d *flacFrames) warmUp(x []int64, size, order int) error {
	if order > len(x) {
		return errFlacReserved
	}
	for i := range x[:order] {
		x[i] = d.in.signed(size)
	}
	return nil
}

// residual decodes what the predictor left over into x[order:] (RFC 9639 §9.2.7).
func (d *flacFrames) residual(x []int64, order int) error {
	in := &d.in
	method, parts := in.get(2), in.get(4)
	count := len(x) >> parts
	if method > 1 || count<<parts != len(x) || count < order {
		return errFlacReserved
	}
	escape := 1<<(4+method) - 1
	begin := order
	for p := range 1 << parts {
		part := x[begin : (p+1)*count]
		begin = (p + 1) * count
		if param := in.get(4 + method); param == escape {
			width := in.get(5)
			for i := range part {
				part[i] = in.signed(width)
			}
		} else {
			in.rice(part, param)
		}
		if in.pos > 8*len(in.b) {
			return errFlacShort
		}
	}
	return nil
}

// join undoes the stereo coding (RFC 9639 §4.2).
func (d *flacFrames) join() {
	if d.side < 0 {
		return
	}
	a := d.x[0]
	b := d.x[1][:len(a)]
	switch d.code {
	case 8:
		for i := range a {
			b[i] = a[i] - b[i]
		}
	case 9:
		for i := range a {
			a[i] += b[i]
		}
	case 10:
		for i := range a {
			mid, side := a[i]<<1|b[i]&1, b[i]
			a[i], b[i] = (mid+side)>>1, (mid-side)>>1
		}
	}
}

// inRange refuses samples that do not fit the sample size: only a broken
// encoder makes them, and they would be louder than full scale.
func (d *flacFrames) inRange() error {
	for _, x := range d.x {
		var wide int64
		for _, v := range x {
			wide |= v ^ v>>63
		}
		if wide>>(d.info.bits-1) != 0 {
			return fmt.Errorf("a sample does not fit %d bits", d.info.bits)
		}
	}
	return nil
}

func (d *flacFrames) copy(p []float64, from, count int) {
	ch, scale := d.info.channels, d.info.scale()
	for c, x := range d.x {
		for i, v := range x[from : from+count] {
			p[i*ch+c] = float64(v) * scale
		}
	}
}

// same refuses a frame that is of another kind than STREAMINFO says; 0 stands
// for what STREAMINFO says.
func (si *flacInfo) same(channels, size, rate int) error {
	switch {
	case channels != si.channels:
		return fmt.Errorf("%w: the channel count changes from %d to %d", audio.ErrUnsupported, si.channels, channels)
	case size != si.bits:
		return fmt.Errorf("%w: the sample size changes from %d to %d bits", audio.ErrUnsupported, si.bits, size)
	case rate != 0 && rate != si.rate:
		return fmt.Errorf("%w: the sample rate changes from %d to %d Hz", audio.ErrUnsupported, si.rate, rate)
	}
	return nil
}

package channel

// window tells numbers that came from those that did not, as far back from the
// greatest as it has bits. What lies further back counts as come.
type window struct {
	size uint64   // at least 1
	seen bool     // whether any came
	max  uint64   // the greatest that came
	bits []uint64 // bit i of all: max-i came
}

const word = 64

func newWindow(size uint64) window {
	return window{size: size, bits: make([]uint64, (size+word-1)/word)}
}

// fresh tells whether number may still come. It changes nothing.
func (w *window) fresh(number uint64) bool {
	if !w.seen || number > w.max {
		return true
	}
	back := w.max - number
	return back < w.size && w.bits[back/word]>>(back%word)&1 == 0
}

// mark says that number, which is fresh, came. It takes as long for any number.
func (w *window) mark(number uint64) {
	switch {
	case !w.seen:
		w.seen, w.max = true, number
	case number > w.max:
		w.shift(number - w.max)
		w.max = number
	}
	back := w.max - number
	w.bits[back/word] |= 1 << (back % word)
}

// shift makes room for n greater numbers. What is moved beyond the window is
// forgotten: fresh does not look there.
func (w *window) shift(n uint64) {
	if n >= w.size {
		clear(w.bits)
		return
	}
	words, by := int(n/word), n%word
	for i := len(w.bits) - 1; i >= 0; i-- {
		var x uint64
		if i >= words {
			x = w.bits[i-words] << by
		}
		if i > words {
			x |= w.bits[i-words-1] >> (word - by) // by 64 it is 0
		}
		w.bits[i] = x
	}
}

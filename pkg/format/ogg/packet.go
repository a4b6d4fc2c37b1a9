package ogg

// walker turns the pages of one logical stream into packets, a fragment at a
// time: nothing is copied, and packets that are passed over cost nothing.
type walker struct {
	begun bool   // a page was seen
	seq   uint32 // its number
	open  bool   // the packet at its end goes on
	lace  []byte // what is left of the current page
	body  []byte
	idx   int // packets that began on the current page so far
}

// frag is the part of a packet that lies on one page.
type frag struct {
	lace, data []byte
	begin, end bool
	idx        int // which of the packets that begin on its page, from 0; begin only
}

// page makes pg the current page. It reports whether packets went missing
// between it and the page before (RFC 3533 §6: page numbers rise by one, and
// a packet goes on exactly where the last page says so).
func (w *walker) page(pg *page) (lost bool) {
	goesOn := pg.flags&continued != 0
	lost = w.begun && (pg.seq != w.seq+1 || goesOn != w.open)
	w.open = w.begun && !lost && w.open
	w.begun, w.seq, w.idx = true, pg.seq, 0
	w.lace, w.body = pg.lace, pg.body
	if goesOn && !w.open {
		w.dropRest()
	}
	return lost
}

// dropRest steps over the end of a packet whose beginning is not known.
func (w *walker) dropRest() {
	for i, v := range w.lace {
		w.body = w.body[v:]
		if v < 255 {
			w.lace = w.lace[i+1:]
			return
		}
	}
	w.lace = nil
}

// next returns the next fragment on the current page, false if none is left.
func (w *walker) next(f *frag) bool {
	if len(w.lace) == 0 {
		return false
	}
	n, size := 0, 0
	f.end = false
	for n < len(w.lace) && !f.end {
		size += int(w.lace[n])
		f.end = w.lace[n] < 255
		n++
	}
	f.begin = !w.open
	f.idx = w.idx
	f.lace, f.data = w.lace[:n], w.body[:size]
	w.lace, w.body = w.lace[n:], w.body[size:]
	w.open = !f.end
	if f.begin {
		w.idx++
	}
	return true
}

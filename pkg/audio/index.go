package audio

import (
	"encoding/binary"
	"sort"
)

// Index is the compact list of a track's cuts: some six bytes a cut, so an
// hour of music takes about 200 kB. WAV, which may be cut anywhere, takes
// none. It never changes once built and is safe for concurrent use.
type Index struct {
	stride int64 // linear index: bytes a frame, 0 otherwise
	marks  []mark
	packed []byte // after each mark, blockCuts-1 deltas: uvarint Off, At, Aux
	end    Cut
	breaks []Frames
	first  Cut
	n      int
}

type mark struct {
	Cut
	pos int // where this block's deltas begin in packed
}

// blockCuts is how many cuts are decoded at most for one look-up.
const blockCuts = 64

// LinearIndex is the index of a track that may be cut at every frame: frame i
// lies at off+i*stride.
func LinearIndex(off, stride int64, total Frames) *Index {
	return &Index{stride: stride, first: Cut{Off: off}, end: Cut{Off: off + int64(total)*stride, At: total}, n: int(total)}
}

// IndexBuilder collects cuts in file order. The zero value keeps every cut;
// Gap > 0 keeps only cuts at least that many frames apart (breaks always).
type IndexBuilder struct {
	Gap  Frames
	ix   Index
	last Cut
}

// Add notes a cut. Cuts must come in order; one that does not advance the
// timeline is ignored.
func (b *IndexBuilder) Add(c Cut) {
	if b.ix.n > 0 && (c.At <= b.last.At || c.At-b.last.At < b.Gap) {
		return
	}
	b.add(c)
}

// AddBreak notes a cut where one slice must end and another begin, as between
// the links of a chained Ogg file.
func (b *IndexBuilder) AddBreak(c Cut) {
	if b.ix.n > 0 && c.At <= b.last.At {
		return
	}
	b.ix.breaks = append(b.ix.breaks, c.At)
	b.add(c)
}

func (b *IndexBuilder) add(c Cut) {
	if b.ix.n%blockCuts == 0 {
		b.ix.marks = append(b.ix.marks, mark{Cut: c, pos: len(b.ix.packed)})
	} else {
		b.ix.packed = binary.AppendUvarint(b.ix.packed, uint64(c.Off-b.last.Off))
		b.ix.packed = binary.AppendUvarint(b.ix.packed, uint64(c.At-b.last.At))
		b.ix.packed = binary.AppendUvarint(b.ix.packed, uint64(c.Aux))
	}
	if b.ix.n == 0 {
		b.ix.first = c
	}
	b.ix.n++
	b.last = c
}

// Finish closes the index with the end of the track: At is its length.
func (b *IndexBuilder) Finish(end Cut) *Index {
	ix := b.ix
	ix.end = end
	ix.packed = append(make([]byte, 0, len(ix.packed)), ix.packed...)
	ix.marks = append(make([]mark, 0, len(ix.marks)), ix.marks...)
	return &ix
}

// Total is the length of the track.
func (ix *Index) Total() Frames { return ix.end.At }

// End is the cut after the last frame.
func (ix *Index) End() Cut { return ix.end }

// Len is the number of cuts, the end not counted.
func (ix *Index) Len() int { return ix.n }

// Breaks are the positions a slice must not reach across, in order. The
// caller must not change them.
func (ix *Index) Breaks() []Frames { return ix.breaks }

// Size is about how many bytes of memory the index takes.
func (ix *Index) Size() int { return cap(ix.packed) + cap(ix.marks)*40 + cap(ix.breaks)*8 + 160 }

// Find returns the last cut whose At is at most at: the first cut for a
// position before it, the end for a position at or past the end.
func (ix *Index) Find(at Frames) Cut {
	switch {
	case at >= ix.end.At:
		return ix.end
	case ix.stride > 0:
		at = max(at, 0)
		return Cut{Off: ix.first.Off + int64(at)*ix.stride, At: at}
	case ix.n == 0:
		return ix.end
	case at <= ix.first.At:
		return ix.first
	}
	i := sort.Search(len(ix.marks), func(i int) bool { return ix.marks[i].At > at }) - 1
	c, n := ix.marks[i].Cut, min(blockCuts, ix.n-i*blockCuts)
	for pos := ix.marks[i].pos; n > 1; n-- {

		next, k := ix.step(c, pos)
		if next.At > at {
			break
		}
		c, pos = next, pos+k
	}
	return c
}

func (ix *Index) step(c Cut, pos int) (Cut, int) {
	off, a := binary.Uvarint(ix.packed[pos:])
	at, b := binary.Uvarint(ix.packed[pos+a:])
	aux, d := binary.Uvarint(ix.packed[pos+a+b:])
	return Cut{Off: c.Off + int64(off), At: c.At + Frames(at), Aux: uint32(aux)}, a + b + d
}

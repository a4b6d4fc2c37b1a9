package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"secstream/pkg/compress"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
)

// ErrIncorrect is wrapped when slices do not come back as they were, or a
// forgery is believed.
var ErrIncorrect = errors.New("the protected path is not exact on this machine")

// Bounds on the slices of one job that are proved and timed. They are spread
// evenly over the track, so that hours of sound cost no more memory or time
// than minutes. Compressing is slower, hence fewer.
const (
	maxPicks      = 512
	leastPicks    = 2
	maxBytes      = 64 << 20
	maxCompressed = 12 << 20
	flipsPerSlice = 3
)

// opener is the way back: *pack.Unpacker.
type opener interface {
	AppendSlice(dst, body []byte, i, limit int) ([]byte, error)
}

// job is one source cut and compressed in one way, by one protocol.
type job struct {
	src      *source
	level    int
	length   time.Duration
	plan     slicer.Plan
	codec    compress.Codec
	bind     *pack.Binding // nil under protocol v1
	box      *seal.Box
	packer   *pack.Packer
	unpacker opener
	picks    []int // slices that are proved and timed
	sizes    []int // bytes of each when carved
	offs     []int // where a pick's bytes begin if all lie one behind the other
	sealed   int64 // bytes of all picks when sealed
}

// newJob returns nil for slices too large to be served. Its job is of protocol
// v1, and bound makes that of v2 of it.
func newJob(s *source, level int, length time.Duration) (*job, error) {
	j := &job{src: s, level: level, length: length}
	var err error
	j.plan, err = slicer.Make(s.track.Cuts(), s.track.Info().SampleRate, slicer.Options{Millis: int(length.Milliseconds())})
	if err != nil {
		return nil, err
	}
	if err := pack.Check(s.track, j.plan); errors.Is(err, pack.ErrTooLarge) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if j.codec, err = compress.NewDeflater(level); err != nil {
		return nil, err
	}
	j.close()
	j.pick()
	return j, nil
}

// close puts j under a key of its own.
func (j *job) close() {
	j.box = j.freshBox()
	j.packer, j.unpacker = j.ends(j.box, j.box)
}

// ends are those of a session: server's and client's.
func (j *job) ends(server, client *seal.Box) (*pack.Packer, *pack.Unpacker) {
	return pack.NewBoundPacker(j.src.track, j.plan, j.codec, server, j.bind, false),
		pack.NewBoundUnpacker(j.codec, client, j.bind, false)
}

func (j *job) freshBox() *seal.Box {
	b := make([]byte, seal.KeySize)
	_, _ = rand.Read(b) // never fails
	key, err := seal.NewKey(b)
	if err != nil {
		panic(err) // the length is right
	}
	defer key.Wipe()
	if j.bind == nil {
		return seal.NewBox(key)
	}
	box, err := seal.NewBound(seal.AES256GCM{}, key)
	if err != nil {
		panic(err) // its sizes are right
	}
	return box
}

// pick chooses slices within the bounds.
func (j *job) pick() {
	limit := int64(maxBytes)
	if j.level > compress.MinLevel {
		limit = maxCompressed
	}
	n := j.plan.Len()
	first, _ := j.plan.Bounds(0)
	_, last := j.plan.Bounds(n - 1)
	average := (last.Off-first.Off)/int64(n) + 1
	k := min(n, maxPicks, max(leastPicks, int(limit/average)))
	for i := range k {
		j.picks = append(j.picks, i*n/k)
	}
}

// bytes is how much all picks hold when carved.
func (j *job) bytes() int {
	last := len(j.offs) - 1
	return j.offs[last] + j.sizes[last]
}

// prove packs and opens every pick, compares with what was carved, and tries
// forgeries. It learns the sizes of the picks on the way.
func (j *job) prove(ctx context.Context, tally *Proof) error {
	rng := mathrand.New(mathrand.NewPCG(1, uint64(j.plan.Len()))) // any bits will do; the same ones next time
	stranger := j.freshBox()
	_, wrong := j.ends(stranger, stranger)
	total := 0
	p := proof{front: j.box.Head() > 0}
	for _, i := range j.picks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.slice(j, i); err != nil {
			return j.fault(i, err)
		}
		p.i = i
		if err := p.forgeries(j.unpacker, wrong, rng); err != nil {
			return j.fault(i, err)
		}
		if j.bind != nil {
			if err := p.moved(j.unpacker); err != nil {
				return j.fault(i, err)
			}
			tally.Moved++
		}
		j.sizes, j.offs = append(j.sizes, len(p.plain)), append(j.offs, total)
		total += len(p.plain)
		j.sealed += int64(len(p.body))
		tally.Slices++
		tally.Flips += flipsPerSlice
		tally.WrongKeys++
	}
	return nil
}

func (j *job) fault(i int, err error) error {
	return fmt.Errorf("slice %d of %q, %v slices, compression %d: %w", i, j.src.path, j.length, j.level, err)
}

// proof holds the buffers of prove.
type proof struct {
	plain, body, copied, back []byte
	i                         int  // the slice they are of
	front                     bool // the nonce stands in front of it
}

// slice packs slice i and expects it back.
func (p *proof) slice(j *job, i int) error {
	from, to := j.plan.Bounds(i)
	var err error
	if p.plain, err = j.src.track.Carve(p.plain[:0], j.src.file, from, to); err != nil {
		return err
	}
	if p.body, err = j.packer.Append(p.body[:0], j.src.file, i); err != nil {
		return err
	}
	p.copied = append(p.copied[:0], p.body...)
	p.back, err = j.unpacker.AppendSlice(p.back[:0], p.copied, i, len(p.plain))
	if err != nil {
		return fmt.Errorf("%w: it does not open: %v", ErrIncorrect, err) //nolint:errorlint // what opening says of honest slices is no forgery
	}
	if !bytes.Equal(p.back, p.plain) {
		return fmt.Errorf("%w: what is opened is not what was carved", ErrIncorrect)
	}
	return nil
}

// forgeries flips a bit of ciphertext, tag and nonce each, and tries a wrong
// key.
func (p *proof) forgeries(right, wrong opener, rng *mathrand.Rand) error {
	n := len(p.body)
	for _, part := range p.parts() {
		at, bit := part[0]+rng.IntN(part[1]-part[0]), rng.IntN(8)
		p.copied = append(p.copied[:0], p.body...)
		p.copied[at] ^= 1 << bit
		if err := p.refused(right, p.i); err != nil {
			return fmt.Errorf("%w: bit %d of byte %d of %d is flipped: %w", ErrIncorrect, bit, at, n, err)
		}
	}
	p.copied = append(p.copied[:0], p.body...)
	if err := p.refused(wrong, p.i); err != nil {
		return fmt.Errorf("%w: the key is wrong: %w", ErrIncorrect, err)
	}
	return nil
}

// parts are where ciphertext, tag and nonce lie.
func (p *proof) parts() [flipsPerSlice][2]int {
	n := len(p.body)
	if p.front {
		return [...][2]int{{seal.NonceSize, n - seal.TagSize}, {n - seal.TagSize, n}, {0, seal.NonceSize}}
	}
	return [...][2]int{{0, n - seal.Overhead}, {n - seal.Overhead, n - seal.NonceSize}, {n - seal.NonceSize, n}}
}

// moved passes the slice for its neighbour.
func (p *proof) moved(by opener) error {
	p.copied = append(p.copied[:0], p.body...)
	if err := p.refused(by, p.i+1); err != nil {
		return fmt.Errorf("%w: it is in the place of another: %w", ErrIncorrect, err)
	}
	return nil
}

var errBelieved = errors.New("it opens all the same")

// refused expects that the copied body is taken for a forgery of slice i.
func (p *proof) refused(by opener, i int) error {
	got, err := by.AppendSlice(p.back[:0], p.copied, i, len(p.plain))
	switch {
	case err == nil:
		return errBelieved
	case !errors.Is(err, seal.ErrForged):
		return fmt.Errorf("it is not called a forgery: %v", err) //nolint:errorlint // the kind of error is what is wrong
	case len(got) > 0:
		return fmt.Errorf("%d bytes of it come out", len(got))
	}
	return nil
}

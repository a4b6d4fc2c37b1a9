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
	Append(dst, body []byte, limit int) ([]byte, error)
}

// job is one source cut and compressed in one way.
type job struct {
	src      *source
	level    int
	length   time.Duration
	plan     slicer.Plan
	box      *seal.Box
	packer   *pack.Packer
	unpacker opener
	picks    []int // slices that are proved and timed
	sizes    []int // bytes of each when carved
	offs     []int // where a pick's bytes begin if all lie one behind the other
	sealed   int64 // bytes of all picks when sealed
}

// newJob returns nil for slices too large to be served.
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
	deflate, err := compress.NewDeflater(level)
	if err != nil {
		return nil, err
	}
	j.box = freshBox()
	j.packer = pack.NewPacker(s.track, j.plan, deflate, j.box)
	j.unpacker = pack.NewUnpacker(j.box)
	j.pick()
	return j, nil
}

func freshBox() *seal.Box {
	b := make([]byte, seal.KeySize)
	_, _ = rand.Read(b) // never fails
	key, err := seal.NewKey(b)
	if err != nil {
		panic(err) // the length is right
	}
	defer key.Wipe()
	return seal.NewBox(key)
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
	wrong := pack.NewUnpacker(freshBox())
	total := 0
	var p proof
	for _, i := range j.picks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.slice(j, i); err != nil {
			return j.fault(i, err)
		}
		if err := p.forgeries(j.unpacker, wrong, rng); err != nil {
			return j.fault(i, err)
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
type proof struct{ plain, body, copied, back []byte }

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
	p.back, err = j.unpacker.Append(p.back[:0], p.copied, len(p.plain))
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
	for _, part := range [flipsPerSlice][2]int{{0, n - seal.Overhead}, {n - seal.Overhead, n - seal.NonceSize}, {n - seal.NonceSize, n}} {
		at, bit := part[0]+rng.IntN(part[1]-part[0]), rng.IntN(8)
		p.copied = append(p.copied[:0], p.body...)
		p.copied[at] ^= 1 << bit
		if err := p.refused(right); err != nil {
			return fmt.Errorf("%w: bit %d of byte %d of %d is flipped: %w", ErrIncorrect, bit, at, n, err)
		}
	}
	p.copied = append(p.copied[:0], p.body...)
	if err := p.refused(wrong); err != nil {
		return fmt.Errorf("%w: the key is wrong: %w", ErrIncorrect, err)
	}
	return nil
}

var errBelieved = errors.New("it opens all the same")

// refused expects that the copied body is taken for a forgery.
func (p *proof) refused(by opener) error {
	got, err := by.Append(p.back[:0], p.copied, len(p.plain))
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

package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

// bare is AES-256-GCM by itself, and data for it.
type bare struct {
	aead  cipher.AEAD
	nonce []byte
	data  []byte
}

// newBare prepares size bytes of noise, as much as the slices it stands
// beside: a sealer gets new data each time, so the cipher has to take it from
// memory as the pipeline does, not from a cache that is warm from last time.
// The nonce stays the same and the key is thrown away; nothing is kept secret
// here.
func newBare(size int) *bare {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key length is fixed
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size GCM needs
	}
	b := &bare{aead: aead, nonce: make([]byte, aead.NonceSize()), data: make([]byte, size)}
	_, _ = mathrand.NewChaCha8([32]byte{1}).Read(b.data) // never fails
	return b
}

// lane is what one goroutine needs to run a job. All its steps write to the
// same buffer, so that none finds a warmer one than the others.
type lane struct {
	*job
	bare  *bare
	buf   []byte
	plain []byte // of the way back
}

// step does one thing with pick k.
type step func(l *lane, k int) error

// seal is the bare cipher on as many bytes as pick k holds.
func (l *lane) seal(k int) error {
	plain := l.bare.data[l.offs[k]:][:l.sizes[k]]
	l.buf = l.bare.aead.Seal(l.buf[:0], l.bare.nonce, plain, nil)
	return nil
}

// readSeal is the bare cipher when it has to read pick k from the file first:
// the least that any server does. It fits PCM only, whose slices are ranges of
// the file.
func (l *lane) readSeal(k int) error {
	from, to := l.plan.Bounds(l.picks[k])
	n := int(to.Off - from.Off)
	l.buf = slices.Grow(l.buf[:0], n+l.bare.aead.Overhead())[:n]
	if _, err := l.src.file.ReadAt(l.buf, from.Off); err != nil {
		return err
	}
	l.buf = l.bare.aead.Seal(l.buf[:0], l.bare.nonce, l.buf, nil)
	return nil
}

// carve reads pick k and makes a slice of it.
func (l *lane) carve(k int) (err error) {
	from, to := l.plan.Bounds(l.picks[k])
	l.buf, err = l.src.track.Carve(l.buf[:0], l.src.file, from, to)
	return err
}

// compress is carve and compression.
func (l *lane) compress(k int) (err error) {
	l.buf, err = l.packer.AppendClear(l.buf[:0], l.src.file, l.picks[k])
	return err
}

// pack is the whole pipeline.
func (l *lane) pack(k int) (err error) {
	l.buf, err = l.packer.Append(l.buf[:0], l.src.file, l.picks[k])
	return err
}

// pass runs do on n picks from the first on, round and round, and returns how
// long a byte took, in seconds.
func (l *lane) pass(do step, first, n int) (float64, error) {
	sum := 0
	begin := time.Now()
	for i := range n {
		k := (first + i) % len(l.picks)
		sum += l.sizes[k]
		if err := do(l, k); err != nil {
			return 0, l.fault(l.picks[k], err)
		}
	}
	return time.Since(begin).Seconds() / float64(sum), nil
}

// together runs a pass on every lane at once, each from its own place on, and
// returns their speeds added up, in bytes a second.
func together(lanes []*lane, do step, first, n int) (float64, error) {
	speeds, errs := make([]float64, len(lanes)), make([]error, len(lanes))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() {
			<-start
			perByte, err := l.pass(do, first+i*len(l.picks)/len(lanes), n)
			speeds[i], errs[i] = 1/perByte, err
		})
	}
	close(start)
	wg.Wait()
	sum := 0.0
	for i := range lanes {
		if errs[i] != nil {
			return 0, errs[i]
		}
		sum += speeds[i]
	}
	return sum, nil
}

// windowBytes is how much a pass takes by default: enough that the clock and
// the boundary between two passes do not matter, little enough that the two
// sides of a comparison see the same state of the machine.
const windowBytes = 2 << 20

// window is how many picks come near to so many bytes.
func (j *job) window(bytes int) int {
	if j.level > 0 {
		bytes /= 8 // compressing takes long enough
	}
	average := j.bytes()/len(j.picks) + 1
	return min(max(bytes/average, 1), 64)
}

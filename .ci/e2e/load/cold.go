package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/compress"
	"secstream/pkg/seal"
)

// frameBytes of 16-bit stereo.
const frameBytes = 4

// cold compares slices of a WAV file, not compressed, that are made for the one
// request with the bare cipher on every core, in turn. Each connection has a
// session of its own.
func (c *client) cold(ctx context.Context, conns, rounds int, each time.Duration) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	var objects []object
	var per int
	for range conns {
		l, err := c.listen(ctx, tracks[0].ID)
		if err != nil {
			return err
		}
		per = len(l.info.SliceIDs)
		for i := range per {
			plain := int(l.info.Slices[i].Samples) * frameBytes
			objects = append(objects, object{l.slicePath(i), compress.StoredLen(plain) + seal.Overhead})
		}
	}
	people, err := gather(ctx, c.base, conns)
	if err != nil {
		return err
	}
	defer people.disperse()
	var sum tally
	var limits, shares []float64
	for range rounds {
		limit := bareCipher(each / 2)
		t, err := people.fetch(objects, per, each)
		if err != nil {
			return err
		}
		sum.add(t)
		limits, shares = append(limits, limit), append(shares, t.rate()/limit)
	}
	fmt.Printf("cold, %d kB each, %d connections: %v; bare AES-256-GCM on %d cores %.0f MB/s; share %.2f\n",
		sum.bytes/int64(sum.requests)/1000, conns, &sum, runtime.NumCPU(), middle(limits)/1e6, middle(shares))
	return nil
}

// bareCipher seals buffers of a slice's size in place on every core for so
// long, and returns bytes a second.
func bareCipher(long time.Duration) float64 {
	var g errgroup.Group
	done := make([]int64, runtime.NumCPU())
	begin := time.Now()
	for core := range done {
		g.Go(func() error {
			block, err := aes.NewCipher(make([]byte, seal.KeySize))
			if err != nil {
				return err
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				return err
			}
			buf := make([]byte, 5*bytesPerSecond, 5*bytesPerSecond+seal.Overhead)
			nonce := make([]byte, seal.NonceSize)
			for n := uint64(0); time.Since(begin) < long; n++ {
				binary.LittleEndian.PutUint64(nonce, n)
				aead.Seal(buf[:0], nonce, buf, nil)
				done[core] += int64(len(buf))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		panic(err) // the sizes are right
	}
	sum := int64(0)
	for _, n := range done {
		sum += n
	}
	return float64(sum) / time.Since(begin).Seconds()
}

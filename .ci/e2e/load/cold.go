package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/compress"
	"secstream/pkg/seal"
)

// frameBytes of 16-bit stereo.
const frameBytes = 4

// cold compares slices of a WAV file, not compressed, that are made for the one
// request with the bare cipher on every core, in turn. Each connection has a
// session of its own. The listeners take their share of the cores, so the time
// the server's process had on them is compared too: that is what the cipher
// could have had.
func (c *client) cold(ctx context.Context, pid string, conns, rounds int, each time.Duration) error {
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
	var limits, shares, ofCPU []float64
	for range rounds {
		limit := bareCipher(each / 2)
		before, err := cpuTime(pid)
		if err != nil {
			return err
		}
		t, err := people.fetch(objects, per, each)
		if err != nil {
			return err
		}
		after, err := cpuTime(pid)
		if err != nil {
			return err
		}
		sum.add(t)
		limits, shares = append(limits, limit), append(shares, t.rate()/limit)
		ofCPU = append(ofCPU, float64(t.bytes)/(after-before).Seconds()/(limit/float64(runtime.NumCPU())))
	}
	fmt.Printf("cold, %d kB each, %d connections: %v; bare AES-256-GCM on %d cores %.0f MB/s; share %.2f of the clock's time, %.2f of the server's own time on the cores\n",
		sum.bytes/int64(sum.requests)/1000, conns, &sum, runtime.NumCPU(), middle(limits)/1e6, middle(shares), middle(ofCPU))
	return nil
}

// cpuTime is what a process has had of the cores, in user and kernel mode
// (proc(5), fields 14 and 15 of stat), to 10 ms.
func cpuTime(pid string) (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ
	stat, err := os.ReadFile(path.Join("/proc", pid, "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3
	var sum time.Duration
	for _, text := range fields[11:13] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
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

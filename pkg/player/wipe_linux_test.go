package player

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"secstream/pkg/audio"
)

// The samples of the track that is looked for: sample i is the float64 with the
// bits mark<<36 | i*spread mod 2^36. What is compared with is masked, so that
// the search does not find itself.
var (
	veil       = uint64(0x5a5a5a5a5a5a5a5a)
	maskedMark = uint64(0x3fd5a7c) ^ 0x5a5a5a5a5a5a5a5a
)

const (
	spread   = 0x5deece66d&low36 | 1
	low36    = 1<<36 - 1
	runFound = 8 // samples in a row: fewer may be left over in a register
)

func veiled(i, _ int) uint64 { return (maskedMark^veil)<<36 | uint64(i)*spread&low36 }

// inverse is 1/spread mod 2^36.
func inverse() uint64 {
	x := uint64(1)
	for range 6 {
		x *= 2 - spread*x
	}
	return x & low36
}

// remains looks through all of the process's memory that can be written, and
// returns the first and last sample of the track that stands there in a row of
// others, and how many do.
func remains(t *testing.T) (first, last, n int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	own := uintptr(unsafe.Pointer(&buf[0]))
	lines := bufio.NewScanner(bytes.NewReader(maps))
	seen := 0
	first = -1
	for lines.Scan() {
		var from, to uintptr
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") || to-from > 1<<28 {
			continue // what is larger is reserved, not used
		}
		for at, size := from, uintptr(0); at < to; at += size {
			size = min(uintptr(len(buf)), to-at)
			if end := own + uintptr(len(buf)); at >= own && at < end {
				size = min(end, to) - at // what is read is not looked through again
				continue
			} else if at < own && at+size > own {
				size = own - at
			}
			k, _ := mem.ReadAt(buf[:size], int64(at))
			seen += k
			for _, i := range found(buf[:k]) {
				if n++; first < 0 || i < first {
					first = i
				}
				last = max(last, i)
			}
			clear(buf)
		}
	}
	if seen < 1<<20 {
		t.Fatalf("%d bytes of memory were seen", seen)
	}
	return first, last, n
}

// found lists the samples of the track that stand in p in a row of others.
func found(p []byte) (out []int) {
	inv, mark := inverse(), maskedMark^veil
	top := []byte{byte(mark >> 4), byte(mark >> 12), byte(mark >> 20)} // of a sample's eight bytes, the last three
	run, before, word := 0, -1, -1
	for o := 0; ; o++ {
		k := bytes.Index(p[o:], top)
		if k < 0 {
			clear(top)
			return out
		}
		o += k
		if at := o - 5; at >= 0 && at%8 == 0 {
			w := binary.LittleEndian.Uint64(p[at:])
			i := int((w & low36) * inv & low36)
			if run++; w>>36 != mark || i != before+1 || at != word+8 {
				run = 1
			}
			if before, word = i, at; run >= runFound {
				out = append(out, i)
			}
		}
	}
}

// TestWiped looks for a track's samples in the memory of the process: those
// that play are found, those that were played, sought away from or never
// played out are not.
func TestWiped(t *testing.T) {
	const rate, slice = 8000, 8000
	for name, end := range map[string]func(e *Engine, cancel func()){
		"to the end": func(e *Engine, _ func()) { e.Seek(119 * time.Second) },
		"stopped":    func(e *Engine, _ func()) { e.Stop() },
		"cancelled":  func(_ *Engine, cancel func()) { cancel() },
	} {
		if raceEnabled && name != "stopped" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			slow := func(_ context.Context, slice int) error {
				if slice == 30 {
					time.Sleep(3 * time.Second)
				}
				return nil
			}
			tracks := []*made{{rate: rate, channels: 1, frames: 120 * rate, slice: slice, bits: veiled, fault: slow}}
			e, err := New(Config{Output: &pacer{}, Tracks: 1, Open: openMade(tracks), Volume: 1})
			if err != nil {
				t.Fatal(err)
			}
			scope := make([]float64, 512)
			e.Scope(scope)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan error)
			go func() { done <- e.Run(ctx) }()
			at := func(position time.Duration) {
				t.Helper()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				// The slice that is being decoded is whole, and decoding is 3.2 s ahead.
				now := int(audio.FramesIn(position+10*time.Second, rate))
				first, last, n := remains(t)
				if n < 2*rate || first < now-slice/2 || last > now+6*rate {
					t.Errorf("%s: at frame %d there are %d samples, %d to %d", name, now, n, first, last)
				}
			}
			at(0)
			e.Seek(60 * time.Second)
			at(60 * time.Second)
			e.Seek(30 * time.Second)
			time.Sleep(time.Second) // it is not there yet, and what was is not any more
			if first, last, n := remains(t); n > 0 {
				t.Errorf("%s: after a seek there are %d samples, %d to %d", name, n, first, last)
			}
			time.Sleep(2 * time.Second)
			at(30 * time.Second)
			e.Seek(116 * time.Second)
			time.Sleep(3500 * time.Millisecond) // all was decoded long ago
			if first, _, n := remains(t); n == 0 || first < 119*rate {
				t.Errorf("%s: near the end there are %d samples, from %d on", name, n, first)
			}
			end(e, cancel)
			<-done
			if first, last, n := remains(t); n > 0 {
				t.Errorf("%s: at the end there are %d samples, %d to %d", name, n, first, last)
			}
			if err := tracks[0].check(); err != nil {
				t.Error(err)
			}
		})
	}
}

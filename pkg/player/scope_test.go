package player

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
)

// TestScope: what it shows is what is heard, to the frame, mixed to mono, in
// the order it is heard; nothing in a pause, and nothing of before after it.
func TestScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 8000
		src := &made{rate: rate, channels: 2, frames: 60 * rate, slice: rate, bits: value(func(i, c int) float64 {
			return float64(i)/(1<<20) + float64(c)/4 // mono: the mean, 1/8 more than the left
		})}
		e, _, done := playMade(t, Config{}, src)
		dst := make([]float64, 2048)
		if n, hz := e.Scope(dst); n != 0 || hz != 0 {
			t.Errorf("before: %d samples at %d Hz", n, hz)
		}
		time.Sleep(500 * time.Millisecond)
		e.Scope(dst) // from here on it is kept
		for range 50 {
			time.Sleep(237 * time.Millisecond)
			synctest.Wait()
			n, hz := e.Scope(dst)
			heard := e.State().Frame
			if hz != rate || n > len(dst) {
				t.Fatalf("%d samples at %d Hz", n, hz)
			}
			for i, v := range dst[:n] {
				if want := float64(float32(float64(int(heard)-n+i)/(1<<20) + 0.125)); math.Abs(v-want) > 1e-7 {
					t.Fatalf("sample %d of %d at frame %d is %v, want %v", i, n, heard, v, want)
				}
			}
		}
		e.Pause(true)
		time.Sleep(2 * time.Second)
		n, _ := e.Scope(dst)
		for _, v := range dst[:n] {
			if v != 0 {
				t.Fatalf("%v in a pause", v)
			}
		}
		if n != len(dst) {
			t.Errorf("%d samples in a pause", n)
		}
		e.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestScopeNeverWaits reads as fast as it can while another writes.
func TestScopeNeverWaits(t *testing.T) {
	s := new(scope)
	s.wanted.Store(true)
	dst := make([]float64, 1024)
	stop := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		p := make([]float64, 2*960)
		for i := range p {
			p[i] = 0.5
		}
		for range 2000 {
			s.put(p, 2)
		}
		close(stop)
	}()
	for n := 0; ; {
		select {
		case <-stop:
			<-over
			if n = s.take(dst, 100); n != len(dst) || dst[0] != 0.5 {
				t.Errorf("%d samples, %v", n, dst[0])
			}
			return
		default:
			n = s.take(dst, audio.Frames(n))
			for _, v := range dst[:n] {
				if v != 0.5 {
					t.Fatalf("%v", v)
				}
			}
		}
	}
}

func BenchmarkScopePut(b *testing.B) {
	s := new(scope)
	s.wanted.Store(true)
	p := make([]float64, 2*882)
	for b.Loop() {
		s.put(p, 2)
	}
}

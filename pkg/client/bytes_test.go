package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
	"secstream/pkg/client"
	"secstream/pkg/seal"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// knowing is a Trust that knows who the server has to be.
type knowing struct{ pinned }

func (knowing) Known() bool { return true }

// tiny is a folder with a track of two short slices.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "tiny.wav"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := wavfile.NewWriter(f, wavfile.Format{SampleRate: 400, Channels: 1, Sample: audio.S16})
	if err != nil {
		t.Fatal(err)
	}
	sound := make([]byte, 2*700)
	for i := range sound {
		sound[i] = byte(i / 64 * (i & 1))
	}
	if _, err := w.Write(sound); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// step is 1, for every byte. The race detector sees nothing in one that it does not
// see in the next.
var step = map[bool]int64{false: 1, true: 17}[raceEnabled]

// flips does try for each of 0 to n, as many at a time as there are processors,
// and returns how many were true.
func flips(n int, try func(k int) bool) int {
	var next, yes atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for k := int(next.Add(step) - step); k < n; k = int(next.Add(step) - step) {
				if try(k) {
					yes.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(yes.Load())
}

// flip changes a bit of byte k, not always the same one.
func flip(b []byte, k int) {
	if k < len(b) {
		b[k] ^= 1 << (k % 7)
	}
}

// heard is all that a player gets of a track.
type heard struct {
	info   audio.Info
	spans  []audio.Span
	slices [][]byte
}

func hear(ctx context.Context, track *client.Track) (heard, error) {
	h := heard{info: track.Info()}
	for i := range track.Len() {
		b, err := track.Slice(ctx, i)
		if err != nil {
			return h, err
		}
		h.spans, h.slices = append(h.spans, track.Span(i)), append(h.slices, bytes.Clone(b))
		track.Release(i)
	}
	return h, nil
}

// exchangeRig is a middle in front of a server with one track, and what an honest
// middle lets through.
type exchangeRig struct {
	*middle
	id    string
	key   ed25519.PublicKey
	known client.Trust // in that key
	wires *http.Transport
	want  heard

	request, answer []byte // texts of an honest exchange
}

func newExchangeRig(t *testing.T) *exchangeRig {
	t.Helper()
	id := newIdentity(t)
	r := &exchangeRig{key: id.Public(), wires: &http.Transport{MaxIdleConnsPerHost: 8}}
	t.Cleanup(r.wires.CloseIdleConnections)
	h := handler(t, session.Config{Millis: 1000, Identity: id}, tiny(t))
	r.middle, r.known = between(t, h), knowing{pinned{r.key}}
	r.direct = h // twice as quick
	c, tracks := dial(t, r.URL, quick(r.key))
	r.id = trackID(t, tracks, "tiny.wav")
	r.does(on("exchange", func(p *passing) { r.request = bytes.Clone(p.body) }), on("exchange", func(p *passing) { r.answer = p.text() }))
	var err error
	if r.want, err = hear(t.Context(), opens(t, c, r.id)); err != nil || len(r.want.slices) != 2 {
		t.Fatal(len(r.want.slices), err)
	}
	return r
}

// opens has a new client, which knows the server, open the track in try k, and
// says whether it got the track. Then it is as an honest middle lets it through; if
// not, refused is asked about the error.
func (r *exchangeRig) opens(t *testing.T, what string, k int, trust client.Trust, refused func(error) bool) bool {
	cfg := quick(nil)
	cfg.Trust, cfg.Transport = trust, numbered{lone{r.wires}, k, r.direct}
	c, err := client.New(r.URL, cfg)
	if err != nil {
		t.Error(err)
		return false
	}
	before := c.Identity()
	track, err := c.Open(t.Context(), r.id, audio.Tags{})
	if err != nil {
		if track != nil || before != nil || c.Identity() != nil || !refused(err) {
			t.Errorf("%s, byte %d: %v", what, k, err)
		}
		return false
	}
	got, err := hear(t.Context(), track)
	if err != nil || !reflect.DeepEqual(got, r.want) {
		t.Errorf("%s, byte %d: it opens as another track, %v", what, k, err)
	}
	_ = track.Close()
	return true
}

// lone is a transport that does each exchange over a connection of its own. One
// that the middle has hung up on, or that has more on it than was announced, is not
// always known for that when the next request comes, which would fail for what was
// done to another.
type lone struct{ http.RoundTripper }

func (l lone) RoundTrip(r *http.Request) (*http.Response, error) {
	if kindOf(r) == "exchange" {
		r = r.Clone(r.Context())
		r.Close = true
	}
	return l.RoundTripper.RoundTrip(r)
}

func broken(err error) bool { return errors.Is(err, client.ErrProtocol) }

// TestEveryByteOfTheExchange: one byte is changed on its way, of the request and of
// the answer, as text and in what the text stands for. Then the exchange fails,
// before a slice is asked for, or what was changed means nothing and the track is
// the same to the last sample.
func TestEveryByteOfTheExchange(t *testing.T) {
	r := newExchangeRig(t)
	r.texts(t)
	r.answers(t)
	r.requests(t)
	r.does(nil, nil)
	if !r.opens(t, "nothing", 0, r.known, func(error) bool { return false }) {
		t.Error("and now it does not open at all")
	}
}

// harmless changes each of n bytes, and asserts that no more than most of them mean
// nothing, and that who opened the track then got it all.
func (r *exchangeRig) harmless(t *testing.T, what string, n, most int, ask, reply func(*passing), trust client.Trust, refused func(error) bool) {
	t.Helper()
	slices := r.seen("slice")
	r.does(ask, reply)
	same := flips(n, func(k int) bool { return r.opens(t, what, k, trust, refused) })
	t.Logf("%s: %d of %d bytes mean nothing", what, same, n)
	if same > most || n < 32 {
		t.Errorf("%s: %d of %d bytes mean nothing, at most %d should", what, same, n, most)
	}
	if got := r.seen("slice") - slices; got != 2*same {
		t.Errorf("%s: %d slices were asked for, of %d tracks that opened", what, got, same)
	}
}

// texts changes what goes over the connection. A name may be written in capitals,
// the last bits of base64 are none, and nobody reads most of the head.
func (r *exchangeRig) texts(t *testing.T) {
	const unread = len("Cross-Origin-Resource-Policy: same-origin\r\n") // a header for browsers alone
	r.harmless(t, "answer", len(r.answer), 160+unread, nil, on("exchange", func(p *passing) { p.whole = func(b []byte) { flip(b, p.try) } }), r.known,
		func(err error) bool {
			refused := new(wire.Error)
			return broken(err) || errors.Is(err, errStranger) || errors.Is(err, client.ErrUnreachable) || errors.As(err, &refused)
		})
	r.harmless(t, "request", len(r.request), 10, on("exchange", func(p *passing) { flip(p.body, p.try) }), nil, r.known, broken)
	path := len("/api/sessions/") + 22 + len("/key-exchange")
	r.harmless(t, "path", path, 0, on("exchange", func(p *passing) {
		b := []byte(p.path)
		if flip(b, p.try); len(b) != path {
			t.Errorf("a path of %d bytes", len(b))
		}
		p.path = string(b)
	}), nil, r.known, func(err error) bool {
		refused := new(wire.Error)
		return broken(err) || errors.As(err, &refused)
	})
}

// answers changes what the text of the answer stands for: every byte counts, for
// who has a pin and who has none.
func (r *exchangeRig) answers(t *testing.T) {
	for _, f := range []struct {
		name string
		of   func(*wire.SealedAnswer) *[]byte
		n    int
	}{
		{"public key", func(a *wire.SealedAnswer) *[]byte { return &a.PublicKey }, 32},
		{"ML-KEM", func(a *wire.SealedAnswer) *[]byte { return &a.MLKEM }, 1088},
		{"identity", func(a *wire.SealedAnswer) *[]byte { return &a.Identity }, 32},
		{"signature", func(a *wire.SealedAnswer) *[]byte { return &a.Signature }, 64},
		{"manifest", func(a *wire.SealedAnswer) *[]byte { return &a.Manifest }, 0},
	} {
		reply := on("exchange", func(p *passing) {
			edit(t, &p.body, func(a *wire.SealedAnswer) {
				field := f.of(a)
				if flip(*field, p.try); p.try >= len(*field) {
					t.Errorf("%s: %d bytes", f.name, len(*field))
				}
			})
		})
		if f.n == 0 {
			body := after(r.answer)
			edit(t, &body, func(a *wire.SealedAnswer) { f.n = len(*f.of(a)) })
		}
		for who, trust := range map[string]client.Trust{"pinned": r.known, "first contact": nil} {
			if trust == nil && f.n > 64 {
				continue // there is nothing that a pin would add
			}
			r.harmless(t, f.name+", "+who, f.n, 0, nil, reply, trust, func(err error) bool {
				return broken(err) && !errors.Is(err, errStranger) || f.name == "identity" && trust != nil && errors.Is(err, errStranger)
			})
		}
	}
}

// requests changes what the text of the request stands for.
func (r *exchangeRig) requests(t *testing.T) {
	for _, f := range []struct {
		name string
		of   func(*wire.KeyRequest) *string
		n    int
	}{
		{"client's public key", func(r *wire.KeyRequest) *string { return &r.PublicKey }, 32},
		{"client's ML-KEM", func(r *wire.KeyRequest) *string { return &r.MLKEM }, 1184},
	} {
		ask := on("exchange", func(p *passing) {
			edit(t, &p.body, func(r *wire.KeyRequest) {
				text := f.of(r)
				b, err := base64.StdEncoding.DecodeString(*text)
				if flip(b, p.try); err != nil || len(b) != f.n {
					t.Error(len(b), err)
				}
				*text = base64.StdEncoding.EncodeToString(b)
			})
		})
		r.harmless(t, f.name, f.n, 0, ask, nil, r.known, broken)
	}
}

// after is what follows the head of an answer.
func after(text []byte) []byte {
	_, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	return body
}

// TestEveryByteOfASlice: one byte is changed on its way, of the slice, whose checksum
// fits again or not, and of the head of the answer. The slice does not come, and
// nothing of it; or what was changed means nothing, and it is the same. The rest
// plays on.
func TestEveryByteOfASlice(t *testing.T) {
	for _, kind := range []struct {
		name, track string
		pad         bool
	}{{"PCM", "tiny.wav", false}, {"padded", "tiny.wav", true}, {"coded", "english-16k-mono.mp3", false}} {
		t.Run(kind.name, func(t *testing.T) {
			id := newIdentity(t)
			h := handler(t, session.Config{Millis: 1000, Identity: id, Pad: kind.pad}, tiny(t), publicAudio)
			m := between(t, h)
			m.direct = h
			c, tracks := dial(t, m.URL, quick(id.Public()))
			track := opens(t, c, trackID(t, tracks, kind.track))
			last := track.Len() - 1
			var recorded []byte // guarded by m.mu
			m.does(nil, on("slice", func(p *passing) {
				if p.header.Get(wire.HeaderSequence) == strconv.Itoa(last) {
					recorded = p.text()
				}
			}))
			want, first := sliceOf(t, track, last), sliceOf(t, track, 0)
			track.Release(1)
			m.mu.Lock()
			text := recorded
			m.mu.Unlock()
			head, body := len(text)-len(after(text)), len(after(text))
			if body > 4000 || body < 100 {
				t.Fatalf("a slice of %d bytes", body)
			}

			for k := 0; k < body; k += int(step) {
				m.does(nil, on("slice", func(p *passing) { flip(p.body, k) }))
				forged(t, fmt.Sprintf("byte %d, checksum mended", k), track, last)
			}
			same := 0
			for k := 0; k < head+body; k += int(step) {
				if k >= head && kind.name == "coded" {
					break // to the checksum all bytes are alike
				}
				m.does(nil, on("slice", func(p *passing) { p.whole = func(b []byte) { flip(b, k) } }))
				b, err := track.Slice(t.Context(), last)
				refused := new(wire.Error)
				switch {
				case err == nil && bytes.Equal(b, want) && k < head:
					same++
					track.Release(last)
				case err == nil || b != nil:
					t.Errorf("byte %d of %d + %d: %d bytes, %v", k, head, body, len(b), err)
				case k >= head && (!broken(err) || errors.Is(err, seal.ErrForged)):
					t.Errorf("byte %d of the slice, checksum as it was: %v", k-head, err)
				case !broken(err) && !errors.Is(err, seal.ErrForged) && !errors.Is(err, client.ErrUnreachable) && !errors.As(err, &refused):
					t.Errorf("byte %d of the head: %v", k, err)
				}
			}
			if same == 0 || same == head {
				t.Errorf("%d of %d bytes of the head mean nothing", same, head)
			}
			for _, n := range []int{0, 1, seal.Overhead - 1, seal.Overhead, body - 1} {
				m.does(nil, on("slice", func(p *passing) { p.body = p.body[:n] }))
				forged(t, fmt.Sprintf("cut to %d", n), track, last)
			}
			m.does(nil, on("slice", func(p *passing) { p.body = append(p.body, 0) }))
			forged(t, "longer", track, last)
			// Headers are not believed.
			m.does(nil, on("slice", func(p *passing) {
				p.header.Set(wire.HeaderSequence, "0")
				p.header.Set(wire.HeaderSliceID, "x")
				p.header.Set(wire.HeaderSession, "x")
				p.header.Set(wire.HeaderRekey, "1")
			}))
			sounds(t, track, last, want)
			m.does(nil, nil)
			sounds(t, track, last, want)
			sounds(t, track, 0, first)
		})
	}
}

package client_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/format"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/seal"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// soakSeed names the environment variable that has a soak done again as it was, as
// far as clocks allow.
const soakSeed = "SECSTREAM_SOAK_SEED"

// TestSoak plays an hour of real files, over a real client and server, as fast as
// they are decoded, while somebody seeks, pauses and goes to other tracks and the
// server is started again and again. Every sample that comes out is accounted for,
// and in the end nothing is left of it.
func TestSoak(t *testing.T) {
	legs, length := 6, 10*time.Minute
	if raceEnabled {
		legs, length = 2, time.Minute
	}
	seed := rand.Uint64()
	if text := os.Getenv(soakSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", soakSeed, seed)
	s := newSoak(t, rand.New(rand.NewPCG(seed, 0)))
	before := s.use()
	var first usage
	for i := range legs {
		s.leg(t, length)
		now := s.settled(before)
		if i == 0 {
			first = now
		}
		if s.srv.starts < i+2 {
			t.Errorf("leg %d: %d starts of the server: it was never restarted", i+1, s.srv.starts)
		}
		t.Logf("leg %d: %+v, %+v before; %d restarts so far", i+1, now, before, s.srv.starts)
		if now.goroutines > before.goroutines || now.heap > before.heap+4<<20 || now.heap > first.heap+512<<10 {
			buf := make([]byte, 1<<20)
			t.Fatalf("leg %d left %+v, where there was %+v before, and %+v after the first\n%s", i+1, now, before, first, buf[:runtime.Stack(buf, true)])
		}
	}
}

// usage is what may leak.
type usage struct {
	goroutines int
	heap       uint64 // bytes
}

// use is that of now.
func (s *soaker) use() usage {
	runtime.GC()
	runtime.GC() // what is in a sync.Pool goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc}
}

// settled waits a while until goroutines that know that they are to end have.
func (s *soaker) settled(before usage) usage {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= before.goroutines || time.Now().After(end) {
			return s.use()
		}
	}
}

// restarting is a server that is started again on the same port. It stays who it is,
// and knows no session of before.
type restarting struct {
	lib *library.Library
	id  *identity.Identity

	mu     sync.Mutex // guards what follows
	addr   string
	srv    *http.Server // nil while there is none
	store  *session.Store
	starts int
	err    error // of a start

	pending, serving sync.WaitGroup
}

// start ends the server that there is and puts another in its place. The port may
// be somebody else's for a moment.
func (r *restarting) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	store, err := session.NewStore(session.Config{Millis: 2000, Identity: r.id})
	if err != nil {
		r.err = err
		return
	}
	h, err := server.New(server.Config{Sessions: store, Library: r.lib})
	if err != nil {
		r.err = err
		return
	}
	ln, err := net.Listen("tcp", r.addr) //nolint:noctx // of a test
	for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		ln, err = net.Listen("tcp", r.addr) //nolint:noctx // as above
	}
	if err != nil {
		r.err = err
		return
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	r.addr, r.store, r.srv = ln.Addr().String(), store, srv
	r.starts++
	r.serving.Go(func() { _ = srv.Serve(ln) })
}

// end breaks all connections. Called with mu held.
func (r *restarting) end() {
	if r.srv != nil {
		_ = r.srv.Close()
		r.store.Close()
		r.srv = nil
	}
}

// again has the server go away now, and come back after a while.
func (r *restarting) again(after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	r.pending.Go(func() {
		time.Sleep(after)
		r.start()
	})
}

// stop ends the server for good.
func (r *restarting) stop() error {
	r.pending.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	r.serving.Wait()
	return r.err
}

// soaker plays leg after leg with one client.
type soaker struct {
	rng    *rand.Rand
	srv    *restarting
	c      *client.Client
	tracks []wire.LibraryTrack
	refs   []decoded
}

func newSoak(t *testing.T, rng *rand.Rand) *soaker {
	t.Helper()
	lib, err := library.New(library.Config{Roots: []string{publicAudio}, IDKey: make([]byte, 32), Open: format.Open})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); _ = lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-over; _ = lib.Close() })
	<-lib.Ready()
	s := &soaker{rng: rng, srv: &restarting{lib: lib, id: newIdentity(t), addr: "127.0.0.1:0"}}
	t.Cleanup(func() { _ = s.srv.stop() })
	s.srv.start()
	// Little is kept, so that slices are fetched anew, and with them sessions.
	s.c, err = client.New(s.srv.addr, client.Config{BufferBytes: 4 << 20, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lt := range list.Tracks {
		if lt.Codec == string(audio.Opus) {
			continue // which nothing here decodes
		}
		samples, info := whole(t, filepath.Join(publicAudio, lt.Path))
		s.tracks = append(s.tracks, lt)
		s.refs = append(s.refs, decoded{samples, info.Channels, info.SampleRate})
	}
	if len(s.tracks) != 11 {
		t.Fatalf("%d tracks that can be played", len(s.tracks))
	}
	if err := errors.Join(s.c.Close(), s.srv.stop()); err != nil {
		t.Fatal(err)
	}
	return s
}

// leg plays so much sound and ends everything but the client.
func (s *soaker) leg(t *testing.T, length time.Duration) {
	t.Helper()
	s.srv.start()
	card := &quickCard{
		soaker: s, length: length, next: time.Second,
		ledger: ledger{files: s.refs, track: -1, counts: map[player.EventKind]int{}},
	}
	e, err := player.New(player.Config{
		Output: card, Tracks: len(s.tracks), Stay: true, Repeat: player.RepeatAll, Shuffle: true, Seed: s.rng.Uint64() | 1,
		Open: func(ctx context.Context, i int) (player.Source, error) {
			return s.c.Open(ctx, s.tracks[i].ID, s.tracks[i].Tags.Audio())
		},
		Skip:  func(err error) bool { return errors.Is(err, seal.ErrForged) || errors.Is(err, client.ErrDamaged) },
		Stale: func(err error) bool { return errors.Is(err, client.ErrRecut) },
	})
	if err != nil {
		t.Fatal(err)
	}
	card.e = e
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := e.Run(ctx); err != nil {
		t.Fatalf("%v, after %v of sound", err, card.heard)
	}
	for ev := range e.Events() {
		card.counts[ev.Kind]++
	}
	card.check(t)
	_ = s.c.Close() // a session is left where the server was away
	if err := s.srv.stop(); err != nil {
		t.Fatal(err)
	}
}

// quickCard is a sound card that plays as fast as it is written to. What comes out
// goes to null:fast. Silence takes a quarter of its time: whoever has no sound is not
// to write it without end.
type quickCard struct {
	*soaker
	ledger

	e      *player.Engine
	length time.Duration // of sound that is to be heard
	heard  time.Duration
	next   time.Duration // when something is done
	most   int           // goroutines at once

	mu      sync.Mutex // guards what follows
	spec    player.Spec
	pending []float64
	frozen  bool
	since   time.Time // when the clock was looked at
	out     output.Counter
	dropped int // frames
	written int
}

const (
	quickTime  = 150 * time.Millisecond
	quickSpeed = 4 // times as quick as a card
	// mostGoroutines is far more than there are at any time: some thirty.
	mostGoroutines = 120
)

func (o *quickCard) Open(spec player.Spec) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) > 0 {
		o.fail("opened without Drain")
	}
	o.spec, o.frozen, o.since = spec, false, time.Now()
	return o.out.Open(spec)
}

// play puts out the oldest frames until no more than left are there. Called with
// mu held.
func (o *quickCard) play(left int) {
	if n := len(o.pending) - left*o.spec.Channels; n > 0 {
		_ = o.out.Write(o.pending[:n])
		o.pending = o.pending[:copy(o.pending, o.pending[n:])]
	}
}

// pass lets time go by. Called with mu held.
func (o *quickCard) pass() {
	if o.spec.Channels == 0 || o.frozen {
		return
	}
	due := int(audio.FramesIn(quickSpeed*time.Since(o.since), o.spec.SampleRate))
	o.since = time.Now()
	o.play(max(len(o.pending)/o.spec.Channels-due, 0))
}

func (o *quickCard) Write(p []float64) error {
	o.hear()
	o.mu.Lock()
	if o.frozen {
		o.fail("written to while it stands still")
	}
	n := len(p) / o.spec.Channels
	quiet := zeros(p)
	o.wrote(p, o.spec)
	o.pass()
	o.pending = append(o.pending, p...)
	o.written += n
	over := audio.Frames(len(o.pending)/o.spec.Channels) - audio.FramesIn(quickTime, o.spec.SampleRate)
	if !quiet {
		o.play(int(audio.FramesIn(quickTime, o.spec.SampleRate)))
		o.heard += audio.Frames(n).Duration(o.spec.SampleRate)
	}
	rate := o.spec.SampleRate
	o.mu.Unlock()
	if quiet && over > 0 {
		time.Sleep(over.Duration(rate) / quickSpeed)
	}
	if o.err != nil {
		return o.err
	}
	o.act()
	return nil
}

// hear takes what the engine has told up to now.
func (o *quickCard) hear() {
	for {
		select {
		case ev, ok := <-o.e.Events():
			if !ok {
				return
			}
			o.told(ev)
		default:
			return
		}
	}
}

// act does something every few seconds of sound.
func (o *quickCard) act() {
	if o.heard >= o.length {
		o.e.Stop()
		return
	}
	if o.heard < o.next {
		return
	}
	if o.most = max(o.most, runtime.NumGoroutine()); o.most > mostGoroutines {
		o.fail("%d goroutines", o.most)
	}
	o.next = o.heard + time.Duration(o.rng.ExpFloat64()*float64(5*time.Second))
	switch o.rng.IntN(24) {
	case 0, 1, 2:
		o.e.Pause(true) // Pause has it go on
	case 3:
		o.restart()
	case 4:
		o.e.Pause(true)
		o.restart()
	default:
		o.turn()
	}
}

// turn goes elsewhere.
func (o *quickCard) turn() {
	switch o.rng.IntN(10) {
	case 0:
		o.e.Next()
	case 1:
		o.e.Prev()
	case 2:
		o.e.Jump(o.rng.IntN(len(o.files)))
	case 3:
		for range 5 {
			o.e.SeekBy(time.Duration(o.rng.IntN(10_000)-5000) * time.Millisecond)
		}
	case 4:
		o.e.SeekBy(time.Duration(o.rng.IntN(20_000)-10_000) * time.Millisecond)
	default:
		o.e.Seek(time.Duration(o.rng.Float64() * float64(o.e.State().Duration)))
	}
}

// restart has the server go away for a while.
func (o *quickCard) restart() {
	o.srv.again(time.Duration(o.rng.ExpFloat64() * float64(50*time.Millisecond)))
}

// Pause has the engine go on as soon as it stands still, or a little later, at
// times from elsewhere.
func (o *quickCard) Pause(on bool) (bool, error) {
	o.mu.Lock()
	o.pass()
	o.frozen, o.since = on, time.Now()
	if on && !zeros(o.pending) {
		o.fail("told to stand still with sound in it")
	}
	o.mu.Unlock()
	if !on {
		return false, nil
	}
	if o.rng.IntN(3) == 0 {
		o.turn()
	}
	if o.rng.IntN(2) == 0 {
		o.e.Pause(false)
	} else {
		time.AfterFunc(time.Duration(o.rng.IntN(20))*time.Millisecond, func() { o.e.Pause(false) })
	}
	return true, nil
}

func (o *quickCard) Buffered() audio.Frames {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.spec.Channels == 0 {
		return 0
	}
	o.pass()
	return audio.Frames(len(o.pending) / o.spec.Channels)
}

// Flush drops what was not heard, which is never sound.
func (o *quickCard) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pass()
	if !zeros(o.pending) {
		o.fail("sound is dropped")
	}
	o.dropped += len(o.pending) / o.spec.Channels
	o.pending = o.pending[:0]
}

func (o *quickCard) Drain() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.play(0)
	return nil
}

func (o *quickCard) Close() error { return nil }
func (o *quickCard) Paced() bool  { return true }

// check holds the sums against each other.
func (o *quickCard) check(t *testing.T) {
	t.Helper()
	s, n := o.e.State(), o.counts
	t.Logf("%v heard, %d frames of sound, %d faded, %d of silence (%v as the engine has it), %d underruns, at most %d goroutines, %v", o.heard, o.sound, o.faded, o.silence, s.Silence, s.Underruns, o.most, n)
	if o.err != nil {
		t.Error(o.err)
	}
	if o.written != o.sound+o.silence || int(o.out.Frames()) != o.written-o.dropped {
		t.Errorf("%d frames written, %d of sound, %d of silence; %d came out, %d were dropped", o.written, o.sound, o.silence, o.out.Frames(), o.dropped)
	}
	if s.Underruns > n[player.Buffering] || n[player.Error] > 0 {
		t.Errorf("%d underruns, %v", s.Underruns, n)
	}
	// Fades are for places where sound stops or begins.
	if most := 2 * 480 * (n[player.Seek] + n[player.TrackChange] + n[player.Pause] + n[player.Play] + n[player.Buffering] + n[player.Buffered] + 1); o.faded > most {
		t.Errorf("%d frames faded: more than %d", o.faded, most)
	}
	if o.length > 5*time.Minute && (n[player.Seek] == 0 || n[player.Pause] == 0 || n[player.TrackEnded] == 0 || o.silence == 0) {
		t.Errorf("too little happened: %v", n)
	}
}

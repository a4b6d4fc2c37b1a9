package output

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"secstream/pkg/audio"
)

// pulse plays through a PulseAudio server, or PipeWire in its place.
//
// It speaks the protocol by the library's lower layer. The upper one stalls
// after a pause, cuts long drains, hangs on clips shorter than the server's
// prebuffer, and shares fields between goroutines without a lock.
type pulse struct {
	app   string
	sink  string // "" for the server's default
	c     *proto.Client
	conn  net.Conn
	own   bool // the server is PipeWire, which resamples well
	buf   []byte
	kind  audio.Sample
	room  chan struct{} // holds a token when the server said something
	again *time.Timer

	// What the server says, on the connection's goroutine, goes here: that one
	// never waits for the goroutine that writes.
	stream atomic.Int64 // index of the stream that plays, -1 for none
	wanted atomic.Int64 // bytes the server asked for and did not get
	lost   atomic.Pointer[error]

	mu      sync.Mutex // guards what follows; never held over I/O
	frame   int        // bytes of a frame
	rate    int
	held    audio.Frames // buffered when the server was last asked,
	asked   time.Time    // which was then
	sent    audio.Frames // and sent since
	running bool
}

// What may end a stream.
var (
	errStreamKilled = errors.New("the sound server ended the stream")
	errServerGone   = errors.New("the sound server is gone")
)

// askEvery is how often the server is asked for the latency; between, the
// clock tells.
const askEvery = 100 * time.Millisecond

// hear takes what the server says on its own, on the connection's goroutine. It
// waits for nobody and allocates nothing.
func (p *pulse) hear(msg any) {
	switch m := msg.(type) {
	case *proto.Request:
		if int64(m.StreamIndex) == p.stream.Load() {
			p.wanted.Add(int64(m.Length))
		}
	case *proto.PlaybackStreamKilled:
		if int64(m.StreamIndex) == p.stream.Load() {
			p.lost.Store(&errStreamKilled)
		}
	case *proto.ConnectionClosed:
		p.lost.Store(&errServerGone)
	default:
		return
	}
	select {
	case p.room <- struct{}{}:
	default:
	}
}

// open makes a stream of that shape. Where the sink lacks the place of a channel
// all are left to be folded. A sink of another rate is an open question to the
// server only if that resamples well: what PulseAudio does by itself is audible.
func (p *pulse) open(want shape) (shape, error) {
	p.remove()
	card, err := p.card()
	if err != nil {
		return shape{}, err
	}
	got, places := suited(want, card)
	sink, err := p.create(got, places)
	if err != nil {
		return shape{}, err
	}
	// The server may have put the stream on another sink than it was asked of.
	next, places := suited(want, sink)
	other := next.channels != got.channels || next.bits != got.bits
	if rate := int(sink.Rate); !p.own && rate != got.rate && rate >= minRate && rate <= maxRate {
		next.rate, other = rate, true
	}
	if other {
		p.remove()
		got = next
		_, err = p.create(got, places)
	}
	return got, err
}

// card asks for the sink that a stream will play on.
func (p *pulse) card() (*proto.GetSinkInfoReply, error) {
	name := p.sink
	if name == "" {
		name = "@DEFAULT_SINK@"
	}
	var info proto.GetSinkInfoReply
	err := p.c.Request(&proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: name}, &info)
	if !errors.Is(err, proto.ErrNoSuchEntity) && !errors.Is(err, proto.ErrInvalidArgument) {
		return &info, err
	}
	sinks, err := listSinks(p.c)
	if err != nil {
		return nil, err
	}
	if p.sink == "" {
		return nil, errors.New("the sound server has no sink")
	}
	return nil, unknown("sink", p.sink, "pulse", sinks)
}

// create makes a stream of shape got, for channels at those places, and returns
// the sink it plays on.
func (p *pulse) create(got shape, places proto.ChannelMap) (*proto.GetSinkInfoReply, error) {
	p.kind = audio.F32
	format := byte(proto.FormatFloat32LE)
	if got.bits > 0 {
		p.kind, format = audio.S16, proto.FormatInt16LE
	}
	frame := got.channels * p.kind.Bytes()
	size := func(d time.Duration) uint32 { return uint32(int(max(1, audio.FramesIn(d, got.rate))) * frame) }
	req := proto.CreatePlaybackStream{
		SampleSpec: proto.SampleSpec{Format: format, Channels: byte(got.channels), Rate: uint32(got.rate)},
		ChannelMap: places,
		SinkIndex:  proto.Undefined,
		SinkName:   p.sink,
		// Target and request size in time; the rest is for the server to say.
		// With early requests its device takes small bites, and nearly all of
		// the target is there to bridge a wait; the other mode, a device with
		// half of the target for itself, drops out far more.
		BufferMaxLength:       proto.Undefined,
		BufferTargetLength:    size(deviceTime),
		BufferPrebufferLength: proto.Undefined,
		BufferMinimumRequest:  size(deviceTime / 8),
		EarlyRequests:         true,
		ChannelVolumes:        make(proto.ChannelVolumes, got.channels),
		Properties:            proto.PropList{"media.name": proto.PropListString(clip(p.app))},
	}
	for i := range req.ChannelVolumes {
		req.ChannelVolumes[i] = uint32(proto.VolumeNorm)
	}
	var made proto.CreatePlaybackStreamReply
	if err := p.c.Request(&req, &made); err != nil {
		if errors.Is(err, proto.ErrInvalidArgument) || errors.Is(err, proto.ErrNotSupported) {
			err = fmt.Errorf("%w: the sound server does not take it", audio.ErrUnsupported)
		}
		return nil, err
	}
	p.mu.Lock()
	p.frame, p.rate = frame, got.rate
	p.held, p.sent, p.asked, p.running = 0, 0, time.Now(), false
	p.mu.Unlock()
	// The reply tells what the server wants first; it asks for no more before
	// it has had some of that.
	p.wanted.Store(int64(made.Missing))
	p.stream.Store(int64(made.StreamIndex))
	var sink proto.GetSinkInfoReply
	err := p.c.Request(&proto.GetSinkInfo{SinkIndex: made.SinkIndex}, &sink)
	return &sink, err
}

// remove ends the stream, whatever it still holds.
func (p *pulse) remove() {
	if stream := p.stream.Swap(-1); stream >= 0 {
		// An error means that the server is gone, and the stream with it.
		_ = p.c.Request(&proto.DeletePlaybackStream{StreamIndex: uint32(stream)}, nil)
	}
	clear(p.buf[:cap(p.buf)])
}

func (p *pulse) write(s []float64) error {
	p.buf = encode(p.buf, s, p.kind)
	defer clear(p.buf)
	for b := p.buf; len(b) > 0; {
		n, err := p.await()
		if err != nil {
			return err
		}
		n = min(n, len(b))
		if err := p.c.Send(uint32(p.stream.Load()), b[:n]); err != nil {
			return broken("listen", err)
		}
		b = b[n:]
		p.wanted.Add(-int64(n))
		p.mu.Lock()
		p.sent += audio.Frames(n / p.frame)
		p.mu.Unlock()
	}
	return nil
}

// await returns how many bytes, whole frames, the server wants.
func (p *pulse) await() (int, error) {
	for begin := time.Now(); ; {
		n, err := p.ready()
		if err != nil || n > 0 {
			return n, err
		}
		p.mu.Lock()
		due := time.Since(p.asked) >= askEvery
		p.mu.Unlock()
		if due {
			// Only now, when the server has all it wants, may this wait for it.
			if err := p.ask(); err != nil {
				return 0, err
			}
			continue
		}
		if time.Since(begin) >= stallTime {
			return 0, fmt.Errorf("the sound server took nothing for %v", stallTime)
		}
		// Not every end of a connection is told of: a reset is not. Then the
		// next question fails.
		p.again.Reset(askEvery)
		select {
		case <-p.room:
		case <-p.again.C:
		}
	}
}

// ready is how many bytes, whole frames, may be sent now.
func (p *pulse) ready() (int, error) {
	if lost := p.lost.Load(); lost != nil {
		return 0, *lost
	}
	if p.stream.Load() < 0 {
		return 0, errNotOpen
	}
	n := int(p.wanted.Load())
	return n - n%max(p.frame, 1), nil
}

// ask learns from the server how much it and its device still hold.
func (p *pulse) ask() error {
	var r proto.GetPlaybackLatencyReply
	if err := p.c.Request(&proto.GetPlaybackLatency{StreamIndex: uint32(p.stream.Load())}, &r); err != nil {
		return broken("answer", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	late := min(time.Duration(r.Latency)*time.Microsecond, 10*time.Second)
	p.held = audio.Frames(max(r.WriteIndex-r.ReadIndex, 0)/int64(p.frame)) + audio.FramesIn(late, p.rate)
	p.asked, p.sent, p.running = time.Now(), 0, r.Running
	return nil
}

// broken is what err, the answer to a request, means for the stream. An error
// that is not the server's own word is that of a connection that ended.
func broken(what string, err error) error {
	var said proto.Error
	if errors.As(err, &said) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the sound server does not %s: %w", what, err)
	}
	return errServerGone
}

func (p *pulse) buffered() audio.Frames {
	if p.stream.Load() < 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.held + p.sent
	if p.running {
		n -= audio.FramesIn(time.Since(p.asked), p.rate)
	}
	return max(n, 0)
}

func (p *pulse) flush() {
	if p.stream.Load() < 0 {
		return
	}
	if err := p.c.Request(&proto.FlushPlaybackStream{StreamIndex: uint32(p.stream.Load())}, nil); err == nil {
		_ = p.ask() // the next write tells if the server is gone
	}
}

// pause has the server take nothing from the stream for a while. One that does so
// may put its card to sleep.
func (p *pulse) pause(on bool) error {
	if lost := p.lost.Load(); lost != nil {
		return *lost
	}
	if p.stream.Load() < 0 {
		return errNotOpen
	}
	if err := p.c.Request(&proto.CorkPlaybackStream{StreamIndex: uint32(p.stream.Load()), Corked: on}, nil); err != nil {
		return broken("pause", err)
	}
	return p.ask()
}

func (p *pulse) drain() error {
	if lost := p.lost.Load(); lost != nil {
		return *lost
	}
	if p.stream.Load() < 0 {
		return nil
	}
	// The reply comes when the last sample was played; the server also stops
	// waiting for its prebuffer, which a short clip never fills.
	if err := p.c.Request(&proto.DrainPlaybackStream{StreamIndex: uint32(p.stream.Load())}, nil); err != nil {
		return broken("end", err)
	}
	p.mu.Lock()
	p.held, p.sent, p.running = 0, 0, false
	p.mu.Unlock()
	return nil
}

func (p *pulse) close() error {
	if p.conn == nil {
		return nil
	}
	p.remove()
	if err := p.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // it was before
}

// interrupt ends the connection, and so what waits for the server.
func (p *pulse) interrupt() {
	p.lost.Store(&errServerGone)
	_ = p.conn.Close() // what was sent is of no more interest
	select {
	case p.room <- struct{}{}:
	default:
	}
}

func (p *pulse) String() string { return "PulseAudio" }

package output

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"secstream/pkg/audio"
	"secstream/pkg/audio/wavfile"
)

// pulse plays through a PulseAudio server, or PipeWire in its place.
//
// It speaks the protocol by the library's lower layer. The upper one stalls
// after a pause, cuts long drains, hangs on clips shorter than the server's
// prebuffer, and shares fields between goroutines without a lock.
type pulse struct {
	app  string
	c    *proto.Client
	conn net.Conn
	buf  []byte
	kind audio.Sample
	room chan struct{} // holds a token when the server said something

	mu      sync.Mutex // guards what follows; never held over I/O
	stream  uint32
	live    bool // stream exists
	wanted  int  // bytes the server asked for and did not get
	lost    error
	frame   int // bytes of a frame
	rate    int
	held    audio.Frames // buffered when the server was last asked,
	asked   time.Time    // which was then
	sent    audio.Frames // and sent since
	running bool
}

// askEvery is how often the server is asked for the latency; between, the
// clock tells.
const askEvery = 100 * time.Millisecond

func newPulse(app string) (*pulse, error) {
	p := &pulse{app: app, room: make(chan struct{}, 1)}
	if err := p.connect(); err != nil {
		return nil, err
	}
	return p, nil
}

// server is where to look for a server: where the environment says, else in
// the places it usually listens. "" leaves it to the environment.
func server() string {
	if os.Getenv("PULSE_SERVER") != "" {
		return ""
	}
	var s []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		s = append(s, "unix:"+filepath.Join(dir, "pulse/native"))
	}
	s = append(s, "unix:/run/user/"+strconv.Itoa(os.Getuid())+"/pulse/native", "unix:/run/pulse/native")
	return strings.Join(s, " ")
}

func (p *pulse) connect() (err error) {
	defer func() {
		// The library slices a malformed PULSE_SERVER without looking.
		if r := recover(); r != nil {
			err = fmt.Errorf("server address %q: %v", os.Getenv("PULSE_SERVER"), r)
		}
	}()
	if p.c, p.conn, err = proto.Connect(server()); err != nil {
		return err
	}
	p.c.SetTimeout(stallTime)
	p.c.Callback = p.hear
	props := proto.PropList{
		"application.name":       proto.PropListString(clip(p.app)),
		"application.process.id": proto.PropListString(strconv.Itoa(os.Getpid())),
		"media.role":             proto.PropListString("music"),
	}
	if err := p.c.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{}); err != nil {
		_ = p.conn.Close()
		return err
	}
	return nil
}

// clip keeps a name short: the library's messages hold 1024 bytes in all.
func clip(s string) string { return s[:min(len(s), 64)] }

// hear takes what the server says on its own, on the connection's goroutine.
func (p *pulse) hear(msg any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m := msg.(type) {
	case *proto.Request:
		if p.live && m.StreamIndex == p.stream {
			p.wanted += int(m.Length)
		}
	case *proto.PlaybackStreamKilled:
		if p.live && m.StreamIndex == p.stream {
			p.lost = errors.New("the sound server ended the stream")
		}
	case *proto.ConnectionClosed:
		p.lost = errors.New("the sound server is gone")
	default:
		return
	}
	select {
	case p.room <- struct{}{}:
	default:
	}
}

func (p *pulse) open(rate, channels int, bits16 bool) error {
	p.remove()
	p.kind = audio.F32
	format := byte(proto.FormatFloat32LE)
	if bits16 {
		p.kind, format = audio.S16, proto.FormatInt16LE
	}
	frame := channels * p.kind.Bytes()
	size := func(d time.Duration) uint32 { return uint32(int(max(1, audio.FramesIn(d, rate))) * frame) }
	req := proto.CreatePlaybackStream{
		SampleSpec: proto.SampleSpec{Format: format, Channels: byte(channels), Rate: uint32(rate)},
		ChannelMap: proto.ChannelMap{proto.ChannelMono},
		SinkIndex:  proto.Undefined,
		// Target and request size in time; the rest is for the server to say.
		// With early requests its device takes small bites, and nearly all of
		// the target is there to bridge a wait; the other mode, a device with
		// half of the target for itself, drops out far more.
		BufferMaxLength:       proto.Undefined,
		BufferTargetLength:    size(deviceTime),
		BufferPrebufferLength: proto.Undefined,
		BufferMinimumRequest:  size(deviceTime / 8),
		EarlyRequests:         true,
		ChannelVolumes:        make(proto.ChannelVolumes, channels),
		Properties:            proto.PropList{"media.name": proto.PropListString(clip(p.app))},
	}
	if channels == 2 {
		req.ChannelMap = proto.ChannelMap{proto.ChannelLeft, proto.ChannelRight}
	}
	for i := range req.ChannelVolumes {
		req.ChannelVolumes[i] = uint32(proto.VolumeNorm)
	}
	var got proto.CreatePlaybackStreamReply
	if err := p.c.Request(&req, &got); err != nil {
		if errors.Is(err, proto.ErrInvalidArgument) || errors.Is(err, proto.ErrNotSupported) {
			err = fmt.Errorf("%w: the sound server does not take it", audio.ErrUnsupported)
		}
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// The reply tells what the server wants first; it asks for no more before
	// it has had some of that.
	p.stream, p.live, p.wanted = got.StreamIndex, true, int(got.Missing)
	p.frame, p.rate = frame, rate
	p.held, p.sent, p.asked, p.running = 0, 0, time.Now(), false
	return nil
}

// remove ends the stream, whatever it still holds.
func (p *pulse) remove() {
	p.mu.Lock()
	stream, live := p.stream, p.live
	p.live = false
	p.mu.Unlock()
	if live {
		// An error means that the server is gone, and the stream with it.
		_ = p.c.Request(&proto.DeletePlaybackStream{StreamIndex: stream}, nil)
	}
}

func (p *pulse) write(s []float64) error {
	p.buf = wavfile.AppendSamples(p.buf[:0], s, p.kind)
	for b := p.buf; len(b) > 0; {
		n, err := p.await()
		if err != nil {
			return err
		}
		n = min(n, len(b))
		if err := p.c.Send(p.stream, b[:n]); err != nil {
			return fmt.Errorf("the sound server is gone: %w", err)
		}
		b = b[n:]
		p.mu.Lock()
		p.wanted -= n
		p.sent += audio.Frames(n / p.frame)
		p.mu.Unlock()
	}
	return nil
}

// await returns how many bytes, whole frames, the server wants.
func (p *pulse) await() (int, error) {
	var stall *time.Timer
	for {
		p.mu.Lock()
		n, err := p.wanted-p.wanted%max(p.frame, 1), p.lost
		if err == nil && !p.live {
			err = errors.New("the stream is not open")
		}
		due := time.Since(p.asked) >= askEvery
		p.mu.Unlock()
		if err != nil || n > 0 {
			return n, err
		}
		if due {
			// Only now, when the server has all it wants, may this wait for it.
			if err := p.ask(); err != nil {
				return 0, err
			}
			continue
		}
		if stall == nil {
			stall = time.NewTimer(stallTime)
			defer stall.Stop()
		}
		select {
		case <-p.room:
		case <-stall.C:
			return 0, fmt.Errorf("the sound server took nothing for %v", stallTime)
		}
	}
}

// ask learns from the server how much it and its device still hold.
func (p *pulse) ask() error {
	var r proto.GetPlaybackLatencyReply
	if err := p.c.Request(&proto.GetPlaybackLatency{StreamIndex: p.stream}, &r); err != nil {
		return fmt.Errorf("the sound server does not answer: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	late := min(time.Duration(r.Latency)*time.Microsecond, 10*time.Second)
	p.held = audio.Frames(max(r.WriteIndex-r.ReadIndex, 0)/int64(p.frame)) + audio.FramesIn(late, p.rate)
	p.asked, p.sent, p.running = time.Now(), 0, r.Running
	return nil
}

func (p *pulse) buffered() audio.Frames {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.live {
		return 0
	}
	n := p.held + p.sent
	if p.running {
		n -= audio.FramesIn(time.Since(p.asked), p.rate)
	}
	return max(n, 0)
}

func (p *pulse) flush() {
	if err := p.c.Request(&proto.FlushPlaybackStream{StreamIndex: p.stream}, nil); err == nil {
		_ = p.ask() // the next write tells if the server is gone
	}
}

func (p *pulse) drain() error {
	p.mu.Lock()
	live, err := p.live, p.lost
	p.mu.Unlock()
	if err != nil || !live {
		return err
	}
	// The reply comes when the last sample was played; the server also stops
	// waiting for its prebuffer, which a short clip never fills.
	if err := p.c.Request(&proto.DrainPlaybackStream{StreamIndex: p.stream}, nil); err != nil {
		return fmt.Errorf("the sound server does not end: %w", err)
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
	err := p.conn.Close()
	p.conn = nil
	return err
}

func (p *pulse) String() string { return "PulseAudio" }

package output

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"secstream/pkg/audio"
)

// alsa plays through aplay, ALSA's own player, as a child process: the C
// library of ALSA cannot be linked into a static binary.
type alsa struct {
	path  string // of aplay
	name  string // of the device, "" for the default
	can   abilities
	order []int // which of our channels each of the device's takes, nil if all are in order
	sort  []float64
	buf   []byte
	kind  audio.Sample
	args  []string
	life  context.Context // of its children
	cut   context.CancelFunc

	child *exec.Cmd
	words *words        // its stderr
	gone  chan struct{} // closed when the child has ended; end holds why
	end   error

	mu    sync.Mutex // guards what follows
	pipe  *os.File   // the child's stdin, nil when none runs
	frame int        // bytes of a frame
	rate  int
	sent  audio.Frames // to this child
	full  time.Time    // when the pipe was last seen holding something
}

const (
	// cardTime is what aplay keeps in the card's buffer, pipeTime about what
	// waits in the pipe before it.
	cardTime = 100 * time.Millisecond
	pipeTime = deviceTime - cardTime
	// startTime bounds how long aplay may take to open the card.
	startTime = 3 * time.Second
)

// newALSA looks for aplay and has it open the device and tell what it takes:
// only then is it known whether there is a card.
func newALSA(name string) (*alsa, error) {
	path, err := exec.LookPath("aplay")
	if err != nil {
		return nil, errNoAplay
	}
	a := &alsa{path: path, name: name}
	a.life, a.cut = context.WithCancel(context.Background())
	said, err := a.try("S16_LE", 44100, 2)
	var ok bool
	if a.can, ok = parseAbilities(said); ok {
		return a, nil // as long as it opens, what it refused now does not matter
	}
	if strings.Contains(said, "Unknown PCM") || strings.Contains(said, "No such") || strings.Contains(said, "cannot find card") {
		if list, lerr := listALSA(path); lerr == nil && name != "" && !named(list, name) {
			return nil, unknown("device", name, "alsa", list)
		}
	}
	return nil, reason(said, err)
}

var errNoAplay = errors.New("aplay is not installed")

// open has aplay play in the shape of the sound, or in the nearest that the
// device takes.
func (a *alsa) open(want shape) (shape, error) {
	a.kill()
	got, format := a.can.nearest(want)
	said, _ := a.try(format.name, got.rate, got.channels)
	if a.can.narrow() {
		// Of rates, cards tell only the lowest and the highest, and aplay plays
		// at another speed if there is nothing between.
		if rate := otherRate(said); rate >= minRate && rate <= maxRate {
			got.rate = rate
		}
	} else if rate, bits := behind(said); rate >= minRate && rate <= maxRate {
		// A device that takes everything converts it for a card, by a line from
		// frame to frame and by cutting bits off.
		got.rate = rate
		if bits == 16 {
			format, got.bits = formatS16, 16
		}
	}
	a.kind, a.order = format.kind, nil
	if got.channels > 2 {
		a.order = alsaOrder(want)
	}
	a.args = append(a.device(), "-q", "-f", format.name, "-c", strconv.Itoa(got.channels), "-r", strconv.Itoa(got.rate),
		"--buffer-time="+strconv.FormatInt(cardTime.Microseconds(), 10))
	a.mu.Lock()
	a.frame, a.rate = got.channels*a.kind.Bytes(), got.rate
	a.mu.Unlock()
	return got, a.start()
}

// start runs the child and waits until it takes sound.
func (a *alsa) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	a.words = &words{}
	a.child = exec.CommandContext(a.life, a.path, a.args...)
	a.child.Stdin, a.child.Stderr, a.child.Env = r, a.words, plainEnv()
	// An interrupt typed at the terminal is ours to handle, not the child's.
	a.child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := a.child.Start(); err != nil {
		_ = r.Close()
		_ = w.Close()
		return err
	}
	_ = r.Close() // the child has it
	size := int(audio.FramesIn(pipeTime, a.rate)) * a.frame
	control(w, func(fd int) {
		// The system rounds up to whole pages. A larger pipe only makes
		// controls slower.
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size)
	})
	a.gone = make(chan struct{})
	go func(child *exec.Cmd, gone chan struct{}) {
		a.end = child.Wait()
		close(gone)
	}(a.child, a.gone)
	a.mu.Lock()
	a.pipe, a.sent, a.full = w, 0, time.Now()
	a.mu.Unlock()
	return a.settle()
}

// settle sends a little silence and waits until the child takes it, which it
// does once the card is open.
func (a *alsa) settle() error {
	if err := a.send(make([]byte, int(audio.FramesIn(10*time.Millisecond, a.rate)+1)*a.frame)); err != nil {
		return err
	}
	late := time.Now().Add(startTime)
	for a.waiting() > 0 {
		select {
		case <-a.gone:
			return a.died()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(late) {
			a.kill()
			return fmt.Errorf("aplay took nothing for %v", startTime)
		}
	}
	return nil
}

// control runs do with the file's descriptor, leaving the file non-blocking.
func control(f *os.File, do func(fd int)) {
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { do(int(fd)) }) // fails on a closed file only
	}
}

// waiting is the number of bytes in the pipe.
func (a *alsa) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inPipe()
}

// inPipe is waiting with mu held.
func (a *alsa) inPipe() (n int) {
	if a.pipe != nil {
		control(a.pipe, func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.TIOCINQ) })
	}
	return n
}

func (a *alsa) write(p []float64) error {
	if a.args == nil {
		return errNotOpen
	}
	if a.pipe == nil {
		if err := a.start(); err != nil {
			return err
		}
	}
	if a.order != nil {
		p = reorder(room(&a.sort, len(p)), p, a.order)
		defer clear(p)
	}
	a.buf = encode(a.buf, p, a.kind)
	defer clear(a.buf)
	return a.send(a.buf)
}

func (a *alsa) send(b []byte) error {
	if err := a.pipe.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return err
	}
	_, err := a.pipe.Write(b)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("aplay took nothing for %v", stallTime)
	case err != nil:
		return a.died()
	}
	a.mu.Lock()
	a.sent += audio.Frames(len(b) / a.frame)
	a.full = time.Now()
	a.mu.Unlock()
	return nil
}

// died says why the child ended by itself.
func (a *alsa) died() error {
	a.kill()
	return reason(a.words.text(), a.end)
}

// buffered counts the pipe, and the card as full while the pipe has something
// for it, emptying by the clock from then on.
func (a *alsa) buffered() audio.Frames {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pipe == nil {
		return 0
	}
	in := audio.Frames(a.inPipe() / a.frame)
	card := audio.FramesIn(cardTime, a.rate)
	if in > 0 {
		a.full = time.Now()
	} else {
		card = max(0, card-audio.FramesIn(time.Since(a.full), a.rate))
	}
	return in + min(card, max(a.sent-in, 0))
}

// flush ends the child with all it holds; the next write starts another.
func (a *alsa) flush() { a.kill() }

// drain lets the child play to the end, which ends it.
func (a *alsa) drain() error {
	if a.pipe == nil {
		return nil
	}
	left := a.buffered().Duration(a.rate)
	a.closePipe()
	select {
	case <-a.gone:
	case <-time.After(left + stallTime):
		a.kill()
		return fmt.Errorf("aplay did not end for %v", stallTime)
	}
	if a.end != nil {
		return a.died()
	}
	return nil
}

func (a *alsa) closePipe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pipe != nil {
		_ = a.pipe.Close() // a pipe keeps nothing back
		a.pipe = nil
	}
}

// kill ends the child, if one runs, and waits for it.
func (a *alsa) kill() {
	if a.child == nil {
		return
	}
	a.closePipe()
	select {
	case <-a.gone:
	default:
		_ = a.child.Process.Kill() // it may just have ended
		<-a.gone
	}
	a.child = nil
}

func (a *alsa) close() error {
	a.kill()
	a.args = nil
	return nil
}

// interrupt ends the child, and any that is yet to start.
func (a *alsa) interrupt() { a.cut() }

func (a *alsa) String() string { return "ALSA" }

// maxWords is as much as aplay says of a device with ten others behind it.
const maxWords = 16 << 10

// words keeps the first of what a child says on stderr.
type words struct {
	mu sync.Mutex
	b  []byte
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p[:min(len(p), maxWords-len(w.b))]...)
	return len(p), nil
}

func (w *words) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.b)
}

package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"secstream/pkg/probe"
)

// Jobs end in any order and are taken in the one they were found in.
func TestProbeQueueOrder(t *testing.T) {
	const n = 500
	var running, most atomic.Int32
	next := 0
	q := probeQueue{
		workers: 4,
		find: func(_ context.Context, emit func(*probeJob) bool) error {
			time.Sleep(2 * probeGather) // a server that has to be asked: the columns wait for names
			for i := range n {
				j := &probeJob{path: fmt.Sprint(i), run: func(context.Context) (probe.File, error) {
					most.Store(max(most.Load(), running.Add(1)))
					time.Sleep(time.Duration(rand.Intn(300)) * time.Microsecond)
					running.Add(-1)
					return probe.File{Path: fmt.Sprint(i)}, nil
				}}
				if !emit(j) {
					return errors.New("not taken")
				}
			}
			return nil
		},
		begin: func(names []string) {
			if len(names) == 0 || len(names) > probeNames || names[0] != "0" {
				t.Errorf("first names: %v", names)
			}
		},
		take: func(j *probeJob) error {
			if j.file.Path != fmt.Sprint(next) {
				t.Errorf("%s is taken, %d is due", j.file.Path, next)
			}
			next++
			return nil
		},
		idle: func() {},
	}
	if err := q.run(context.Background()); err != nil || next != n {
		t.Errorf("%d taken, %v", next, err)
	}
	if most.Load() > 4 {
		t.Errorf("%d ran at once", most.Load())
	}
}

// The queue ends with its context, with a failed take, and with its finder,
// whatever hangs.
func TestProbeQueueEnds(t *testing.T) {
	full := errors.New("disk full")
	endless := func(_ context.Context, emit func(*probeJob) bool) error {
		for emit(&probeJob{path: "x", run: func(ctx context.Context) (probe.File, error) {
			select { // as slow as a large file
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
			return probe.File{}, ctx.Err()
		}}) {
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	q := probeQueue{workers: 2, find: endless, begin: func([]string) {}, idle: func() {}, take: func(*probeJob) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	}}
	if err := q.run(ctx); !errors.Is(err, context.Canceled) || n != 5 {
		t.Errorf("cancelled after %d: %v", n, err)
	}
	q.take = func(*probeJob) error { return full }
	if err := q.run(context.Background()); !errors.Is(err, full) {
		t.Errorf("a failed take: %v", err)
	}
	q.find = func(context.Context, func(*probeJob) bool) error { return full }
	if err := q.run(context.Background()); !errors.Is(err, full) {
		t.Errorf("a failed find: %v", err)
	}
}

func TestProbeText(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{shorten("music/album/track.flac", 30), "music/album/track.flac"},
		{shorten("music/album/track.flac", 15), "musi…track.flac"},
		{cut("a long title", 7), "a long…"},
		{shorten("日本語のとても長い題名", 9), "日…い題名"},
		{right("日本", 6), "  日本"},
		{left("e\u0301", 3), "e\u0301  "},
		{printable("a\x1b[31mb\u202ec\xff"), "a\uFFFD[31mb\uFFFDc\uFFFD"},
		{fineClock(3723.0045, false), "1:02:03.005"},
		{fineClock(59.9996, false), "1:00.000"},
		{fineClock(0, true), "0:00:00.000"},
		{sizeText(999), "999 B"},
		{sizeText(1234), "1.2 kB"},
		{sizeText(999999), "1.0 MB"},
		{sizeText(3 << 40), "3.3 TB"},
		{kilo(44100), "44.1"},
		{kilo(11025), "11.025"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for n := 1; n < 30; n++ {
		for _, line := range wrap("words of several lengths andoneverylongwordindeed 日本語の", n) {
			if cells(line) > max(n, 2) {
				t.Errorf("%q is wider than %d cells", line, n)
			}
		}
	}
}

// show runs a printer at the width of a terminal and returns its lines.
func show(t *testing.T, width int, print func(p page)) []string {
	t.Helper()
	var b strings.Builder
	w := bufio.NewWriter(&b)
	print(page{w: w, width: width})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for _, line := range lines {
		if width > 0 && cells(line) > width {
			t.Errorf("%d cells in a terminal of %d: %q", cells(line), width, line)
		}
	}
	return lines
}

// Whatever the plan and the terminal, no line is too long and the picture
// fills its width.
func TestPlanFits(t *testing.T) {
	for k, slices := range []int{1, 1, 2, 7, 37, 38, 39, 400, 5000, 5000} {
		p := &probe.Plan{MeanSeconds: 5}
		for i := range slices {
			over := 0.5
			p.Slices = append(p.Slices, probe.Slice{
				Index: i, Start: int64(i) * 220500, Samples: 220500, Time: float64(i) * 5, Duration: 5, Preroll: 2304,
				Range: &probe.Range{Offset: int64(i) * 80000, Bytes: 80000}, Plain: 80500, Sealed: 80533 + int64(i%9)*3000, Overhead: &over,
			})
			if k%2 == 1 {
				s := &p.Slices[i]
				s.Padded, s.PadOverhead = s.Sealed+1000, &over
			}
		}
		p.Total()
		for _, width := range []int{0, 40, 60, 80, 132, 200} {
			lines := show(t, width, func(pg page) {
				(&planView{page: pg, plan: p, seconds: float64(slices) * 5}).show()
			})
			picture := lines[slices+3 : slices+5]
			if n := cells(picture[0]); n != cells(picture[1]) || n < min(36, width-4) {
				t.Errorf("%d slices at %d: a picture of %d and %d cells", slices, width, n, cells(picture[1]))
			}
			if shades := strings.Contains(picture[1], "█"); shades != (2*slices <= n(picture[1])) {
				t.Errorf("%d slices at %d: %q", slices, width, picture[1])
			}
		}
	}
}

// n is the width of the picture in a line.
func n(line string) int { return cells(strings.TrimSpace(line)) }

// The list keeps to the terminal with long names, long titles and errors.
func TestListFits(t *testing.T) {
	long := strings.Repeat("a very long folder/", 8) + "file.flac"
	for _, width := range []int{0, 40, 60, 80, 132} {
		lines := show(t, width, func(pg page) {
			l := &probeList{page: pg}
			l.begin([]string{"x.wav", long})
			ok := probe.File{Codec: "flac", SampleRate: 192000, Channels: 8, BitDepth: 24, Duration: 36000, BitRate: 9216000}
			ok.Tags.Title = strings.Repeat("title ", 40)
			for _, path := range []string{"x.wav", long} {
				for _, err := range []error{nil, errors.New(strings.Repeat("something is wrong ", 10))} {
					f := ok
					f.Path = path
					if path == long {
						f.Damage = []probe.Damage{{Offset: 12345678901, What: strings.Repeat("damaged ", 20)}}
						f.DamageCount = 9
					}
					if err := l.file(&probeJob{path: path, file: f, err: err}); err != nil {
						t.Fatal(err)
					}
				}
			}
			_ = l.end(&probeTally{files: 4, noun: "file"})
		})
		if len(lines) < 7 || !strings.HasPrefix(lines[len(lines)-1], "4 files, ") {
			t.Errorf("%d cells: %q", width, lines)
		}
	}
}

func TestProbeResult(t *testing.T) {
	broken := &probe.Verify{}
	missing := probe.ErrNoAudio
	for _, c := range []struct {
		jobs []*probeJob
		code int
	}{
		{nil, exitOK},
		{[]*probeJob{{}}, exitOK},
		{[]*probeJob{{err: missing}}, exitFailed},
		{[]*probeJob{{}, {err: missing}}, exitFailed},
		{[]*probeJob{{file: probe.File{Verify: broken}}}, exitAudio},
		{[]*probeJob{{file: probe.File{DamageCount: 1}}, {err: missing}}, exitAudio},
		{[]*probeJob{{err: missing}, {err: refusedAudio("no")}}, exitAudio},
		{[]*probeJob{{}, {err: refusedAudio("no"), refused: true}}, exitOK},
	} {
		var tally probeTally
		for _, j := range c.jobs {
			tally.add(j)
		}
		code := exitOK
		if err := tally.result(); err != nil {
			code = outcomeOf(err).code
		}
		if code != c.code {
			t.Errorf("%d jobs: exit code %d, want %d", len(c.jobs), code, c.code)
		}
	}
}

func TestProbeBar(t *testing.T) {
	src := &probeSource{o: probeOptions{targets: []string{"x"}}, server: []bool{false}}
	b := &probeBar{src: src}
	src.finished.Store(3)
	if got := b.line(time.Second); got != "3 files done" {
		t.Errorf("before all is counted: %q", got)
	}
	src.counted.Store(true)
	src.total.Store(1000)
	src.files.Store(12)
	src.done.Store(250)
	if got := b.line(10 * time.Second); got != "━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  25 %  3 of 12 files  0:30 left" {
		t.Errorf("a quarter: %q", got)
	}
	src.done.Store(2000) // a file grew
	if got := b.line(10 * time.Second); cells(got) > 79 || !strings.Contains(got, "100 %") {
		t.Errorf("more than all: %q", got)
	}
}

// Package bench measures the protected path: how fast slices are made and
// opened, beside how fast this machine's AES-256-GCM is by itself.
//
// Audio files go in (or a test signal of its own), a Report comes out. What is
// timed is the code that serves and plays: format, slicer, pack, seal,
// handshake, decode. It knows no network and prints nothing.
//
// Nothing is timed before it is proved: every slice is packed, opened and
// compared, and forgeries have to be refused. Figures are medians over rounds
// with their quartiles; what is compared is measured in turn within each
// round, so that a busy machine slows both sides alike.
package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/slicer"
)

// Target is the share of bare AES-256-GCM speed that packing WAV without
// compression should reach on one core.
const Target = 0.85

// Config says what is measured. The zero value measures the test signal with
// the default settings.
type Config struct {
	Files    []string          // audio files; none means the test signal
	Slices   []time.Duration   // slice lengths, whole milliseconds from 1 s to 30 s; default 1, 5 and 30 s, quick: 5 s
	Time     time.Duration     // about how long each measurement takes; default 250 ms, quick: 40 ms
	Quick    bool              // fewer rounds and a shorter signal
	Progress func(text string) // called with what is being done, if set

	signal time.Duration // how long the test signal is
	window int           // how many bytes a pass takes, about
}

// How many rounds a measurement takes at least, whatever its time; and how
// many are enough when rounds are so long that it takes several times as long
// as it should.
const (
	leastRounds  = 15
	enoughRounds = 3
	patience     = 3
)

func (c Config) complete() (Config, error) {
	if len(c.Slices) == 0 {
		c.Slices = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}
		if c.Quick {
			c.Slices = c.Slices[1:2]
		}
	}
	for _, d := range c.Slices {
		if ms := d.Milliseconds(); ms < slicer.MinMillis || ms > slicer.MaxMillis || d%time.Millisecond != 0 {
			return c, fmt.Errorf("slice length %v: it must be whole milliseconds between 1s and 30s", d)
		}
	}
	if c.Time == 0 {
		c.Time = 250 * time.Millisecond
		if c.Quick {
			c.Time = 40 * time.Millisecond
		}
	}
	if c.signal == 0 {
		c.signal = signalTime
		if c.Quick {
			c.signal = signalQuick
		}
	}
	if c.window == 0 {
		c.window = windowBytes
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c, nil
}

// runner is one run of the benchmark.
type runner struct {
	cfg   Config
	cores int
	bare  *bare
	out   *Report
}

// Run proves and measures. Errors: ErrIncorrect when the proof fails, those
// of opening and reading the files, ctx's. There is no report then: figures
// of something broken help nobody.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	cfg, err = cfg.complete()
	if err != nil {
		return nil, err
	}
	r := &runner{cfg: cfg, cores: runtime.GOMAXPROCS(0), out: newReport(cfg)}
	sources, release, err := r.sources(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	jobs, err := r.jobs(ctx, sources)
	if err != nil {
		return nil, err
	}
	if err := r.measure(ctx, sources, jobs); err != nil {
		return nil, err
	}
	r.out.headline()
	return r.out, nil
}

// jobs makes and proves a job for each source, compression and slice length.
func (r *runner) jobs(ctx context.Context, sources []*source) ([]*job, error) {
	var jobs []*job
	largest := 0
	for _, s := range sources {
		r.cfg.Progress("proving " + s.name)
		for _, level := range levels(s.track.Info().Codec) {
			for _, length := range r.cfg.Slices {
				j, err := newJob(s, level, length)
				if err != nil {
					return nil, fmt.Errorf("cut %q: %w", s.path, err)
				}
				if j == nil {
					r.out.note("%s: slices of %v are larger than any that may be served; left out", s.name, length)
					continue
				}
				if err := j.prove(ctx, &r.out.Proof); err != nil {
					return nil, err
				}
				largest = max(largest, j.bytes())
				jobs = append(jobs, j)
			}
		}
	}
	r.bare = newBare(largest)
	return jobs, nil
}

// levels are the compression levels worth timing: a server compresses PCM
// only.
func levels(codec audio.Codec) []int {
	if codec == audio.PCM {
		return []int{compress.MinLevel, compress.DefaultLevel}
	}
	return []int{compress.MinLevel}
}

func (r *runner) measure(ctx context.Context, sources []*source, jobs []*job) error {
	for _, s := range sources {
		r.cfg.Progress("scanning and decoding " + s.name)
		src, err := r.source(ctx, s)
		if err != nil {
			return err
		}
		r.out.Sources = append(r.out.Sources, src)
	}
	for _, j := range jobs {
		r.cfg.Progress(fmt.Sprintf("packing %s, %v slices, compression %d", j.src.name, j.length, j.level))
		p, err := r.pack(ctx, j)
		if err != nil {
			return err
		}
		r.out.Pack = append(r.out.Pack, p)
	}
	if err := r.beside(ctx, jobs); err != nil {
		return err
	}
	r.out.Exchanges = r.out.V2.Server.V1
	return nil
}

// rounds calls one again and again for about the time of a measurement.
func (r *runner) rounds(ctx context.Context, one func() error) error {
	begin := time.Now()
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		spent := time.Since(begin)
		if spent >= r.cfg.Time && n >= leastRounds || spent >= patience*r.cfg.Time && n >= enoughRounds {
			return nil
		}
		if err := one(); err != nil {
			return err
		}
	}
}

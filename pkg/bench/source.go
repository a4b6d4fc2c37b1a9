package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/pack"
	"secstream/pkg/slicer"
)

// source is one audio file, open for reading.
type source struct {
	name  string // for people
	path  string
	file  *os.File
	size  int64
	track audio.Track
}

// sources opens the files, or makes the test signal. The caller calls release
// when done.
func (r *runner) sources(ctx context.Context) (list []*source, release func() error, err error) {
	paths := r.cfg.Files
	discard := func() error { return nil }
	if len(paths) == 0 {
		r.cfg.Progress("making the test signal")
		if paths, discard, err = makeSignal(ctx, r.cfg.signal); err != nil {
			return nil, nil, err
		}
	}
	release = func() error {
		for _, s := range list {
			s.file.Close()
		}
		return discard()
	}
	for _, path := range paths {
		r.cfg.Progress("scanning " + filepath.Base(path))
		s, err := openSource(ctx, path)
		if err != nil {
			return nil, nil, errors.Join(err, release())
		}
		list = append(list, s)
	}
	return list, release, nil
}

func openSource(ctx context.Context, path string) (*source, error) {
	fi, err := os.Stat(path) // before it is opened: opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a file; bench takes audio files", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{name: filepath.Base(path), path: path, file: f, size: fi.Size()}
	if s.track, err = s.scan(ctx); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read %q: %w", path, err)
	}
	return s, nil
}

// scan reads headers and makes the index, as a server does at a track's first
// session.
func (s *source) scan(ctx context.Context) (audio.Track, error) {
	stream, err := format.Open(s.file, s.size)
	if err != nil {
		return nil, err
	}
	return stream.Index(ctx, s.file)
}

// source measures how fast s is scanned and decoded.
func (r *runner) source(ctx context.Context, s *source) (Source, error) {
	i := s.track.Info()
	out := Source{
		Name: s.name, Container: string(i.Container), Codec: string(i.Codec), Sample: string(i.Sample),
		SampleRate: i.SampleRate, Channels: i.Channels, Duration: i.Duration().Seconds(), Bytes: s.size,
	}
	var scan series
	err := r.rounds(ctx, func() error {
		begin := time.Now()
		_, err := s.scan(ctx)
		scan.add(time.Since(begin).Seconds())
		return err
	})
	if err != nil {
		return out, fmt.Errorf("cannot read %q: %w", s.path, err)
	}
	out.Scan = scan.stat()
	if i.Container != audio.WAV {
		out.ScanSpeed = float64(s.size) / out.Scan.Median
	}
	st, err := r.decode(ctx, s)
	switch {
	case err == nil:
		out.Decode = &st
	case ctx.Err() != nil:
		return out, err
	default: // what cannot be decoded is served all the same
		out.NoDecode = err.Error()
	}
	return out, nil
}

// decode measures how many seconds of sound one core decodes in a second,
// slice by slice as a player does, preroll included.
func (r *runner) decode(ctx context.Context, s *source) (Stat, error) {
	length := r.cfg.Slices[len(r.cfg.Slices)/2]
	i := s.track.Info()
	plan, err := slicer.Make(s.track.Cuts(), i.SampleRate, slicer.Options{Millis: int(length.Milliseconds())})
	if err != nil {
		return Stat{}, err
	}
	if err := pack.Check(s.track, plan); err != nil {
		return Stat{}, err
	}
	var speed series
	var data []byte
	pcm := make([]float64, i.Channels*4096)
	next := 0
	err = r.rounds(ctx, func() error {
		from, to := plan.Bounds(next % plan.Len())
		next++
		if data, err = s.track.Carve(data[:0], s.file, from, to); err != nil {
			return err
		}
		begin := time.Now()
		if err := drain(i, data, pcm); err != nil {
			return err
		}
		speed.add((to.At - from.At).Duration(i.SampleRate).Seconds() / time.Since(begin).Seconds())
		return nil
	})
	return speed.stat(), err
}

func drain(i audio.Info, data []byte, pcm []float64) error {
	d, err := decode.New(decode.Params{
		Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth,
	}, data)
	if err != nil {
		return err
	}
	for {
		if _, err := d.Read(pcm); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

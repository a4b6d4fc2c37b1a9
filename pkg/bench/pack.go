package bench

import (
	"context"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
)

// pack measures one job there and back.
func (r *runner) pack(ctx context.Context, j *job) (Pack, error) {
	n := float64(len(j.picks))
	p := Pack{
		Source: j.src.name, Container: string(j.src.track.Info().Container), Level: j.level, Slice: j.length.Seconds(),
		Slices: j.plan.Len(), Measured: len(j.picks), PlainSize: float64(j.bytes()) / n, SealedSize: float64(j.sealed) / n,
	}
	l := &lane{job: j, bare: r.bare}
	if err := r.oneCore(ctx, l, &p); err != nil {
		return p, err
	}
	if r.cores > 1 {
		var err error
		if p.AllCores, err = r.allCores(ctx, l); err != nil {
			return p, err
		}
	}
	if err := r.back(ctx, l, &p); err != nil {
		return p, err
	}
	err := r.first(ctx, l, &p)
	return p, err
}

// oneCore measures the pipeline in turn with the bare cipher, and with its own
// beginnings: what a step takes is what the pipeline takes longer with it.
// Each pass takes other slices than the one before, so that none finds warm
// what another just used.
func (r *runner) oneCore(ctx context.Context, l *lane, p *Pack) error {
	steps := []step{(*lane).seal, (*lane).pack, (*lane).carve, (*lane).compress}
	if l.ranges() {
		steps = append(steps, (*lane).readSeal)
	}
	times := make([]series, len(steps)) // seconds a byte
	var speed, bareSpeed, ratio, readRatio series
	window, first := l.window(r.cfg.window), 0
	err := r.rounds(ctx, func() error {
		for s, do := range steps {
			at := first
			if s > 1 {
				at += (s - 1) * len(l.picks) / (len(steps) - 1)
			}
			t, err := l.pass(do, at, window)
			if err != nil {
				return err
			}
			times[s].add(t)
		}
		first += window
		bare, whole := times[0].last(), times[1].last()
		bareSpeed.add(1 / bare)
		speed.add(1 / whole)
		ratio.add(bare / whole)
		if l.ranges() {
			readRatio.add(times[4].last() / whole)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.OneCore = Speed{Cores: 1, Pack: speed.stat(), Bare: bareSpeed.stat(), Ratio: ratio.stat()}
	if l.ranges() {
		st := readRatio.stat()
		p.ReadRatio = &st
	}
	p.Stages = stages(times[2].stat().Median, times[3].stat().Median, times[1].stat().Median)
	p.PerSlice = p.PlainSize / p.OneCore.Pack.Median
	p.Listeners = l.playing() / p.PerSlice
	return nil
}

// ranges says whether slices are bytes of the file as they lie there.
func (j *job) ranges() bool {
	return j.src.track.Info().Codec == audio.PCM && j.level == compress.MinLevel
}

// stages turns the times of carving, of carving and compressing, and of the
// whole into shares. Noise must not make a step take less than nothing.
func stages(carve, compressed, whole float64) Stages {
	compressed = min(compressed, whole)
	carve = min(carve, compressed)
	return Stages{Carve: carve / whole, Compress: (compressed - carve) / whole, Seal: (whole - compressed) / whole}
}

// playing is how long the picks play on average, in seconds.
func (j *job) playing() float64 {
	sum := 0.0
	for _, i := range j.picks {
		from, to := j.plan.Bounds(i)
		sum += (to.At - from.At).Duration(j.src.track.Info().SampleRate).Seconds()
	}
	return sum / float64(len(j.picks))
}

// allCores measures the pipeline in turn with the bare cipher on every core.
func (r *runner) allCores(ctx context.Context, l *lane) (*Speed, error) {
	lanes := make([]*lane, r.cores)
	lanes[0] = l
	for i := range lanes[1:] {
		lanes[i+1] = &lane{job: l.job, bare: l.bare}
	}
	var speed, bareSpeed, ratio series
	window, first := l.window(r.cfg.window)*2, 0 // so that the lanes overlap nearly all of the time
	err := r.rounds(ctx, func() error {
		theirs, err := together(lanes, (*lane).seal, first, window)
		if err != nil {
			return err
		}
		ours, err := together(lanes, (*lane).pack, first, window)
		if err != nil {
			return err
		}
		first += window
		bareSpeed.add(theirs)
		speed.add(ours)
		ratio.add(ours / theirs)
		return nil
	})
	return &Speed{Cores: r.cores, Pack: speed.stat(), Bare: bareSpeed.stat(), Ratio: ratio.stat()}, err
}

// maxBodies bounds the sealed slices held at once for the way back.
const maxBodies = 16 << 20

// back measures the unpacker, and opening alone: a box does what the unpacker
// does first. Both get a copy each time because they work in place.
func (r *runner) back(ctx context.Context, l *lane, p *Pack) error {
	bodies, err := l.bodies()
	if err != nil {
		return err
	}
	var open, unpack, share series
	var copied []byte
	next := 0
	err = r.rounds(ctx, func() error {
		var opening, unpacking time.Duration
		sum := 0
		for range min(l.window(r.cfg.window), len(bodies)) {
			k := next % len(bodies)
			next++
			copied = append(copied[:0], bodies[k]...)
			begin := time.Now()
			if _, err := l.box.Open(copied, nil); err != nil {
				return l.fault(l.picks[k], err)
			}
			opening += time.Since(begin)
			copied = append(copied[:0], bodies[k]...)
			begin = time.Now()
			if l.plain, err = l.unpacker.AppendSlice(l.plain[:0], copied, l.picks[k], l.sizes[k]); err != nil {
				return l.fault(l.picks[k], err)
			}
			unpacking += time.Since(begin)
			sum += l.sizes[k]
		}
		open.add(float64(sum) / opening.Seconds())
		unpack.add(float64(sum) / unpacking.Seconds())
		share.add(min(1, opening.Seconds()/unpacking.Seconds()))
		return nil
	})
	p.Unpack, p.Open, p.OpenShare = unpack.stat(), open.stat(), share.stat().Median
	return err
}

// bodies are the first picks sealed, at least one.
func (l *lane) bodies() ([][]byte, error) {
	var list [][]byte
	for k, sum := 0, 0; k < len(l.picks) && (k == 0 || sum+len(list[k-1]) <= maxBodies); k++ {
		body, err := l.packer.Append(nil, l.src.file, l.picks[k])
		if err != nil {
			return nil, l.fault(l.picks[k], err)
		}
		sum += len(body)
		list = append(list, body)
	}
	return list, nil
}

// first measures how long a listener waits for the first slice.
func (r *runner) first(ctx context.Context, l *lane, p *Pack) error {
	var wait series
	err := r.rounds(ctx, func() error {
		took, err := l.first(exchange)
		wait.add(took)
		return err
	})
	p.First = wait.stat()
	return err
}

// first is how long a listener waits for the first slice apart from the
// network, in seconds: both halves of the key exchange, a slice packed, and
// opened.
func (l *lane) first(exchange exchanger) (float64, error) {
	i := l.picks[0]
	begin := time.Now()
	server, client, err := exchange()
	if err != nil {
		return 0, err
	}
	packer, unpacker := l.ends(server, client)
	if l.buf, err = packer.Append(l.buf[:0], l.src.file, i); err != nil {
		return 0, l.fault(i, err)
	}
	if l.plain, err = unpacker.AppendSlice(l.plain[:0], l.buf, i, l.sizes[0]); err != nil {
		return 0, l.fault(i, err)
	}
	return time.Since(begin).Seconds(), nil
}

// exchanger is a whole key exchange: what both ends hold after it.
type exchanger func() (server, client *seal.Box, err error)

// exchange is that of protocol v1.
func exchange() (server, client *seal.Box, err error) {
	ours, err := handshake.NewPair()
	if err != nil {
		return nil, nil, err
	}
	server, answer, err := serve(ours.Public())
	if err != nil {
		return nil, nil, err
	}
	key, err := ours.Agree(answer)
	if err != nil {
		return nil, nil, err
	}
	defer key.Wipe()
	return server, seal.NewBox(key), nil
}

// serve is the server's half of a key exchange.
func serve(public string) (*seal.Box, string, error) {
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, "", err
	}
	key, err := pair.Agree(public)
	if err != nil {
		return nil, "", err
	}
	defer key.Wipe()
	return seal.NewBox(key), pair.Public(), nil
}

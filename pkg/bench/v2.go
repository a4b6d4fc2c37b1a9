package bench

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
)

// TargetV2 is the share of the slices that protocol v1 packs and opens in a
// second that v2 should, too.
const TargetV2 = 0.95

// V2 is protocol v2 beside v1, each in turn with the other in every round. Both
// seal by AES-256-GCM; v1 agrees by P-256, v2 by X25519 and ML-KEM-768, signed
// by Ed25519. The manifest of v2 is not in it: v1's list of slices is not,
// either.
type V2 struct {
	Exchange Versus     `json:"exchangesPerSecond"`    // both halves, one core
	Server   Versus     `json:"serverHalvesPerSecond"` // of them, the server's
	Slices   []V2Slices `json:"slices"`                // of WAV, and of a coded file
	Target   float64    `json:"target,omitempty"`      // for Pack and Unpack of Slices; 0 when there are none
	Least    Stat       `json:"least"`                 // the smallest of their ratios
	Met      bool       `json:"met"`
}

// V2Slices are slices of one source, without compression, on one core.
type V2Slices struct {
	Source    string  `json:"source"`
	Container string  `json:"container"`
	Slice     float64 `json:"sliceSeconds"` // asked for
	Pack      Versus  `json:"packedPerSecond"`
	Unpack    Versus  `json:"openedPerSecond"`
	First     Versus  `json:"firstSliceSeconds"` // both halves of a key exchange, one slice packed and opened
}

// Versus is a figure of both protocols.
type Versus struct {
	V1    Stat `json:"v1"`
	V2    Stat `json:"v2"`
	Ratio Stat `json:"ratio"` // of V2 to V1, round by round
}

// Names as long as those of a server, whose lengths are all that counts here.
const (
	sampleSession = "session-id-of-a-server"
	sampleSlice   = "slice-id-of-a-server-"
)

// bound is j by protocol v2, not proved yet.
func (j *job) bound() *job {
	b := *j
	b.sizes, b.offs, b.sealed = nil, nil, 0
	info := j.src.track.Info()
	b.codec = pack.CompressionV2(info.Codec, j.codec)
	b.bind = &pack.Binding{
		Session: sampleSession, Count: j.plan.Len(), Encoding: string(info.Container), Compression: b.codec.Name(),
		ID:    func(dst []byte, _ int) []byte { return append(dst, sampleSlice...) }, // the number tells slices apart, too
		Plain: func(int) int { return 0 },
	}
	b.close()
	return &b
}

// representatives are the jobs that stand for all when protocols are compared:
// one of WAV, one of coded audio.
func representatives(jobs []*job) []*job {
	var best [2]*job
	for _, j := range jobs {
		kind := 0
		if j.container() != string(audio.WAV) {
			kind = 1
		}
		if j.level == compress.MinLevel && (best[kind] == nil || j.rank() > best[kind].rank()) {
			best[kind] = j
		}
	}
	var list []*job
	for _, j := range best {
		if j != nil {
			list = append(list, j)
		}
	}
	return list
}

func (j *job) container() string { return string(j.src.track.Info().Container) }

func (j *job) rank() float64 { return rank(j.container(), j.level, j.length.Seconds()) }

// beside proves protocol v2 and measures it beside v1.
func (r *runner) beside(ctx context.Context, jobs []*job) error {
	id, err := identity.Ephemeral()
	if err != nil {
		return err
	}
	out := &r.out.V2
	for _, j := range representatives(jobs) {
		r.cfg.Progress("protocol v2 beside v1 on " + j.src.name)
		b := j.bound()
		if err := b.prove(ctx, &r.out.Proof); err != nil {
			return err
		}
		s, err := r.slices(ctx, j, b, id)
		if err != nil {
			return err
		}
		out.Slices = append(out.Slices, s)
	}
	r.cfg.Progress("exchanging keys")
	if err := r.exchanges(ctx, id); err != nil {
		return err
	}
	out.judge()
	return nil
}

// judge says whether the target is met.
func (v *V2) judge() {
	for i, s := range v.Slices {
		if i == 0 {
			v.Least = s.Pack.Ratio
		}
		for _, ratio := range [...]Stat{s.Pack.Ratio, s.Unpack.Ratio} {
			if ratio.Median < v.Least.Median {
				v.Least = ratio
			}
		}
	}
	if len(v.Slices) > 0 {
		v.Target, v.Met = TargetV2, v.Least.Median >= TargetV2
	}
}

// versus measures a figure of both protocols. Who is first changes from round
// to round.
func (r *runner) versus(ctx context.Context, v1, v2 func(round int) (float64, error)) (Versus, error) {
	sides := [...]func(int) (float64, error){v1, v2}
	var figures [len(sides)]series
	var ratio series
	round := 0
	err := r.rounds(ctx, func() error {
		for k := range sides {
			side := (k + round) % len(sides)
			v, err := sides[side](round)
			if err != nil {
				return err
			}
			figures[side].add(v)
		}
		round++
		ratio.add(figures[1].last() / figures[0].last())
		return nil
	})
	return Versus{figures[0].stat(), figures[1].stat(), ratio.stat()}, err
}

// slices measures slices of v1 and the same of v2. All goes through one lane.
func (r *runner) slices(ctx context.Context, v1, v2 *job, id handshake.Signer) (out V2Slices, err error) {
	out = V2Slices{Source: v1.src.name, Container: v1.container(), Slice: v1.length.Seconds()}
	l := &lane{job: v1}
	window := v1.window(r.cfg.window)
	packs := func(j *job, shift int) func(int) (float64, error) {
		return func(round int) (float64, error) {
			l.job = j
			perByte, err := l.pass((*lane).pack, round*window+shift, window)
			return l.perSecond(perByte), err
		}
	}
	if out.Pack, err = r.versus(ctx, packs(v1, 0), packs(v2, len(v1.picks)/2)); err != nil {
		return out, err
	}
	if out.Unpack, err = r.opened(ctx, l, v1, v2); err != nil {
		return out, err
	}
	firsts := func(j *job, by exchanger) func(int) (float64, error) {
		return func(int) (float64, error) {
			l.job = j
			return l.first(by)
		}
	}
	out.First, err = r.versus(ctx, firsts(v1, exchange), firsts(v2, func() (server, client *seal.Box, err error) { return exchangeV2(id) }))
	return out, err
}

// opened measures the way back of both.
func (r *runner) opened(ctx context.Context, l *lane, jobs ...*job) (Versus, error) {
	var sides []func(int) (float64, error)
	for _, j := range jobs {
		l.job = j
		bodies, err := l.bodies()
		if err != nil {
			return Versus{}, err
		}
		window := j.window(r.cfg.window)
		sides = append(sides, func(round int) (float64, error) {
			l.job = j
			perByte, err := l.open(bodies, round*window, window)
			return l.perSecond(perByte), err
		})
	}
	return r.versus(ctx, sides[0], sides[1])
}

// perSecond is how many slices of the usual size are done in a second at so
// many seconds a byte.
func (j *job) perSecond(perByte float64) float64 {
	return float64(len(j.picks)) / (perByte * float64(j.bytes()))
}

// open unpacks n of bodies from the first on, round and round, and returns how
// long a byte took, in seconds. Each is a copy: unpackers work in place.
func (l *lane) open(bodies [][]byte, first, n int) (float64, error) {
	var took time.Duration
	sum := 0
	for i := range n {
		k := (first + i) % len(bodies)
		l.buf = append(l.buf[:0], bodies[k]...)
		begin := time.Now()
		var err error
		if l.plain, err = l.unpacker.AppendSlice(l.plain[:0], l.buf, l.picks[k], l.sizes[k]); err != nil {
			return 0, l.fault(l.picks[k], err)
		}
		took += time.Since(begin)
		sum += l.sizes[k]
	}
	return took.Seconds() / float64(sum), nil
}

// exchanges measures how many key exchanges a second one core does.
func (r *runner) exchanges(ctx context.Context, id handshake.Signer) (err error) {
	repeated := func(n int, do func() error) func(int) (float64, error) {
		return func(int) (float64, error) {
			begin := time.Now()
			for range n {
				if err := do(); err != nil {
					return 0, err
				}
			}
			return float64(n) / time.Since(begin).Seconds(), nil
		}
	}
	const n = 16
	r.out.V2.Exchange, err = r.versus(ctx,
		repeated(n, func() error { _, _, err := exchange(); return err }),
		repeated(n/2, func() error { _, _, err := exchangeV2(id); return err }))
	if err != nil {
		return err
	}
	old, err := handshake.NewPair()
	if err != nil {
		return err
	}
	public := old.Public()
	client, err := newClient()
	if err != nil {
		return err
	}
	r.out.V2.Server, err = r.versus(ctx,
		repeated(n, func() error { _, _, err := serve(public); return err }),
		repeated(n, func() error { _, _, err := serveV2(client.Offer(), id); return err }))
	return err
}

func newClient() (*handshake.Client, error) {
	return handshake.NewClient(sampleSession, "", []string{seal.NameAES256GCM, seal.NameChaCha20Poly1305})
}

var errStranger = errors.New("the identity is another")

// exchangeV2 is the exchange of protocol v2 with a server that is known.
func exchangeV2(id handshake.Signer) (server, client *seal.Box, err error) {
	half, err := newClient()
	if err != nil {
		return nil, nil, err
	}
	server, reply, err := serveV2(half.Offer(), id)
	if err != nil {
		return nil, nil, err
	}
	known := id.Public()
	keys, err := half.Finish(reply, func(key ed25519.PublicKey) error {
		if !handshake.Same(key, known) {
			return errStranger
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	defer keys.Wipe()
	client, err = seal.NewBound(seal.AES256GCM{}, keys.Slice)
	return server, client, err
}

// serveV2 is the server's half.
func serveV2(offer *handshake.Offer, id handshake.Signer) (*seal.Box, *handshake.Reply, error) {
	reply, keys, err := handshake.Accept(offer, id, seal.NameAES256GCM, seal.NameChaCha20Poly1305)
	if err != nil {
		return nil, nil, err
	}
	defer keys.Wipe()
	box, err := seal.NewBound(seal.AES256GCM{}, keys.Slice)
	return box, reply, err
}

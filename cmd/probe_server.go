package cmd

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/probe"
	"secstream/pkg/wire"
)

// probedServer is a server whose tracks are looked at.
type probedServer struct {
	src     *probeSource
	address string
	base    http.RoundTripper // shared by all tracks
	cfg     client.Config

	mu   sync.Mutex // guards gone
	gone error      // set once it no longer answers: not each track need wait for that
}

// findTracks emits a job for every track of the server at address. What the
// server refuses to serve comes last.
func (s *probeSource) findTracks(ctx context.Context, address string, emit func(*probeJob) bool) error {
	fail := func(err error) error {
		j := failedJob(address, err)
		j.remote = true
		emit(j)
		return ctx.Err()
	}
	base, err := client.NewTransport(s.o.fingerprint, probeConns)
	if err != nil {
		return fail(err)
	}
	address, cfg, err := s.o.server(ctx, s.env, address, s.tell)
	if err != nil {
		return fail(err)
	}
	cfg.Transport, cfg.Fingerprint = base, ""
	srv := &probedServer{src: s, address: address, base: base, cfg: cfg}
	c, err := client.New(address, cfg)
	if err != nil {
		return fail(err)
	}
	warnToken(s.tell, cfg.Token, c.Address())
	wait := scan{client: c, name: c.Address(), tell: s.tell}
	list, err := wait.list(ctx, func(*wire.Library) bool { return false })
	if err != nil {
		return fail(vouch(expired(err, cfg.Trust), "probe", c.Address()))
	}
	tracks, err := (&listener{client: c, name: c.Address()}).choose(list, s.o.track)
	switch {
	case err == nil:
	case len(list.Tracks) == 0 && len(list.Refused) > 0:
		return fail(withHint(err, "the server serves nothing; its log says why"))
	case s.o.track != "" && len(list.Tracks) > 0:
		return fail(withHint(err, "secstream probe %s lists what it has", quoteAll([]string{address})))
	default:
		return fail(err)
	}
	if err := meets(ctx, c, tracks, cfg.V1 || s.o.plan || s.o.verify, s.tell); err != nil {
		return fail(err)
	}
	for _, t := range tracks {
		s.total.Add(t.Size)
		s.files.Add(1)
	}
	s.counted.Store(len(s.o.targets) == 1)
	for _, t := range tracks {
		if !emit(srv.job(t)) {
			return ctx.Err()
		}
	}
	if s.o.track != "" {
		return ctx.Err()
	}
	for _, r := range list.Refused {
		j := failedJob(r.Path, refusedAudio(r.Reason))
		j.remote, j.refused = true, true
		if !emit(j) {
			break
		}
	}
	return ctx.Err()
}

// maxMeets is how many tracks the server may fail to open before it is believed
// that there is something wrong with them.
const maxMeets = 8

// meets has the server prove who it is, in a session on the first track that it
// opens, unless that is done for each of them anyway: a list says nothing of who
// sends it. Where it opens none, that is told of.
func meets(ctx context.Context, c *client.Client, tracks []wire.LibraryTrack, skip bool, tell teller) error {
	if skip || len(tracks) == 0 {
		return nil
	}
	for _, track := range tracks[:min(len(tracks), maxMeets)] {
		t, err := c.Open(ctx, track.ID, audio.Tags{})
		if err == nil {
			return t.Close()
		}
		if stranger(err) || errors.Is(err, client.ErrProtocol) || errors.Is(err, client.ErrOldServer) || ctx.Err() != nil {
			return err
		}
	}
	tell("warning", "the server has not proved who it is: it opens none of its tracks; this list may be anybody's")
	return nil
}

// probeConns is how many connections to a server that has no HTTP/2 wait for
// the next track.
const probeConns = 8

// job looks at one track: the list's facts, and with --plan or --verify what
// the server says, or sends, in a session of its own.
func (v *probedServer) job(t wire.LibraryTrack) *probeJob {
	return &probeJob{path: t.Path, remote: true, run: func(ctx context.Context) (probe.File, error) {
		defer v.src.done.Add(t.Size)
		defer v.src.finished.Add(1)
		f := probe.FromLibrary(t)
		if !v.src.o.plan && !v.src.o.verify {
			return f, ctx.Err()
		}
		v.mu.Lock()
		gone := v.gone
		v.mu.Unlock()
		if gone != nil {
			return f, gone
		}
		err := v.open(ctx, t, &f)
		if errors.Is(err, client.ErrUnreachable) {
			v.mu.Lock()
			v.gone = err
			v.mu.Unlock()
		}
		return f, err
	}}
}

// open agrees on a key for the track and fills in f.
func (v *probedServer) open(ctx context.Context, t wire.LibraryTrack, f *probe.File) (err error) {
	sizes := &sliceSizes{base: v.base, of: map[int]int64{}}
	cfg := v.cfg
	cfg.Transport = sizes
	c, err := client.New(v.address, cfg)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // a session that is not ended expires
	track, err := c.Open(ctx, t.ID, t.Tags.Audio())
	if err != nil {
		return err
	}
	defer track.Close() //nolint:errcheck // it returns nil
	spans := make([]audio.Span, track.Len())
	for i := range spans {
		spans[i] = track.Span(i)
	}
	info := track.Info() // a list may go by what headers say; a session has counted
	f.TotalSamples, f.Duration = int64(info.Frames), info.Duration().Seconds()
	plan, err := probe.Outline(info, spans, 0)
	if err != nil {
		return err
	}
	if v.src.o.plan {
		f.Plan = plan
	}
	if v.src.o.verify {
		f.Verify, err = fetchAll(ctx, track, t, plan, sizes)
	}
	return err
}

// fetchAll fetches, opens and decodes every slice, and notes the sizes in
// plan.
func fetchAll(ctx context.Context, track *client.Track, t wire.LibraryTrack, plan *probe.Plan, sizes *sliceSizes) (*probe.Verify, error) {
	check := probe.NewCheck(track.Info())
	check.Announced(t.TotalSamples)
	for i := range track.Len() {
		data, err := track.Slice(ctx, i)
		if err != nil {
			return nil, err
		}
		plan.Slices[i].Plain, plan.Slices[i].Sealed = int64(len(data)), sizes.get(i)
		err = check.Slice(ctx, i, -1, track.Span(i), data)
		track.Release(i)
		if err != nil {
			return nil, err
		}
	}
	plan.Unmeasured = false
	plan.Total()
	return check.Finish(), nil
}

// sliceSizes notes how long the sealed slices of one track are that pass.
type sliceSizes struct {
	base http.RoundTripper
	mu   sync.Mutex    // guards of
	of   map[int]int64 // bytes of slice i
}

func (s *sliceSizes) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.base.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	if i, err := strconv.Atoi(resp.Header.Get(wire.HeaderSequence)); err == nil {
		s.mu.Lock()
		s.of[i] = resp.ContentLength
		s.mu.Unlock()
	}
	return resp, nil
}

func (s *sliceSizes) get(i int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.of[i], 0)
}

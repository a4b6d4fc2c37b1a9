//go:build ignore

// Load puts a server under the loads that memory.sh measures. It is run as
// "go run .ci/e2e/load.go COMMAND ARG...":
//
//	wav FILE BYTES                 write a WAV file with a stretch of noise every 16 MB and holes between
//	spread ADDRESS SESSIONS SLICES fetch slices spread over the first track, three at a time in each session
//	slow ADDRESS SESSIONS SECONDS  fetch one slice in each session, a little at a time
//	open ADDRESS SESSIONS          open sessions and leave them
//	first ADDRESS RUNS             time the first slice of long.X against that of short.X, for every X
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintf(os.Stderr, "load %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func run(command, target string, args []string) error {
	var n [2]int
	for i, a := range args {
		var err error
		if n[i], err = strconv.Atoi(a); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c := &client{base: target, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	switch command {
	case "wav":
		return writeWAV(target, int64(n[0]))
	case "spread":
		return c.spread(ctx, n[0], n[1])
	case "slow":
		return c.slow(ctx, n[0], time.Duration(n[1])*time.Second)
	case "open":
		return c.open(ctx, n[0])
	case "first":
		return c.first(ctx, n[0])
	}
	return errors.New("no such command")
}

// writeWAV writes 16-bit stereo at 44.1 kHz.
func writeWAV(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	data := (size - 44) / 4 * 4
	h := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(data+36))...)
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data"...)
	h = binary.LittleEndian.AppendUint32(h, uint32(data))
	if _, err := f.Write(h); err != nil {
		return err
	}
	noise := make([]byte, 2<<20) // two slices of 5 s at least, one of them whole
	rnd := rand.NewChaCha8([32]byte{1})
	for at := int64(44); at+int64(len(noise)) < size; at += 16 << 20 {
		_, _ = rnd.Read(noise) // never fails
		if _, err := f.WriteAt(noise, at); err != nil {
			return err
		}
	}
	return errors.Join(f.Truncate(44+data), f.Close())
}

type client struct {
	base string
	http *http.Client
}

func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b := make([]byte, 0, max(512, resp.ContentLength+1))
	buf := bytes.NewBuffer(b)
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return err
	}
	b = buf.Bytes()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return nil
	}
	if own, ok := out.(interface{ Decode([]byte) error }); ok {
		return own.Decode(b)
	}
	return json.Unmarshal(b, out)
}

func (c *client) tracks(ctx context.Context) ([]wire.LibraryTrack, error) {
	for {
		var list wire.Library
		if err := c.do(ctx, http.MethodGet, wire.LibraryPath, nil, &list); err != nil {
			return nil, err
		}
		if !list.Scanning && len(list.Tracks) > 0 {
			return list.Tracks, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// listener is a session with its key.
type listener struct {
	c      *client
	path   string
	info   *wire.SessionInfo
	unpack *pack.Unpacker
}

func (c *client) listen(ctx context.Context, track string) (*listener, error) {
	var made wire.CreateAnswer
	if err := c.do(ctx, http.MethodPost, "/api/sessions", wire.CreateRequest{Tracks: []string{track}}, &made); err != nil {
		return nil, err
	}
	pair, err := handshake.NewPair()
	if err != nil {
		return nil, err
	}
	l := &listener{c: c, path: "/api/sessions/" + made.SessionID}
	var answer wire.KeyAnswer
	if err := c.do(ctx, http.MethodPost, l.path+"/key-exchange", wire.KeyRequest{PublicKey: pair.Public()}, &answer); err != nil {
		return nil, err
	}
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		return nil, err
	}
	l.info, l.unpack = answer.SessionInfo, pack.NewUnpacker(seal.NewBox(key))
	return l, nil
}

func (l *listener) slice(ctx context.Context, i int) error {
	var body []byte
	if err := l.c.do(ctx, http.MethodGet, l.path+"/slices/"+l.info.SliceIDs[i], nil, &body); err != nil {
		return err
	}
	_, err := l.unpack.Append(nil, body, pack.MaxPlain)
	return err
}

func (l *listener) end(ctx context.Context) error {
	return l.c.do(ctx, http.MethodDelete, l.path, nil, nil)
}

func (c *client) spread(ctx context.Context, sessions, each int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for s := range sessions {
		g.Go(func() error {
			l, err := c.listen(ctx, tracks[0].ID)
			if err != nil {
				return err
			}
			three, ctx := errgroup.WithContext(ctx)
			three.SetLimit(3)
			for k := range each {
				i := (s + k*sessions) * len(l.info.SliceIDs) / (sessions * each)
				three.Go(func() error { return l.slice(ctx, i) })
			}
			return three.Wait()
		})
	}
	return g.Wait()
}

// slow reads slices of pure noise, which do not shrink, so slowly that they
// take longer than asked; then it gives up.
func (c *client) slow(ctx context.Context, sessions int, long time.Duration) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for s := range sessions {
		g.Go(func() error {
			l, err := c.listen(ctx, tracks[0].ID)
			if err != nil {
				return err
			}
			at := int64(s) * (16 << 20) / 4 // frames: where noise begins
			i := slices.IndexFunc(l.info.Slices, func(sl wire.Slice) bool { return int64(sl.Start) >= at })
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+l.path+"/slices/"+l.info.SliceIDs[i], nil)
			if err != nil {
				return err
			}
			resp, err := c.http.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
					return fmt.Errorf("after part of a slice: %w", err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (c *client) open(ctx context.Context, sessions int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.NumCPU())
	for range sessions {
		g.Go(func() error {
			_, err := c.listen(ctx, tracks[0].ID)
			return err
		})
	}
	return g.Wait()
}

// most is how much longer the first slice of three hours may take.
const most = 1.5

func (c *client) first(ctx context.Context, runs int) error {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for _, t := range tracks {
		byName[t.Path] = t.ID
	}
	var slow []string
	for name, long := range byName {
		kind, ok := strings.CutPrefix(name, "long")
		if !ok {
			continue
		}
		ratio, err := c.compare(ctx, runs, path.Ext(kind), byName["short"+kind], long)
		if err != nil {
			return err
		}
		if ratio >= most {
			slow = append(slow, kind)
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("%s: the ratio is not below %v", strings.Join(slow, ", "), most)
	}
	return nil
}

// compare takes turns, so that whatever else the machine does hits both.
func (c *client) compare(ctx context.Context, runs int, kind, short, long string) (float64, error) {
	var times [2][]steps
	for i := range runs + 2 {
		for k, id := range []string{short, long} {
			t, err := c.once(ctx, id)
			if err != nil {
				return 0, err
			}
			if i >= 2 { // the first makes the index, the second the connection
				times[k] = append(times[k], t)
			}
		}
	}
	s, l := median(times[0]), median(times[1])
	ratio := float64(l.total()) / float64(s.total())
	fmt.Printf("%-6s 3 min %v   3 h %v   ratio %.2f\n", kind, s, l, ratio)
	return ratio, nil
}

// steps are the times from the wish to listen to the first slice in the clear.
type steps struct{ create, exchange, slice time.Duration }

func (s steps) total() time.Duration { return s.create + s.exchange + s.slice }

func (s steps) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return fmt.Sprintf("%6.2f ms (create %.2f, exchange %.2f, slice %.2f)", ms(s.total()), ms(s.create), ms(s.exchange), ms(s.slice))
}

func median(all []steps) steps {
	slices.SortFunc(all, func(a, b steps) int { return cmp.Compare(a.total(), b.total()) })
	return all[len(all)/2]
}

func (c *client) once(ctx context.Context, track string) (s steps, err error) {
	runtime.GC() // not in the middle of what is timed
	begin := time.Now()
	var made wire.CreateAnswer
	if err := c.do(ctx, http.MethodPost, "/api/sessions", wire.CreateRequest{Tracks: []string{track}}, &made); err != nil {
		return s, err
	}
	s.create = time.Since(begin)
	pair, err := handshake.NewPair()
	if err != nil {
		return s, err
	}
	l := &listener{c: c, path: "/api/sessions/" + made.SessionID}
	var answer wire.KeyAnswer
	if err := c.do(ctx, http.MethodPost, l.path+"/key-exchange", wire.KeyRequest{PublicKey: pair.Public()}, &answer); err != nil {
		return s, err
	}
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		return s, err
	}
	l.info, l.unpack = answer.SessionInfo, pack.NewUnpacker(seal.NewBox(key))
	s.exchange = time.Since(begin) - s.create
	if err := l.slice(ctx, 0); err != nil {
		return s, err
	}
	s.slice = time.Since(begin) - s.create - s.exchange
	return s, l.end(ctx)
}

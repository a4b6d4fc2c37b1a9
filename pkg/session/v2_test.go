package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

func newIdentity(t testing.TB) *identity.Identity {
	t.Helper()
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// half is a client's half of an exchange by protocol v2.
func half(t testing.TB, session, track string) (*handshake.Client, Ask) {
	t.Helper()
	c, err := handshake.NewClient(session, track, suites)
	if err != nil {
		t.Fatal(err)
	}
	o := c.Offer()
	return c, Ask{KeyRequest: wire.KeyRequest{
		Protocol: wire.ProtocolV2, PublicKey: base64.StdEncoding.EncodeToString(o.PublicKey),
		MLKEM: base64.StdEncoding.EncodeToString(o.MLKEM), Suites: o.Suites, TrackID: track,
	}}
}

// sealedListener is a listener of protocol v2.
type sealedListener struct {
	wire.Manifest
	unpack *pack.Unpacker
}

// agreeV2 does an exchange by protocol v2 for the track called asked, "" for the
// first.
func agreeV2(t testing.TB, sess *Session, asked string) (sealedListener, error) {
	t.Helper()
	track, err := sess.Track(asked)
	if err != nil {
		t.Fatal(err)
	}
	ours, ask := half(t, sess.ID, asked)
	answer, sent, err := track.ExchangeV2(t.Context(), ask)
	if err != nil {
		return sealedListener{}, err
	}
	sent()
	return openV2(t, sess, asked, ours, answer), nil
}

func openV2(t testing.TB, sess *Session, asked string, ours *handshake.Client, answer *wire.SealedAnswer) (l sealedListener) {
	t.Helper()
	keys, err := ours.Finish(&handshake.Reply{
		Suite: answer.Suite, PublicKey: answer.PublicKey, MLKEM: answer.MLKEM, Identity: answer.Identity, Signature: answer.Signature,
	}, func(ed25519.PublicKey) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := seal.Lookup(keys.Suite)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.NewBound(cipher, keys.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	text, err := box.Open(answer.Manifest, pack.Manifest(sess.ID, asked))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Decode(text); err != nil {
		t.Fatal(err)
	}
	if box, err = seal.NewBound(cipher, keys.Slice); err != nil {
		t.Fatal(err)
	}
	i := l.SessionInfo
	codec, err := compress.Lookup(i.Compression)
	if err != nil {
		t.Fatal(err)
	}
	frame := 0
	if i.Codec == "pcm" {
		frame = i.Channels * i.BitDepth / 8
	}
	l.unpack = pack.NewBoundUnpacker(codec, box, &pack.Binding{
		Session: sess.ID, Track: asked, Count: len(i.SliceIDs), Encoding: i.Format, Compression: i.Compression,
		ID: func(dst []byte, k int) []byte { return append(dst, i.SliceIDs[k]...) },
		Plain: func(k int) int {
			if frame == 0 {
				return 0
			}
			return l.HeadBytes + int(i.Slices[k].Samples)*frame
		},
	}, l.Padded)
	return l
}

// fetch is slice i in the clear, and whether another key is asked for.
func (l sealedListener) fetch(t testing.TB, sess *Session, i int) (plain []byte, rekey bool, err error) {
	t.Helper()
	s, err := sess.Slice(t.Context(), "", l.SessionInfo.SliceIDs[i])
	if err != nil {
		return nil, false, err
	}
	defer s.Release()
	plain, err = l.unpack.AppendSlice(nil, bytes.Clone(s.Body), i, pack.MaxPlain)
	if err != nil {
		t.Fatal(err)
	}
	return plain, s.Rekey, nil
}

func keyed(t testing.TB, sess *Session, asked string) sealedListener {
	t.Helper()
	l, err := agreeV2(t, sess, asked)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestExchangeV2(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000})
	speech := newMemory(t, "speech-french-8k.flac")
	speech.version = "2" // another content
	sess := create(t, store, newMemory(t, "music-coffee-8k.wav"), speech)
	second := sess.Tracks()[1].ID
	v1 := exchangeWith(t, sess, "")
	first, other := keyed(t, sess, ""), keyed(t, sess, second)
	again := keyed(t, sess, "")
	if first.SessionInfo.Compression != compress.NameNone || first.SessionInfo.Cipher == "" || first.Version != wire.ManifestVersion || first.Source != "" || first.Padded {
		t.Errorf("%+v", first.Manifest)
	}
	for i := range first.SessionInfo.SliceIDs {
		a, rekey, err := first.fetch(t, sess, i)
		if err != nil || rekey {
			t.Fatalf("slice %d: %t, %v", i, rekey, err)
		}
		b, _, err := again.fetch(t, sess, i)
		if err != nil || !bytes.Equal(a, b) || !bytes.Equal(a, v1.plain(t, sess, i)) {
			t.Fatalf("slice %d is not the same for all: %v", i, err)
		}
	}
	if _, _, err := other.fetch(t, sess, 0); err != nil {
		t.Error(err)
	}
}

func TestExchangeV2Refuses(t *testing.T) {
	silent := create(t, newTestStore(t, Config{}), newMemory(t, "music-coffee-8k.wav"))
	if _, err := agreeV2(t, silent, ""); !errors.Is(err, ErrProtocol) {
		t.Errorf("without an identity: %v", err)
	}
	store := newTestStore(t, Config{Identity: newIdentity(t)})
	sess := create(t, store, newMemory(t, "music-coffee-8k.wav"))
	for name, c := range map[string]struct {
		change func(*Ask)
		want   error
	}{
		"no suite": {func(a *Ask) { a.Suites = nil }, handshake.ErrSuites}, "no key": {func(a *Ask) { a.PublicKey = "" }, handshake.ErrPublicKey},
		"no base64": {func(a *Ask) { a.PublicKey = "%%%" }, handshake.ErrPublicKey}, "no base64 of ML-KEM": {func(a *Ask) { a.MLKEM = "%%%" }, handshake.ErrPublicKey},
		"loose base64":         {func(a *Ask) { a.PublicKey = a.PublicKey[:42] + "/=" }, handshake.ErrPublicKey},
		"a short key":          {func(a *Ask) { a.PublicKey = a.PublicKey[:40] }, handshake.ErrPublicKey},
		"a point of low order": {func(a *Ask) { a.PublicKey = base64.StdEncoding.EncodeToString(make([]byte, 32)) }, handshake.ErrPublicKey},
		"half of ML-KEM":       {func(a *Ask) { a.MLKEM = a.MLKEM[:len(a.MLKEM)/2] }, handshake.ErrPublicKey},
	} {
		_, ask := half(t, sess.ID, "")
		c.change(&ask)
		if answer, _, err := sess.Tracks()[0].ExchangeV2(t.Context(), ask); !errors.Is(err, c.want) || answer != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	track := sess.Tracks()[0]
	if len(track.exchanges) > 0 || track.cut != nil || sess.slices.Load() != 0 {
		t.Errorf("something of it is left: %+v", track)
	}
}

// TestKeyWearsBySlices: first a listener is asked to agree on another key, then
// made to, and is told so for every slice under the old one.
func TestKeyWearsBySlices(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Rekey: Rekey{Slices: 3}})
	sess := create(t, store, newMemory(t, "music-coffee-8k.wav"))
	v1, l, other := exchangeWith(t, sess, ""), keyed(t, sess, ""), keyed(t, sess, "")
	for i := range 6 {
		if _, rekey, err := l.fetch(t, sess, i); err != nil || rekey != (i >= 3) {
			t.Fatalf("slice %d: %t, %v", i, rekey, err)
		}
	}
	for i := range 9 {
		if _, _, err := l.fetch(t, sess, i); !errors.Is(err, ErrRekey) {
			t.Errorf("slice %d: %v", i, err)
		}
	}
	if n := len(sess.Tracks()[0].exchanges); n != 2 {
		t.Errorf("%d keys are kept", n)
	}
	if _, rekey, err := other.fetch(t, sess, 0); err != nil || rekey {
		t.Errorf("another listener: %t, %v", rekey, err)
	}
	for i := range 9 { // protocol v1 knows no such thing
		v1.plain(t, sess, i)
	}
	next := keyed(t, sess, "")
	if !slices.Equal(next.SessionInfo.Slices, l.SessionInfo.Slices) || slices.Equal(next.SessionInfo.SliceIDs, l.SessionInfo.SliceIDs) {
		t.Error("another key cuts otherwise, or calls slices the same")
	}
	if _, _, err := next.fetch(t, sess, 6); err != nil {
		t.Error(err)
	}
	if _, err := sess.Slice(t.Context(), "", "AAAAAAAAAAAAAAAAAAAAA"); !errors.Is(err, ErrNoSlice) {
		t.Errorf("a slice that never was: %v", err)
	}
}

func TestKeyWearsByTime(t *testing.T) {
	now := &clock{now: time.Unix(1e9, 0)}
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Rekey: Rekey{After: 10 * time.Minute}, Now: now.Now})
	sess := create(t, store, newMemory(t, "music-coffee-8k.wav"))
	l := keyed(t, sess, "")
	for _, c := range []struct {
		after time.Duration
		rekey bool
		err   error
	}{{0, false, nil}, {-time.Hour, false, nil}, {time.Hour, false, nil}, {599 * time.Second, false, nil}, {time.Second, true, nil}, {599 * time.Second, true, nil}, {time.Second, false, ErrRekey}} {
		now.add(c.after)
		for range 2 {
			if _, rekey, err := l.fetch(t, sess, 0); rekey != c.rekey || !errors.Is(err, c.err) {
				t.Fatalf("after %v more: %t, %v", c.after, rekey, err)
			}
		}
	}
	// A key that nobody uses any more goes when another is made.
	old := keyed(t, sess, "")
	now.add(20 * time.Minute)
	keyed(t, sess, "")
	if n := len(sess.Tracks()[0].exchanges); n != 1 {
		t.Errorf("%d keys are kept", n)
	}
	if _, _, err := old.fetch(t, sess, 0); !errors.Is(err, ErrRekey) {
		t.Error(err)
	}
}

// TestManyKeys: a listener that agrees on one key after the other does not run
// into the limit, and takes no other listener's key away.
func TestManyKeys(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Rekey: Rekey{Slices: 3}})
	sess := create(t, store, newMemory(t, "music-coffee-8k.wav"))
	v1, other := exchangeWith(t, sess, ""), keyed(t, sess, "")
	first := keyed(t, sess, "")
	l := first
	for n := range 100 {
		for i := range 4 {
			if _, rekey, err := l.fetch(t, sess, i); err != nil || rekey != (i == 3) {
				t.Fatalf("key %d, slice %d: %t, %v", n, i, rekey, err)
			}
		}
		l = keyed(t, sess, "")
	}
	track := sess.Tracks()[0]
	if len(track.exchanges) > MaxExchanges || len(track.worn) > maxWorn {
		t.Errorf("%d keys, %d that were", len(track.exchanges), len(track.worn))
	}
	if _, rekey, err := other.fetch(t, sess, 0); err != nil || rekey {
		t.Errorf("another listener: %t, %v", rekey, err)
	}
	v1.plain(t, sess, 0)
	if _, _, err := first.fetch(t, sess, 0); !errors.Is(err, ErrNoSlice) { // long forgotten
		t.Errorf("the first key: %v", err)
	}
	// Keys that are not worn are not taken away from anybody.
	full := create(t, store, newMemory(t, "music-coffee-8k.wav"))
	for range MaxExchanges {
		keyed(t, full, "")
	}
	if _, err := agreeV2(t, full, ""); !errors.Is(err, ErrExchanges) {
		t.Errorf("one too many: %v", err)
	}
}

// TestRekeyUnderLoad: listeners fetch and agree on keys all at once.
func TestRekeyUnderLoad(t *testing.T) {
	store := newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Rekey: Rekey{Slices: 2}, Prewarm: 2})
	sess := create(t, store, newMemory(t, "speech-librivox-16k.wav"))
	want := exchangeWith(t, sess, "").plain(t, sess, 1)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 8 {
				l, err := agreeV2(t, sess, "")
				if err != nil {
					t.Error(err)
					return
				}
				for range 5 {
					got, _, err := l.fetch(t, sess, 1)
					if err != nil && !errors.Is(err, ErrRekey) || err == nil && !bytes.Equal(got, want) {
						t.Errorf("%d bytes, %v", len(got), err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := store.End(sess.ID); err != nil {
		t.Error(err)
	}
	if _, err := sess.Slice(context.Background(), "", "x"); err == nil {
		t.Error("the session goes on")
	}
}

// TestPaddedSlices: their sizes are those of Padmé, and no more is different.
func TestPaddedSlices(t *testing.T) {
	for _, name := range []string{"music-coffee-8k.wav", "speech-french-8k.flac", "speech-english-16k-mono.mp3", "speech-russian-8k.ogg"} {
		for _, level := range []int{0, 6} {
			t.Run(fmt.Sprint(name, level), func(t *testing.T) {
				open := func(pad bool) (*Session, sealedListener) {
					sess := create(t, newTestStore(t, Config{Identity: newIdentity(t), Millis: 1000, Pad: pad, Deflate: level}), newMemory(t, name))
					l := keyed(t, sess, "")
					if l.Padded != pad {
						t.Errorf("the manifest says padded: %t", l.Padded)
					}
					return sess, l
				}
				bare, a := open(false)
				padded, b := open(true)
				for i, id := range b.SessionInfo.SliceIDs {
					was, err := bare.Slice(t.Context(), "", a.SessionInfo.SliceIDs[i])
					if err != nil {
						t.Fatal(err)
					}
					is, err := padded.Slice(t.Context(), "", id)
					if err != nil {
						t.Fatal(err)
					}
					if want := pack.Padded(len(was.Body)-seal.Overhead+1) + seal.Overhead; len(is.Body) != want {
						t.Errorf("slice %d of %d bytes comes as %d, want %d", i, len(was.Body), len(is.Body), want)
					}
					was.Release()
					is.Release()
					x, _, errA := a.fetch(t, bare, i)
					y, _, errB := b.fetch(t, padded, i)
					if errA != nil || errB != nil || !bytes.Equal(x, y) {
						t.Errorf("slice %d: %v, %v", i, errA, errB)
					}
				}
			})
		}
	}
}

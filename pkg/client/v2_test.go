package client_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// TestUploadInTheMiddle: what somebody else has put on the server is not the
// track that was asked for, though the server itself sends it.
func TestUploadInTheMiddle(t *testing.T) {
	id := newIdentity(t)
	h := handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio)
	if err := h.(*server.Server).Set(server.Live{AllowUpload: true}); err != nil {
		t.Fatal(err)
	}
	song, err := os.ReadFile(publicAudio + "/speech-french-8k.flac")
	if err != nil {
		t.Fatal(err)
	}
	m := between(t, h)
	c, tracks := dial(t, m.URL, quick(id.Public()))
	m.does(on("create", func(p *passing) { p.kind, p.body = "audio/flac", song }), nil)
	if _, err := c.Open(t.Context(), trackID(t, tracks, "drums.wav"), audio.Tags{}); !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), "another track") {
		t.Errorf("%v", err)
	}
}

// TestMovedSlices: a slice opens in its place alone.
func TestMovedSlices(t *testing.T) {
	for _, name := range []string{"music-drums.wav", "music-tabla.flac"} {
		t.Run(name, func(t *testing.T) {
			id := newIdentity(t)
			m := between(t, handler(t, session.Config{Millis: 1000, Identity: id, Rekey: session.Rekey{Slices: 8}}, publicAudio))
			c, tracks := dial(t, m.URL, quick(id.Public()))
			heard := map[string][]byte{} // by session and number
			key := func(p *passing) string { return strings.Split(p.path, "/")[3] + p.header.Get(wire.HeaderSequence) }
			m.does(nil, on("slice", func(p *passing) { heard[key(p)] = bytes.Clone(p.body) }))
			track, twin := opens(t, c, trackID(t, tracks, name)), opens(t, c, trackID(t, tracks, name))
			other := opens(t, c, trackID(t, tracks, "guitar.flac"))
			var want [4][]byte
			for i := range want {
				want[i] = sliceOf(t, track, i)
				sounds(t, twin, i, want[i])
				sliceOf(t, other, i)
			}
			_ = twin.Close()
			m.mu.Lock() // a slice fetched ahead may still be on its way
			bodies := maps.Clone(heard)
			m.mu.Unlock()
			foreign := slices.Sorted(maps.Keys(bodies))
			bodies["its own"] = nil
			replace := func(now string) { // what comes in the place of slice 2
				m.does(nil, on("slice", func(p *passing) {
					if p.header.Get(wire.HeaderSequence) == "2" && now != "its own" {
						p.body = bytes.Clone(bodies[now])
					}
				}))
			}
			opened := 0
			for now := range bodies {
				replace(now)
				if _, err := track.Slice(t.Context(), 2); err == nil {
					opened++
					sounds(t, track, 2, want[2])
				} else {
					forged(t, now, track, 2)
				}
				track.Release(2)
				sounds(t, track, 0, want[0])
			}
			// Its own, and, while the key was the same, what it was before.
			if opened < 1 || opened > 2 || len(bodies) < 12 {
				t.Errorf("%d of %d opened", opened, len(bodies))
			}
			// By now the key is another.
			if n := m.seen("exchange"); n < 4 {
				t.Errorf("%d exchanges", n)
			}
			for _, now := range foreign {
				replace(now)
				forged(t, "after rekeying, "+now, track, 2)
			}
			replace("its own")
			sounds(t, track, 2, want[2])
		})
	}
}

// TestEndlessRekeying: whoever answers that the key has served its time, however
// often it is replaced, is given up.
func TestEndlessRekeying(t *testing.T) {
	id := newIdentity(t)
	m := between(t, handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio))
	c, tracks := dial(t, m.URL, quick(id.Public()))
	track := opens(t, c, trackID(t, tracks, "drums.wav"))
	m.does(nil, on("slice", func(p *passing) { p.status, p.body = 409, []byte(`{"error":"no","code":"rekey"}`) }))
	refused := new(wire.Error)
	if _, err := track.Slice(t.Context(), 0); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("%v", err)
	}
	if n := m.seen("exchange"); n > 60 {
		t.Errorf("%d exchanges", n)
	}
	m.does(nil, nil)
	sliceOf(t, track, 0)
}

// TestEditedLibrary: the list is not sealed, and so decides nothing: what plays
// is the track that has the ID, and says under its seal what it is.
func TestEditedLibrary(t *testing.T) {
	id := newIdentity(t)
	m := between(t, handler(t, session.Config{Millis: 1000, Identity: id}, publicAudio))
	c, tracks := dial(t, m.URL, quick(id.Public()))
	true0 := opens(t, c, trackID(t, tracks, "tabla.flac")).Info()
	m.does(nil, on("library", func(p *passing) {
		edit(t, &p.body, func(l *wire.Library) {
			for i := range l.Tracks {
				l.Tracks[i].TotalSamples, l.Tracks[i].Tags.Title = 5, "another"
				if strings.HasSuffix(l.Tracks[i].Path, "drums.wav") {
					l.Tracks[i].ID = trackID(t, tracks, "tabla.flac")
				}
				if strings.HasSuffix(l.Tracks[i].Path, "coffee-8k.wav") {
					l.Tracks[i].ID = strings.Repeat("0", 32)
				}
			}
		})
	}))
	list, err := c.Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info := opens(t, c, trackID(t, list.Tracks, "drums.wav")).Info(); info.Frames != true0.Frames || info.Codec != audio.Flac || info.Tags != true0.Tags || info.Tags.Title == "another" {
		t.Errorf("%+v", info)
	}
	refused := new(wire.Error)
	if _, err := c.Open(t.Context(), trackID(t, list.Tracks, "coffee-8k.wav"), audio.Tags{}); !errors.As(err, &refused) || refused.Code != wire.TrackNotFound {
		t.Errorf("an ID that is none: %v", err)
	}
	m.does(nil, on("library", func(p *passing) { p.body = p.body[:len(p.body)/2] }))
	if _, err := c.Library(t.Context()); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("half a list: %v", err)
	}
}

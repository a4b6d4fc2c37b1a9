package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// told is a track that has read text as a manifest, sealed as a server does.
func told(t testing.TB, text []byte) (*Track, *keys, error) {
	t.Helper()
	var made [2]*seal.Key
	for i := range made {
		var err error
		if made[i], err = seal.NewKey(bytes.Repeat([]byte{byte(i + 1)}, seal.KeySize)); err != nil {
			t.Fatal(err)
		}
	}
	agreed := &handshake.Keys{Suite: seal.NameAES256GCM, Slice: made[0], Manifest: made[1]}
	box, err := seal.NewBound(seal.AES256GCM{}, agreed.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Track{c: new(Client), session: "s", asked: "0123"}
	sealed := box.Seal(append(make([]byte, box.Head()), text...), 0, pack.Manifest("s", ""))
	k, err := tr.readManifest(sealed, seal.AES256GCM{}, agreed)
	return tr, k, err
}

func goodManifest() wire.Manifest {
	return wire.Manifest{
		Version: wire.ManifestVersion, Source: "0123", Tags: wire.FromTags(audio.Tags{Title: "a title"}),
		SessionInfo: &wire.SessionInfo{SessionID: "s", TrackFacts: wire.TrackFacts{
			TotalSlices: 2, SliceMillis: 5000, SampleRate: 44100, Channels: 2, BitDepth: 16, SliceIDs: []string{"a", "b"}, Format: "wav", Codec: "pcm", Sample: "s16",
			TotalSamples: 300, Compression: compress.NameNone, Cipher: seal.NameAES256GCM,
			Slices: []wire.Slice{{Samples: 200}, {Start: 200, Samples: 100}},
		}},
	}
}

// TestLyingManifests: also what the right server says is not taken, when it
// cannot be.
func TestLyingManifests(t *testing.T) {
	for name, change := range map[string]func(*wire.Manifest){
		"another version": func(m *wire.Manifest) { m.Version = 2 }, "no version": func(m *wire.Manifest) { m.Version = 0 },
		"another track": func(m *wire.Manifest) { m.Source = "4567" }, "no track": func(m *wire.Manifest) { m.Source = "" },
		"negative heads": func(m *wire.Manifest) { m.HeadBytes = -1 }, "endless heads": func(m *wire.Manifest) { m.HeadBytes = 1 << 40 },
		"no facts": func(m *wire.Manifest) { m.SessionInfo.TrackFacts = wire.TrackFacts{} },
		"a gap":    func(m *wire.Manifest) { m.SessionInfo.Slices[1].Start++ }, "an overlap": func(m *wire.Manifest) { m.SessionInfo.Slices[1].Start-- },
		"a slice without a name": func(m *wire.Manifest) { m.SessionInfo.SliceIDs = m.SessionInfo.SliceIDs[:1] },
		"an empty slice":         func(m *wire.Manifest) { m.SessionInfo.Slices[1].Samples = 0 },
		"another length":         func(m *wire.Manifest) { m.SessionInfo.TotalSamples++ },
		"another compression":    func(m *wire.Manifest) { m.SessionInfo.Compression = "lzma" },
		"no compression":         func(m *wire.Manifest) { m.SessionInfo.Compression = "" },
		"another format":         func(m *wire.Manifest) { m.SessionInfo.Format = "\x1b[2J" },
	} {
		m := goodManifest()
		change(&m)
		text, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, k, err := told(t, text); !errors.Is(err, ErrProtocol) || k != nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{}", "null", "[]", `{"version":1,"source":"0123"}`, `{"version":1,"source":"0123","sessionInfo":null}`, "\xff"} {
		if _, k, err := told(t, []byte(text)); !errors.Is(err, ErrProtocol) || k != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	m := goodManifest()
	text, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if tr, k, err := told(t, text); err != nil || tr.Info().Tags.Title != "a title" || tr.Len() != 2 || k.padded {
		t.Errorf("the good one: %v", err)
	}
}

// FuzzManifest holds what is taken against what relies on it.
func FuzzManifest(f *testing.F) {
	m := goodManifest()
	text, err := m.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	m.Padded, m.HeadBytes, m.SessionInfo.Format = true, 44, "riff"
	if text, err = json.Marshal(m); err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"source":"0123","sessionInfo":{"sliceIds":["a"],"slices":[{"start":0,"samples":1}],"sampleRate":1,"channels":255,"totalSamples":1}}`))
	f.Add([]byte(`{"sessionInfo":{"tracks":[{}],"sliceIds":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tr, k, err := told(t, text)
		if err != nil {
			if k != nil || !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if tr.Len() < 1 || len(k.ids) != tr.Len() {
			t.Fatalf("%d slices, %d names", tr.Len(), len(k.ids))
		}
		for i := range tr.Len() {
			limit := int64(tr.plainLimit(i))
			if most := k.bodyLimit(limit); limit < 0 || most < limit || most > 2*pack.MaxPlain {
				t.Fatalf("slice %d: %d bytes, sealed %d", i, limit, most)
			}
			if out, err := k.unpack.AppendSlice(nil, make([]byte, 64), i, int(limit)); err == nil {
				t.Fatalf("slice %d: zeros open as %d bytes", i, len(out))
			}
		}
	})
}

package pack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// vectors are those of protocol v2, which pkg/handshake makes, as far as they are
// about this package.
type vectors struct {
	Exchanges []struct{ Name, Session, Track string }
	Seals     []struct {
		Name, Kind, Exchange, ID, Encoding, Compression, Data, Inside, Content string
		Number, Total, Plain                                                   int
		Padded                                                                 bool
	}
	Padding struct {
		Made    []struct{ Plain, Padded string }
		Lengths [][2]int
		Refused []string
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsBound(t *testing.T) {
	v, n := readVectors(t), 0
	for _, x := range v.Exchanges {
		for _, s := range v.Seals {
			if s.Exchange != x.Name {
				continue
			}
			n++
			got := Manifest(x.Session, x.Track)
			if s.Kind == "slice" {
				got = (&Binding{
					Session: x.Session, Track: x.Track, Count: s.Total, Encoding: s.Encoding, Compression: s.Compression,
					ID: func(dst []byte, _ int) []byte { return append(dst, s.ID...) }, Plain: func(int) int { return s.Plain },
				}).append(nil, s.Number)
			}
			if !bytes.Equal(got, unhex(t, s.Data)) {
				t.Errorf("%s is bound to %x", s.Name, got)
			}
			if got := pad(unhex(t, s.Content), 0); s.Padded && s.Compression == "none" && !bytes.Equal(got, unhex(t, s.Inside)) {
				t.Errorf("%s is padded to %x", s.Name, got)
			}
		}
	}
	if n != 12 {
		t.Errorf("%d seals", n)
	}
}

func TestVectorsPadding(t *testing.T) {
	v := readVectors(t).Padding
	for _, p := range v.Made {
		front := []byte("in front")
		if got := pad(append(front, unhex(t, p.Plain)...), len(front)); !bytes.Equal(got[len(front):], unhex(t, p.Padded)) {
			t.Errorf("%s is padded to %x", p.Plain, got[len(front):])
		}
		if got, ok := unpad(unhex(t, p.Padded)); !ok || !bytes.Equal(got, unhex(t, p.Plain)) {
			t.Errorf("%s is unpadded to %x, %t", p.Padded, got, ok)
		}
	}
	for _, l := range v.Lengths {
		if got := Padded(l[0]); got != l[1] {
			t.Errorf("%d bytes are padded to %d, not %d", l[0], got, l[1])
		}
	}
	for _, bad := range v.Refused {
		if got, ok := unpad(unhex(t, bad)); ok {
			t.Errorf("%s is unpadded to %x", bad, got)
		}
	}
	if len(v.Made) < 10 || len(v.Lengths) < 15 || len(v.Refused) < 5 {
		t.Error("there are fewer vectors than there were")
	}
}

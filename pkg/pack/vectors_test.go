package pack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// What is bound to slices and how they are padded is in the vectors of
// protocol v2, which pkg/handshake makes.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
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
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	unhex := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, x := range v.Exchanges {
		for _, s := range v.Seals {
			if s.Exchange != x.Name {
				continue
			}
			got := Manifest(x.Session, x.Track)
			if s.Kind == "slice" {
				got = (&Binding{
					Session: x.Session, Track: x.Track, Count: s.Total, Encoding: s.Encoding, Compression: s.Compression,
					ID: func(int) string { return s.ID }, Plain: func(int) int { return s.Plain },
				}).append(nil, s.Number)
			}
			if !bytes.Equal(got, unhex(s.Data)) {
				t.Errorf("%s is bound to %x", s.Name, got)
			}
			if s.Padded && s.Compression == "none" && !bytes.Equal(pad(unhex(s.Content), 0), unhex(s.Inside)) {
				t.Errorf("%s is padded to %x", s.Name, pad(unhex(s.Content), 0))
			}
		}
	}
	for _, p := range v.Padding.Made {
		front := []byte("in front")
		if got := pad(append(front, unhex(p.Plain)...), len(front)); !bytes.Equal(got[len(front):], unhex(p.Padded)) {
			t.Errorf("%s is padded to %x", p.Plain, got[len(front):])
		}
		if got, ok := unpad(unhex(p.Padded)); !ok || !bytes.Equal(got, unhex(p.Plain)) {
			t.Errorf("%s is unpadded to %x, %t", p.Padded, got, ok)
		}
	}
	for _, l := range v.Padding.Lengths {
		if got := Padded(l[0]); got != l[1] {
			t.Errorf("%d bytes are padded to %d, not %d", l[0], got, l[1])
		}
	}
	for _, bad := range v.Padding.Refused {
		if got, ok := unpad(unhex(bad)); ok {
			t.Errorf("%s is unpadded to %x", bad, got)
		}
	}
	if len(v.Seals) < 12 || len(v.Padding.Made) < 10 || len(v.Padding.Lengths) < 15 || len(v.Padding.Refused) < 5 {
		t.Error("there are fewer vectors than there were")
	}
}

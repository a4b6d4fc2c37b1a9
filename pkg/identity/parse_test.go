package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	anyKey   = "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
	anyPrint = "SHA256:56:47:5A:A7:54:63:47:4C:02:85:DF:5D:BF:2B:CA:B7:3D:A6:51:35:88:39:E9:B7:74:81:B2:EA:B1:07:70:8C"
	anyTime  = "2026-01-31T12:00:00Z"
)

// bare is a file of servers without its last line, which is written anew, and the
// line break in front of it.
func bare(text string) string {
	var out strings.Builder
	for l := range strings.Lines(text) {
		if words := strings.Fields(l); len(words) == 2 && words[0] == endWord {
			continue
		}
		out.WriteString(strings.TrimSuffix(l, "\n") + "\n")
	}
	return out.String()
}

// FuzzPins: what is read is written byte for byte, and each pin means the same
// when its line is written anew.
func FuzzPins(f *testing.F) {
	f.Add("secstream-pins 1\n# a comment\n\nhttp://h:1 " + anyKey + " " + anyTime + " 2026-02-01T00:00:00Z\nhttps://[::1]/a " + anyPrint + " - -\nend 2")
	f.Add("secstream-pins 1.2\r\nhttp://h " + anyKey + "\t" + anyTime + " " + anyTime + " note=x via=\xff\r\nend 1\r\n# behind")
	f.Add("secstream-pins 1\nhttp://h " + anyPrint + " - -\nhttp://h " + anyPrint + " - -\n")
	f.Add("secstream-pins 2\n\x00")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parsePins([]byte(text))
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Kind != KindPins || e.Mend == "" || e.Line < 0 || e.Line > strings.Count(text, "\n")+1 {
				t.Fatal(err)
			}
			return
		}
		if bare(string(b.format())) != bare(text) || !bytes.HasSuffix(b.format(), fmt.Appendf(nil, "\nend %d\n", len(b.at))) {
			t.Fatalf("%q is written as %q", text, b.format())
		}
		head, n := b.lines[0].raw, 0
		if !strings.HasSuffix(head, "\n") {
			head += "\n"
		}
		for _, l := range b.lines {
			if l.pin.Address == "" {
				continue
			}
			n++
			if again, err := parsePins([]byte(head + l.format() + "end 1")); err != nil || !reflect.DeepEqual(again.lines[1].pin, l.pin) || again.lines[1].more != l.more {
				t.Fatalf("%q: %v", l.format(), err)
			}
			if b.find(l.pin.Address) != l || l.pin.Fingerprint == (Fingerprint{}) || l.pin.Key != nil && l.pin.Fingerprint != FingerprintOf(l.pin.Key) {
				t.Fatalf("%+v", l.pin)
			}
		}
		if n != len(b.at) {
			t.Fatalf("%d lines, %d addresses", n, len(b.at))
		}
	})
}

// FuzzPaired: what is read is written byte for byte, and no error has a word of
// it that may be a token.
func FuzzPaired(f *testing.F) {
	f.Add("secstream-paired 1\n# a comment\n\nhttp://h:1 sst_x\nhttps://[::1]/a sst_y\nend 2")
	f.Add("secstream-paired 1\r\nhttp://h\tsst_x\r\nend 1\r\n")
	f.Add("secstream-paired 1\nhttp://h sst_x\nhttp://h sst_y\n")
	f.Add("secstream-paired 2\n\x00")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parsePaired([]byte(text))
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Kind != KindPaired || e.Mend == "" || !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if bare(string(formatPaired(lines))) != bare(text) {
			t.Fatalf("%q is written as %q", text, formatPaired(lines))
		}
		for _, l := range lines {
			if (l.address == "") != (l.token == "") || l.token != "" && !tokenLike(l.token) {
				t.Fatalf("%+v", l)
			}
		}
	})
}

// FuzzKeyFile: a file that is read is of the key it says, and no error shows
// anything of one.
func FuzzKeyFile(f *testing.F) {
	id := newIdentity(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	id.made = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	text, err := formatKey(id)
	if err != nil {
		f.Fatal(err)
	}
	if again, err := parseKey(text); err != nil || !again.made.Equal(id.made) || !bytes.Equal(again.public, id.public) {
		f.Fatalf("%s: %v", text, err)
	}
	f.Add(text)
	f.Add(text[bytes.Index(text, []byte("-----")):])
	f.Add(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
	f.Add(bytes.Replace(text, []byte("PRIVATE"), []byte("EC PRIVATE"), 2))
	f.Add([]byte("-----BEGIN "))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := parseKey(text)
		if err != nil {
			if id != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrKind) || len(err.Error()) > 512 {
				t.Fatal(id, err)
			}
			return
		}
		if len(id.public) != ed25519.PublicKeySize || !ed25519.Verify(id.public, make([]byte, 32), id.Sign([32]byte{})) {
			t.Fatal("it does not sign")
		}
		if bytes.HasPrefix(text, []byte("#")) && !bytes.Contains(text, []byte(id.Fingerprint().String())) {
			t.Fatal("the file is of another key")
		}
	})
}

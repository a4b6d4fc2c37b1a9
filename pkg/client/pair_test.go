package client

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// TestPairingVectors: the token of the vectors comes out, for the player that it
// is for alone.
func TestPairingVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Pairing struct {
			Made []struct {
				Name, Token string
				Exchange    struct{ Track, Suite, SliceKey, ManifestKey string }
				Sealed      struct{ Sealed string }
			}
		}
	}
	if err := json.Unmarshal(text, &v); err != nil || len(v.Pairing.Made) != 2 {
		t.Fatal(err)
	}
	for _, p := range v.Pairing.Made {
		open := func(name string, change int) (string, error) {
			agreed := &handshake.Keys{Suite: p.Exchange.Suite}
			for text, to := range map[string]**seal.Key{p.Exchange.SliceKey: &agreed.Slice, p.Exchange.ManifestKey: &agreed.Manifest} {
				raw, err := hex.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				if *to, err = seal.NewKey(raw); err != nil {
					t.Fatal(err)
				}
			}
			sealed, err := hex.DecodeString(p.Sealed.Sealed)
			if err != nil {
				t.Fatal(err)
			}
			if change >= 0 {
				sealed[change] ^= 1
			}
			return openToken(&wire.SealedAnswer{Manifest: sealed}, agreed, name)
		}
		if got, err := open(p.Exchange.Track, -1); err != nil || got != p.Token {
			t.Errorf("%s: %q, %v", p.Name, got, err)
		}
		if got, err := open("cellar", -1); !errors.Is(err, ErrProtocol) || got != "" {
			t.Errorf("%s: under another name: %q, %v", p.Name, got, err)
		}
		for at := range len(p.Sealed.Sealed) / 2 {
			if got, err := open(p.Exchange.Track, at); !errors.Is(err, ErrProtocol) || !errors.Is(err, seal.ErrForged) || got != "" {
				t.Errorf("%s: byte %d: %q, %v", p.Name, at, got, err)
			}
		}
	}
}

// TestUnpaired: a server that lets nobody pair is told from one that answers
// nothing at all.
func TestUnpaired(t *testing.T) {
	for pairing, codes := range map[wire.Code]map[wire.Code]bool{
		wire.NotFound:     {"": true, wire.NotFound: false, wire.Forbidden: true},
		wire.Forbidden:    {"": true, wire.Forbidden: false, wire.Unauthorized: true},
		wire.Unauthorized: {"": true, wire.Unauthorized: true},
		wire.BadRequest:   {"": false},
	} {
		for health, want := range codes {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				code := health
				if r.URL.Path == wire.PairPath {
					code = pairing
				}
				if code != "" {
					e := wire.Errorf(code, "No")
					w.WriteHeader(e.Status)
					_ = json.NewEncoder(w).Encode(e)
				}
			}))
			c, err := New(srv.URL, Config{Patience: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Pair(t.Context(), make([]byte, 16), [32]byte{}, "a")
			if e := new(wire.Error); errors.Is(err, ErrPairing) != want || !errors.As(err, &e) || e.Code != pairing {
				t.Errorf("%s, health %q: %v", pairing, health, err)
			}
			srv.Close()
		}
	}
}

// TestHostsInSmallLetters: proxies are told by letters which hosts are not theirs,
// and a request to this machine, with a token perhaps, is not for them.
func TestHostsInSmallLetters(t *testing.T) {
	c, err := New("HTTP://LocalHost:8420/A/", Config{})
	if err != nil || c.Address() != "http://localhost:8420/A" {
		t.Errorf("%v, %v", c.Address(), err)
	}
	if os.Getenv("HTTP_PROXY") != proxy { // they are read once by a process
		run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		run.Env = append(os.Environ(), "HTTP_PROXY="+proxy, "NO_PROXY=", "no_proxy=", "http_proxy="+proxy)
		if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for address, want := range map[string]bool{"http://LOCALHOST": false, "localhost:1": false, "http://[::1]": false, "http://h": true} {
		u, err := parseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		to, err := http.ProxyFromEnvironment(&http.Request{URL: u})
		if err != nil || (to != nil) != want {
			t.Errorf("%s goes to %v, %v", address, to, err)
		}
	}
}

const proxy = "http://192.0.2.1:3128"

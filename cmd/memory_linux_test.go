//go:build !race

// The race detector keeps a shadow of all memory, which would be searched, too.

package cmd

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wipe/wipetest"
	"secstream/pkg/wire"
)

// The tests here read the memory of a program of its own, as a debugger does, for
// keys that they know because they are the other end. calm keeps Go from putting
// registers, in which AES has its round keys, on a stack whenever it likes: those are
// out of our reach (docs/threat-model.md).
var calm = []string{"GODEBUG=asyncpreemptoff=1"}

// peek is a cipher that shows the key it is made of.
type peek struct {
	seal.ChaCha20Poly1305
	key *[]byte
}

func (p peek) New(key []byte) (cipher.AEAD, error) {
	*p.key = bytes.Clone(key)
	return p.ChaCha20Poly1305.New(key)
}

// traces are the forms in which a key may lie in memory: its halves, as bytes and
// as the words of SHA-256, which makes it; and the round keys of AES, to encipher
// and to decipher.
func traces(t *testing.T, name string, key *seal.Key) *wipetest.Traces {
	t.Helper()
	var raw []byte
	if _, err := seal.NewBoxWith(peek{key: &raw}, key); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	var swapped []byte
	for i := 0; i < len(raw); i += 4 {
		swapped = binary.NativeEndian.AppendUint32(swapped, binary.BigEndian.Uint32(raw[i:]))
	}
	s := new(wipetest.Traces)
	s.Add(name+", of SHA-256", swapped)
	for _, schedule := range []string{"enc", "dec"} {
		var keys []byte
		field := reflect.ValueOf(block).Elem().FieldByName(schedule)
		for i := range field.Len() {
			keys = binary.NativeEndian.AppendUint32(keys, uint32(field.Index(i).Uint()))
		}
		s.Add(name+", of AES, "+schedule, keys)
	}
	s.Add(name+", as it is", raw) // which the first round keys are, too
	if s.Len() != 30 {
		t.Errorf("%d traces", s.Len())
	}
	return s
}

// look tells how often each trace of key is in the memory of process pid.
func look(t *testing.T, name string, key *seal.Key, pid int) map[string]int {
	t.Helper()
	found, err := traces(t, name, key).Find(strconv.Itoa(pid))
	if err != nil {
		t.Error(err)
	}
	return found
}

// exchanged is an exchange that a test did as the client.
type exchanged struct {
	session  string
	keys     *handshake.Keys
	manifest []byte // opened
	facts    wire.Manifest
}

// exchangeBy does an exchange on a new session of track at address.
func exchangeBy(t *testing.T, address, track, suite string) *exchanged {
	t.Helper()
	x := new(exchanged)
	var created wire.CreateAnswer
	postJSON(t, address+"/api/sessions", wire.CreateRequest{Tracks: []string{track}}, &created)
	x.session = created.SessionID
	x.agree(t, address, suite)
	return x
}

func (x *exchanged) agree(t *testing.T, address, suite string) {
	t.Helper()
	half, err := handshake.NewClient(x.session, "", []string{suite})
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString
	var a wire.SealedAnswer
	postJSON(t, address+"/api/sessions/"+x.session+"/key-exchange", wire.KeyRequest{
		Protocol: wire.ProtocolV2, PublicKey: text(half.Offer().PublicKey), MLKEM: text(half.Offer().MLKEM), Suites: half.Offer().Suites,
	}, &a)
	if x.keys, err = half.Finish(&handshake.Reply{
		Suite: a.Suite, PublicKey: a.PublicKey, MLKEM: a.MLKEM, Identity: a.Identity, Signature: a.Signature,
	}, one{a.Identity}.Check); err != nil {
		t.Fatal(err)
	}
	if x.manifest, err = boundBox(t, x.keys.Suite, x.keys.Manifest).Open(a.Manifest, pack.Manifest(x.session, "")); err != nil {
		t.Fatal(err)
	}
	if err := x.facts.Decode(x.manifest); err != nil {
		t.Fatal(err)
	}
}

func boundBox(t *testing.T, suite string, key *seal.Key) *seal.Box {
	t.Helper()
	c, err := seal.Lookup(suite)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.NewBound(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// bound is what slice i of coded sound is bound to (docs/protocol.md section 8).
func (x *exchanged) bound(i int) []byte {
	var b []byte
	field := func(f string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...) }
	number := func(n int) { field(string(binary.BigEndian.AppendUint32(nil, uint32(n)))) }
	info := x.facts.SessionInfo
	for _, f := range []string{"secstream/2 slice", x.session, "", info.SliceIDs[i]} {
		field(f)
	}
	number(i)
	number(len(info.SliceIDs))
	field(info.Format)
	field(info.Compression)
	number(0)
	return b
}

func postJSON(t *testing.T, url string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", res.Status, err)
	}
}

// ask is a request without a body, and its answer.
func ask(t *testing.T, method, url string) (http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s, %v", res.Status, err)
	}
	return res.Header, body
}

// TestServerForgetsKeys: the slice key is in the server's memory while the
// session lives, the manifest key is not, and once it ended neither is.
func TestServerForgetsKeys(t *testing.T) {
	folder, err := filepath.Abs("../testdata/audio")
	if err != nil {
		t.Fatal(err)
	}
	p := spawn(t, calm, "serve", "--listen", "127.0.0.1:0", "--slice", "1s", "--rekey-after", "4", filepath.Join(folder, "speech-french-8k.flac"))
	address := p.address()
	p.line(p.out, "serving 1 track")
	c, err := client.New(address, client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Library(t.Context())
	if err != nil || len(list.Tracks) != 1 {
		t.Fatal(err)
	}
	for _, suite := range []string{seal.NameAES256GCM, seal.NameChaCha20Poly1305} {
		x := exchangeBy(t, address, list.Tracks[0].ID, suite)
		slice := func(i int) {
			_, body := ask(t, http.MethodGet, address+"/api/sessions/"+x.session+"/slices/"+x.facts.SessionInfo.SliceIDs[i])
			if _, err := boundBox(t, suite, x.keys.Slice).Open(body, x.bound(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			slice(i)
		}
		if found := look(t, "slice key", x.keys.Slice, p.Process.Pid); len(found) < 1 || found["slice key, as it is"] < 2 {
			t.Errorf("%s: the key of a session that lives is not found: %v", suite, found)
		}
		if found := look(t, "manifest key", x.keys.Manifest, p.Process.Pid); len(found) > 0 {
			t.Errorf("%s: %v", suite, found)
		}
		ask(t, http.MethodDelete, address+"/api/sessions/"+x.session)
		if found := look(t, "slice key", x.keys.Slice, p.Process.Pid); len(found) > 0 {
			t.Errorf("%s: after the session: %v", suite, found)
		}
	}
}

// betrayal is a server for a player that knows no identity yet. It plays what
// another server has, and so knows both ends' keys.
type betrayal struct {
	t      *testing.T
	server string
	id     *identity.Identity
	pid    func() int

	mu       sync.Mutex
	up       *exchanged
	down     *handshake.Keys
	live     map[string]int // traces found while the track played, and after it
	after    map[string]int
	manifest map[string]int
}

func (b *betrayal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Method == http.MethodDelete {
		b.after = b.look(b.down.Slice)
	}
	if strings.HasSuffix(r.URL.Path, "/key-exchange") {
		b.exchange(w, r)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, b.server+r.URL.Path, r.Body)
	if err != nil {
		b.t.Error(err)
		return
	}
	req.Header = r.Header
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if i, err := strconv.Atoi(res.Header.Get(wire.HeaderSequence)); err == nil {
		if i == 4 { // the first of them are played by now
			b.live, b.manifest = b.look(b.down.Slice), b.look(b.down.Manifest)
		}
		body = b.slice(body, i)
		w.Header().Set(wire.HeaderCRC, wire.CRC(body))
	}
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(body)
}

func (b *betrayal) look(key *seal.Key) map[string]int { return look(b.t, "key", key, b.pid()) }

// exchange agrees with both ends.
func (b *betrayal) exchange(w http.ResponseWriter, r *http.Request) {
	var asked wire.KeyRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		b.t.Error(err)
	}
	b.up = &exchanged{session: strings.Split(r.URL.Path, "/")[3]}
	b.up.agree(b.t, b.server, asked.Suites[0])
	public, _ := base64.StdEncoding.DecodeString(asked.PublicKey)
	kem, _ := base64.StdEncoding.DecodeString(asked.MLKEM)
	reply, keys, err := handshake.Accept(&handshake.Offer{Session: b.up.session, PublicKey: public, MLKEM: kem, Suites: asked.Suites}, b.id, asked.Suites...)
	if err != nil {
		b.t.Error(err)
		return
	}
	b.down = keys
	box := boundBox(b.t, keys.Suite, keys.Manifest)
	_ = json.NewEncoder(w).Encode(wire.SealedAnswer{
		Protocol: wire.ProtocolV2, Suite: reply.Suite, PublicKey: reply.PublicKey, MLKEM: reply.MLKEM, Identity: reply.Identity, Signature: reply.Signature,
		Manifest: box.Seal(append(make([]byte, box.Head()), b.up.manifest...), 0, pack.Manifest(b.up.session, "")),
	})
}

// slice opens what is for one end and seals it for the other.
func (b *betrayal) slice(body []byte, i int) []byte {
	plain, err := boundBox(b.t, b.up.keys.Suite, b.up.keys.Slice).Open(body, b.up.bound(i))
	if err != nil {
		b.t.Error(err)
	}
	box := boundBox(b.t, b.down.Suite, b.down.Slice)
	return box.Seal(append(make([]byte, box.Head()), plain...), 0, b.up.bound(i))
}

// TestPlayerForgetsKeys: the same at the other end. The player is asked to wait,
// while its memory is read, at a slice and when it takes leave of the session.
func TestPlayerForgetsKeys(t *testing.T) {
	h, err := newHost(home(t.TempDir(), nil, nil), serveOptions{paths: []string{"../testdata/audio/speech-french-8k.flac"}, slice: time.Second, variance: .4}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	scanned := make(chan struct{})
	go func() { defer close(scanned); _ = h.lib.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-scanned; h.close() })
	<-h.lib.Ready()
	server := httptest.NewServer(h.handler)
	t.Cleanup(server.Close)
	id, err := identity.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	var p *process
	b := &betrayal{t: t, server: server.URL, id: id, pid: func() int { <-started; return p.Process.Pid }}
	front := httptest.NewServer(b)
	t.Cleanup(front.Close)
	p = spawn(t, calm, "play", "--json", "--output", "wav:out.wav", front.URL)
	close(started)
	p.line(p.log, id.Fingerprint().String())
	for range p.out {
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live["key, as it is"] < 2 {
		t.Errorf("the key of a track that plays is not found: %v", b.live)
	}
	if b.after == nil || len(b.after) > 0 {
		t.Errorf("after the track: %v", b.after)
	}
	if b.manifest == nil || len(b.manifest) > 0 {
		t.Errorf("of the manifest: %v", b.manifest)
	}
}

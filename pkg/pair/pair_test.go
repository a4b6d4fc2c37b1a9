package pair_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/pair"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

const token = "sst_a-token-that-only-one-player-may-see"

// porch is a server with a door, whose clock goes as it is told.
type porch struct {
	*httptest.Server
	door   *pair.Door
	id     *identity.Identity
	secret identity.Secret

	mu    sync.Mutex // guards what follows
	now   time.Time
	names []string // tokens were made for
	fail  error    // of making a token
	log   bytes.Buffer
}

func (p *porch) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *porch) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *porch) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func newPorch(t testing.TB) *porch {
	t.Helper()
	p := &porch{secret: identity.NewSecret(), now: time.Now()}
	var err error
	if p.id, err = identity.Ephemeral(); err != nil {
		t.Fatal(err)
	}
	p.door, err = pair.Open(pair.Config{
		Identity: p.id, Secret: p.secret.Bytes(),
		Logger: slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now },
		Token: func(_ context.Context, name string) (string, string, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.fail != nil {
				return "", "", p.fail
			}
			p.names = append(p.names, name)
			return token, name, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	h, err := server.New(server.Config{
		Sessions: store, Pair: p.door, Logger: slog.New(slog.NewTextHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Tokens: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(h)
	t.Cleanup(p.Close)
	return p
}

// knock is a player that has a secret and knows an identity.
func (p *porch) knock(t testing.TB, secret []byte, who identity.Fingerprint, name string) (string, error) {
	t.Helper()
	c, err := client.New(p.URL, client.Config{Patience: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return c.Pair(t.Context(), secret, who, name)
}

// TestOnce: who has the secret is let in, once.
func TestOnce(t *testing.T) {
	p := newPorch(t)
	got, err := p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "kitchen")
	if err != nil || got != token || p.door.Open() {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err = p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "cellar"); !errors.Is(err, client.ErrPairing) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	if len(p.names) != 1 || p.names[0] != "kitchen" || !strings.Contains(p.said(), `"paired kitchen"`) {
		t.Errorf("%q\n%s", p.names, p.said())
	}
	for _, secret := range []string{token, p.secret.Text(), base64.StdEncoding.EncodeToString(p.secret.Bytes())} {
		if strings.Contains(p.said(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// TestItsTimeIsOver: the last moment counts, and no later one.
func TestItsTimeIsOver(t *testing.T) {
	p := newPorch(t)
	p.pass(pair.Time - time.Nanosecond)
	if !p.door.Open() {
		t.Fatal("it closes too soon")
	}
	p.pass(time.Nanosecond)
	if got, err := p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "late"); !errors.Is(err, client.ErrPairing) || got != "" || p.door.Open() || len(p.names) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	p.pass(-time.Hour) // a clock that is set back opens nothing
	if p.door.Open() {
		t.Error("it is open again")
	}
	if strings.Count(p.said(), "pairing is over") != 1 {
		t.Error(p.said())
	}
	q := newPorch(t)
	q.pass(pair.Time - time.Nanosecond)
	if _, err := q.knock(t, q.secret.Bytes(), q.id.Fingerprint(), "soon"); err != nil {
		t.Error(err)
	}
}

// TestWrongProofsClose it; requests that prove nothing do not count.
func TestWrongProofsClose(t *testing.T) {
	p, other := newPorch(t), identity.NewSecret()
	for range pair.MaxWrong + 1 {
		for _, body := range []string{"", "{}", `{"protocol":"secstream/2","name":"a","suites":[],"publicKey":"","proof":"AAAA"}`} {
			res, err := http.Post(p.URL+wire.PairPath, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusBadRequest {
				t.Fatalf("%q: %d", body, res.StatusCode)
			}
		}
	}
	for i := range pair.MaxWrong {
		if !p.door.Open() {
			t.Fatalf("%d wrong proofs close it", i)
		}
		if got, err := p.knock(t, other.Bytes(), p.id.Fingerprint(), "guess"); !errors.Is(err, client.ErrPairing) || got != "" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if _, err := p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "right"); !errors.Is(err, client.ErrPairing) || p.door.Open() || len(p.names) > 0 {
		t.Error(err)
	}
	if !strings.Contains(p.said(), "too many tried without the secret") {
		t.Error(p.said())
	}
}

// TestAnotherServer: a proof is for one identity, and a player takes no other.
func TestAnotherServer(t *testing.T) {
	p, other := newPorch(t), newPorch(t)
	if got, err := p.knock(t, p.secret.Bytes(), other.id.Fingerprint(), "a"); !errors.Is(err, client.ErrPairing) || got != "" || len(p.names) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	// One that does not look at proofs, and lets everybody in.
	careless := answering(t, other.id, func(req *wire.PairRequest, reply *handshake.Keys) []byte {
		return sealed(t, reply, `{"version":1,"token":"sst_x"}`, req.Name)
	})
	got, err := at(t, careless).Pair(t.Context(), p.secret.Bytes(), p.id.Fingerprint(), "a")
	if !errors.Is(err, client.ErrIdentity) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNoToken: where none can be made the door stays open for another try.
func TestNoToken(t *testing.T) {
	p := newPorch(t)
	p.fail = errors.New("the disk is full")
	if got, err := p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "a"); err == nil || errors.Is(err, client.ErrPairing) || got != "" || !p.door.Open() {
		t.Errorf("%q, %v", got, err)
	}
	p.fail = nil
	if got, err := p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "a"); err != nil || got != token {
		t.Errorf("%q, %v", got, err)
	}
}

// TestOneOfMany: of those who come at once one is let in.
func TestOneOfMany(t *testing.T) {
	p := newPorch(t)
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() { _, errs[i] = p.knock(t, p.secret.Bytes(), p.id.Fingerprint(), "a") })
	}
	all.Wait()
	in := 0
	for _, err := range errs {
		if err == nil {
			in++
		} else if !errors.Is(err, client.ErrPairing) {
			t.Error(err)
		}
	}
	if in != 1 || len(p.names) != 1 {
		t.Errorf("%d were let in, %d tokens were made", in, len(p.names))
	}
}

// request is one that p lets in.
func (p *porch) request(t testing.TB, suites ...string) *wire.PairRequest {
	t.Helper()
	half, err := handshake.NewClient(handshake.PairSession, "a", suites)
	if err != nil {
		t.Fatal(err)
	}
	text, o := base64.StdEncoding.EncodeToString, half.Offer()
	return &wire.PairRequest{
		Protocol: wire.ProtocolV2, PublicKey: text(o.PublicKey), MLKEM: text(o.MLKEM), Suites: suites, Name: "a",
		Proof: text(handshake.PairProof(p.secret.Bytes(), o, p.id.Fingerprint())),
	}
}

// TestRefusedRequests: what is not as it has to be is refused as what it is, and
// closes nothing.
func TestRefusedRequests(t *testing.T) {
	p := newPorch(t)
	ask := func(change func(*wire.PairRequest)) error {
		r := p.request(t, "AES-256-GCM")
		change(r)
		_, err := p.door.Answer(t.Context(), r)
		return err
	}
	for what, change := range map[string]func(*wire.PairRequest){
		"no protocol":    func(r *wire.PairRequest) { r.Protocol = "" },
		"no name":        func(r *wire.PairRequest) { r.Name = "" },
		"a long name":    func(r *wire.PairRequest) { r.Name = strings.Repeat("x", wire.MaxName+1) },
		"a space":        func(r *wire.PairRequest) { r.Name = "a b" },
		"a line":         func(r *wire.PairRequest) { r.Name = "a\n" },
		"no base64":      func(r *wire.PairRequest) { r.PublicKey = "?" },
		"loose base64":   func(r *wire.PairRequest) { r.Proof = r.Proof[:len(r.Proof)-2] + "f=" },
		"a short proof":  func(r *wire.PairRequest) { r.Proof = "AAAA" },
		"no proof":       func(r *wire.PairRequest) { r.Proof = "" },
		"no ML-KEM text": func(r *wire.PairRequest) { r.MLKEM = "!" },
	} {
		refused := new(wire.Error)
		if err := ask(change); !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := ask(func(r *wire.PairRequest) { r.Suites = nil }); !errors.Is(err, handshake.ErrSuites) {
		t.Error(err)
	}
	if err := ask(func(r *wire.PairRequest) {
		o := &handshake.Offer{Track: "a", PublicKey: make([]byte, 32)} // of low order, by one who has the secret
		r.PublicKey, r.MLKEM = base64.StdEncoding.EncodeToString(o.PublicKey), ""
		r.Proof = base64.StdEncoding.EncodeToString(handshake.PairProof(p.secret.Bytes(), o, p.id.Fingerprint()))
	}); !errors.Is(err, handshake.ErrPublicKey) {
		t.Error(err)
	}
	if !p.door.Open() || len(p.names) > 0 || strings.Contains(p.said(), "without the secret") {
		t.Errorf("%q\n%s", p.names, p.said())
	}
	if err := ask(func(*wire.PairRequest) {}); err != nil {
		t.Error(err)
	}
}

// FuzzAnswer: whatever is sent, nobody is let in without the secret.
func FuzzAnswer(f *testing.F) {
	p := newPorch(f)
	good, err := json.Marshal(p.request(f, "AES-256-GCM", "ChaCha20-Poly1305"))
	if err != nil {
		f.Fatal(err)
	}
	sound := string(good)
	f.Add(strings.Replace(sound, `"name":"a"`, `"name":"b"`, 1))
	f.Add(strings.Replace(sound, `"mlkemKey"`, `"x"`, 1))
	f.Add(`{"protocol":"secstream/2","publicKey":"","suites":null,"name":"..","proof":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, body string) {
		door, err := pair.Open(pair.Config{Identity: p.id, Secret: p.secret.Bytes(), Token: func(context.Context, string) (string, string, error) {
			t.Error("a token is made")
			return "", "", errors.New("none")
		}})
		if err != nil {
			t.Fatal(err)
		}
		var req wire.PairRequest
		if json.Unmarshal([]byte(body), &req) != nil || body == sound {
			return
		}
		for i := range pair.MaxWrong {
			answer, err := door.Answer(t.Context(), &req)
			refused := new(wire.Error)
			if answer != nil || !errors.As(err, &refused) || refused.Status == http.StatusForbidden && i < pair.MaxWrong-1 != door.Open() {
				t.Fatalf("%v, %v", answer, err)
			}
		}
	})
}

package cmd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/identity"
	"secstream/pkg/pair"
	"secstream/pkg/token"
	"secstream/pkg/wire"
)

// shared is a buffer that several write to.
type shared struct {
	mu   sync.Mutex // guards what follows
	buf  bytes.Buffer
	more chan struct{} // closed by the next write; nil while nobody waits
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
	return s.buf.Write(p)
}

// wait waits until text is there n times.
func (s *shared) wait(t *testing.T, text string, n int) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		if strings.Count(s.buf.String(), text) >= n {
			s.mu.Unlock()
			return
		}
		if s.more == nil {
			s.more = make(chan struct{})
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-limit:
			t.Fatalf("%q is not said %d times:\n%s", text, n, s)
		}
	}
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// welcoming is a "secstream serve --pair" in here.
type welcoming struct {
	t       *testing.T
	tokens  string // file
	log     shared // at its most talkative
	url     string
	options []string         // that players need besides
	address identity.Address // for pairing
	hangups chan os.Signal
}

// welcome starts a server for one track, which lets one player in.
func welcome(t *testing.T, args ...string) *welcoming {
	t.Helper()
	w := &welcoming{t: t, tokens: filepath.Join(t.TempDir(), "tokens"), hangups: make(chan os.Signal)}
	if _, err := token.Add(t.Context(), w.tokens, "first"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	config := t.TempDir()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	args = slices.Concat([]string{"secstream", "serve", "--listen", "127.0.0.1:0", "--verbose", "--pair", "--token-file", w.tokens},
		args, []string{"../testdata/audio/music-drums.wav"})
	go func() {
		defer in.Close()
		ended <- Main(ctx, args, Env{Stdin: strings.NewReader(""), Stdout: in, Stderr: &w.log, ConfigDir: func() (string, error) { return config, nil },
			Hangups: func() (<-chan os.Signal, func()) { return w.hangups, func() {} }})
	}()
	lines := bufio.NewScanner(out)
	for w.address.Pair.IsZero() && lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			w.url = text
		}
		if m := regexp.MustCompile(`^  secstream play (.*)'(secstream.*\?pair=.*)'$`).FindStringSubmatch(lines.Text()); m != nil {
			var err error
			w.options = strings.Fields(m[1])
			if w.address, err = identity.ParseAddress(m[2]); err != nil {
				t.Fatal(err)
			}
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("serve ends with %d", code)
		}
	})
	if w.address.Pair.IsZero() {
		t.Fatalf("no address for pairing is printed:\n%s", &w.log)
	}
	return w
}

// names are those in the token file.
func (w *welcoming) names() (names []string) {
	w.t.Helper()
	list, err := token.List(w.tokens)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// listening is a player with a configuration folder of its own.
type listening struct {
	t      *testing.T
	config string
	said   []string // all it ever printed
}

func newListening(t *testing.T) *listening { return &listening{t: t, config: t.TempDir()} }

// run is a command of this player's.
func (l *listening) run(args ...string) (int, string) {
	l.t.Helper()
	var out bytes.Buffer
	code := Main(l.t.Context(), append([]string{"secstream"}, args...), Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, ConfigDir: func() (string, error) { return l.config, nil },
	})
	l.said = append(l.said, out.String())
	return code, out.String()
}

// play plays the one track there is to a file and asserts the exit code.
func (l *listening) play(want int, args ...string) string {
	l.t.Helper()
	dest := filepath.Join(l.t.TempDir(), "out.wav")
	code, said := l.run(slices.Concat([]string{"play", "--output", "wav:" + dest}, args)...)
	if info, err := os.Stat(dest); code != want || (want == exitOK) != (err == nil && info.Size() > 10_000) {
		l.t.Fatalf("play %q: %d, want %d: %v\n%s", args, code, want, err, said)
	}
	return said
}

// token is what this player keeps for address.
func (l *listening) token(address string) string {
	l.t.Helper()
	text, err := openPairedAt(l.t, filepath.Join(l.config, "paired")).Token(address)
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

func openPairedAt(t *testing.T, path string) *identity.Paired {
	t.Helper()
	kept, err := identity.OpenPaired(path)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestPairing: an address lets one player in, once; from then on it plays by what
// it was given, and nobody else does.
func TestPairing(t *testing.T) {
	w := welcome(t)
	one, two := newListening(t), newListening(t)
	two.play(exitRefused, w.url)
	w.hangups <- os.Interrupt // whichever: settings are read again, and the door stays as it is
	w.log.wait(t, "reload: done", 1)
	said := one.play(exitOK, "--name", "first", w.address.Reveal())
	if !strings.Contains(said, "secstream: paired: "+w.url+" takes this player from now on") {
		t.Error(said)
	}
	if got := w.names(); !slices.Equal(got, []string{"first", "first-2"}) {
		t.Errorf("%q", got)
	}
	if !strings.Contains(w.log.String(), "paired first-2") {
		t.Errorf("%s", &w.log)
	}
	one.play(exitOK, w.url)
	w.hangups <- os.Interrupt
	w.log.wait(t, "reload: done", 2)
	one.play(exitOK, identity.Address{URL: w.url, Fingerprint: w.address.Fingerprint}.String())
	if said := one.play(exitOK, "--name", "first", w.address.Reveal()); !strings.Contains(said, "this address is used up; going on with the token that is kept") {
		t.Error(said)
	}
	if said := two.play(exitRefused, w.address.Reveal()); !strings.Contains(said, "does not pair by this address") || !strings.Contains(said, "good once") {
		t.Error(said)
	}
	if two.token(w.url) != "" || len(w.names()) != 2 {
		t.Errorf("%q", w.names())
	}
	secret := one.token(w.url)
	if len(secret) != token.Length {
		t.Fatalf("%d characters of token", len(secret))
	}
	// A token that its server removes is refused from then on.
	if code, said := one.run("token", "remove", "--token-file", w.tokens, "first-2"); code != exitOK {
		t.Fatal(said)
	}
	w.hangups <- os.Interrupt
	w.log.wait(t, "reload: done", 3)
	for _, address := range []string{w.url, w.address.Reveal()} {
		if said := one.play(exitRefused, address); !strings.Contains(said, "hint: the token that the server gave this player is taken back, or over; whoever runs it can let") || strings.Contains(said, "SECSTREAM_TOKEN") {
			t.Error(said)
		}
	}
	if _, said := one.run("probe", w.url); !strings.Contains(said, "hint: the token that the server gave this player") {
		t.Error(said)
	}
	if said := one.play(exitRefused, "--token", "sst_x", w.url); !strings.Contains(said, "SECSTREAM_TOKEN") {
		t.Error(said)
	}
	if code, said := one.run("pins", "remove", w.url); code != exitOK || !strings.Contains(said, "token") || one.token(w.url) != "" {
		t.Errorf("%d, %s", code, said)
	}
	one.play(exitRefused, w.url)
	for where, text := range map[string]string{"the server's log": w.log.String(), "what players print": strings.Join(slices.Concat(one.said, two.said), "")} {
		if strings.Contains(text, w.address.Pair.Text()) || strings.Contains(text, secret) || strings.Contains(text, token.Prefix) {
			t.Errorf("%s has a secret:\n%s", where, text)
		}
	}
}

// TestPairingOverTLS: with a certificate that only its fingerprint vouches for.
func TestPairingOverTLS(t *testing.T) {
	w := welcome(t, "--tls", "self")
	l := newListening(t)
	if len(w.options) != 2 || w.options[0] != "--tls-fingerprint" || !strings.HasPrefix(w.address.Reveal(), "secstreams://127.0.0.1:") {
		t.Fatalf("%q, %s", w.options, w.url)
	}
	said := l.play(exitRefused, w.address.Reveal())
	if hint := fmt.Sprintf("secstream play --tls-fingerprint %s 'secstreams://", w.options[1]); !strings.Contains(said, hint) || strings.Contains(said, w.address.Pair.Text()) {
		t.Error(said)
	}
	l.play(exitOK, append(w.options, w.address.Reveal())...)
	l.play(exitOK, append(w.options, w.url)...)
	if got := w.names(); len(got) != 2 || got[1] != playerName("") {
		t.Errorf("%q", got)
	}
}

// TestOnePairs: of players that come at once one is let in.
func TestOnePairs(t *testing.T) {
	w := welcome(t)
	codes := make([]int, 4)
	var all sync.WaitGroup
	for i := range codes {
		l := newListening(t)
		all.Go(func() { // below the parsing of flags, which knows no concurrency
			err := runPlay(t.Context(), Env{Stdout: io.Discard, Stderr: io.Discard, ConfigDir: func() (string, error) { return l.config, nil }}, playOptions{
				targets: []string{w.address.Reveal()}, output: "wav:" + filepath.Join(l.config, "out.wav"), volume: 100, tuning: usual, access: access{name: "p", protocol: 2},
			})
			if err != nil {
				codes[i] = outcomeOf(err).code
			}
		})
	}
	all.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{exitOK, exitRefused, exitRefused, exitRefused}) || !slices.Equal(w.names(), []string{"first", "p"}) {
		t.Errorf("%v, %q", codes, w.names())
	}
}

// TestStoredTokenIsNotTakenElsewhere: it goes to the one address, by protocol 2,
// while its identity is pinned.
func TestStoredTokenIsNotTakenElsewhere(t *testing.T) {
	w := welcome(t)
	l := newListening(t)
	l.play(exitOK, "--name", "a", w.address.Reveal())
	secret := l.token(w.url)
	var heard shared
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(&heard, r.Method, r.URL.Path, r.Header.Get("Authorization"))
		rw.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	l.play(exitRefused, other.URL)
	l.play(exitRefused, other.URL+"/prefix")
	l.play(exitRefused, "--protocol", "1", w.url) // says who it is to nobody
	if code, _ := l.run("probe", w.url); code != exitOK {
		t.Errorf("probe: %d", code)
	}
	var wrong identity.Fingerprint
	l.play(exitRefused, "--fingerprint", wrong.String(), w.url)
	if strings.Contains(heard.String(), secret) || !strings.Contains(heard.String(), "GET /api/library") {
		t.Errorf("%s", &heard)
	}
	// The pin gone, nothing says who would get it.
	if err := os.Remove(filepath.Join(l.config, "pins")); err != nil {
		t.Fatal(err)
	}
	l.play(exitRefused, w.url)
	// Damage is told of with its line, and not as if there were no tokens.
	if err := os.WriteFile(filepath.Join(l.config, "paired"), []byte("secstream-paired 1\n"+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := l.play(exitFailed, w.url); !strings.Contains(said, "paired:2: it is damaged") || !strings.Contains(said, "hint: a line is ADDRESS TOKEN") || strings.Contains(said, secret) {
		t.Error(said)
	}
}

// between stands between players and a server: it reads all, and may change
// requests for pairing.
type between struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	requests []string   // for pairing
	answers  []string
	change   func(*wire.PairRequest)
}

func standBetween(t *testing.T, target string, change func(*wire.PairRequest)) *between {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	m := &between{change: change}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if r.In.URL.Path != wire.PairPath {
				return
			}
			body, _ := io.ReadAll(r.In.Body)
			var req wire.PairRequest
			if err := json.Unmarshal(body, &req); err != nil {
				t.Error(err)
			}
			m.mu.Lock()
			m.requests = append(m.requests, string(body))
			m.mu.Unlock()
			if m.change != nil {
				m.change(&req)
				body, _ = json.Marshal(req)
			}
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path == wire.PairPath {
				body, _ := io.ReadAll(r.Body)
				m.mu.Lock()
				m.answers = append(m.answers, string(body))
				m.mu.Unlock()
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			return nil
		},
	}
	m.Server = httptest.NewServer(proxy)
	t.Cleanup(m.Close)
	return m
}

// at is the server's address as players have it who go through m.
func (m *between) at(a identity.Address) string {
	a.URL = m.URL
	return a.Reveal()
}

// TestListeningInTells nothing: who reads a pairing has neither secret nor
// token, and what it recorded lets nobody in.
func TestListeningInTellsNothing(t *testing.T) {
	w := welcome(t)
	m := standBetween(t, w.url, nil)
	l := newListening(t)
	l.play(exitOK, "--name", "a", m.at(w.address))
	if len(m.requests) != 1 || len(m.answers) != 1 {
		t.Fatalf("%d requests", len(m.requests))
	}
	seen := m.requests[0] + m.answers[0]
	for _, secret := range []string{w.address.Pair.Text(), string(w.address.Pair.Bytes()), token.Prefix, l.token(m.URL)} {
		if strings.Contains(seen, secret) {
			t.Errorf("%q is seen in %s", secret, seen)
		}
	}
	res, err := http.Post(w.url+wire.PairPath, "application/json", strings.NewReader(m.requests[0]))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound || len(w.names()) != 2 {
		t.Errorf("a recorded request: %d %s", res.StatusCode, body)
	}
}

// TestWhoStandsBetweenCannotPair: a request is of one pair of keys and one name,
// and the wrong server is given nothing that is of use at the right one. Too many
// such requests close the door.
func TestWhoStandsBetweenCannotPair(t *testing.T) {
	w, evil := welcome(t), welcome(t)
	// Another server: the player refuses it, whatever it answers.
	l := newListening(t)
	away := w.address
	away.URL = evil.url
	if said := l.play(exitRefused, away.Reveal()); !strings.Contains(said, "does not pair") {
		t.Error(said)
	}
	evilAddress := evil.address
	evilAddress.Fingerprint = w.address.Fingerprint
	m := standBetween(t, evil.url, nil)
	l.play(exitRefused, m.at(evilAddress)) // it even has the secret: the proof is of another identity
	// What the player sent there does not help at the right one.
	post := func(body string) int {
		res, err := http.Post(w.url+wire.PairPath, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if status := post(m.requests[0]); status != http.StatusForbidden {
		t.Errorf("%d", status)
	}
	key := m.requests[0][strings.Index(m.requests[0], `"publicKey":"`)+13:][:44]
	for _, change := range []func(*wire.PairRequest){
		func(r *wire.PairRequest) { r.PublicKey = key },
		func(r *wire.PairRequest) { r.MLKEM = "" },
		func(r *wire.PairRequest) { r.Name = "mallory" },
	} {
		m := standBetween(t, w.url, change)
		l.play(exitRefused, "--name", "a", m.at(w.address))
	}
	if strings.Contains(w.log.String(), "pairing is over") {
		t.Errorf("too soon:\n%s", &w.log)
	}
	if status := post(m.requests[0]); status != http.StatusForbidden {
		t.Errorf("%d", status)
	}
	if !strings.Contains(w.log.String(), "pairing is over: too many tried") || strings.Count(w.log.String(), "tries left") != pair.MaxWrong-1 {
		t.Errorf("%s", &w.log)
	}
	l.play(exitRefused, "--name", "a", w.address.Reveal()) // even the right one is late now
	if !slices.Equal(w.names(), []string{"first"}) || l.token(w.url) != "" {
		t.Errorf("%q", w.names())
	}
}

// TestPairingUsage: what cannot pair says so, and shows no secret.
func TestPairingUsage(t *testing.T) {
	secret := identity.NewSecret()
	a := identity.Address{URL: "http://127.0.0.1:1", Pair: secret}
	good := a.Reveal()
	for want, args := range map[string][]string{
		"probe does not pair":            {"probe", good},
		"a token is given":               {"play", "--token", "sst_x", good},
		"--name is for an address":       {"play", "--name", "x", "http://127.0.0.1:1"},
		"a name has 1 to 64":             {"play", "--name", "x y", good},
		"leave --protocol out":           {"play", "--protocol", "1", good},
		"flag --volume comes after":      {"play", good, "--volume", "5"},
		"not the secret":                 {"play", strings.Replace(good, "#", "a#", 1)},
		"what follows ? begins":          {"play", strings.Replace(good, "pair=", "pear=", 1)},
		"has no #fingerprint":            {"play", good[:strings.Index(good, "#")]},
		"not the fingerprint":            {"play", strings.Replace(good[:strings.Index(good, "?")]+good[strings.Index(good, "#"):]+good[strings.Index(good, "?"):], "::", ":", 1)},
		"it looks like http":             {"play", "http://127.0.0.1:1/?pair=" + secret.Text()},
		"is for an https address":        {"play", "--tls-fingerprint", "SHA256:x", good},
		"not an address of a secstream ": {"pins", "remove", good},
		"--pair needs --token-file":      {"serve", "--pair", "../testdata/audio"},
		"keeps it from being printed":    {"serve", "--pair", "--quiet", "--token-file", "x", "../testdata/audio"},
	} {
		code, said := newListening(t).run(args...)
		if code != exitUsage || !strings.Contains(said, want) || strings.Contains(said, secret.Text()) {
			t.Errorf("%q: %d\n%s", want, code, said)
		}
	}
}

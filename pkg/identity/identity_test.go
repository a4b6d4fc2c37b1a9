package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"secstream/pkg/identity"
)

func create(t *testing.T, dir string) *identity.Identity {
	t.Helper()
	id, made, err := identity.Create(t.Context(), dir)
	if err != nil || !made {
		t.Fatalf("made: %v, %v", made, err)
	}
	return id
}

func TestIdentityIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "identity")
	if _, err := identity.Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no folder: %v", err)
	}
	before := time.Now()
	id := create(t, dir)
	if made := id.Made(); made.Before(before.Add(-time.Second)) || made.After(time.Now()) {
		t.Errorf("made %v", made)
	}
	for range 2 {
		again, made, err := identity.Create(t.Context(), dir)
		if err != nil || made {
			t.Fatalf("made: %v, %v", made, err)
		}
		if again.Fingerprint() != id.Fingerprint() || !again.Made().Equal(id.Made()) || again.Path() != filepath.Join(dir, "key.pem") {
			t.Errorf("%v made %v is %v made %v in %s", id, id.Made(), again, again.Made(), again.Path())
		}
		hash := sha256.Sum256([]byte("a transcript"))
		if s := again.Sign(hash); len(s) != ed25519.SignatureSize || !ed25519.Verify(id.Public(), hash[:], s) {
			t.Error("a signature does not verify")
		}
	}
	if identity.FingerprintOf(id.Public()) != id.Fingerprint() {
		t.Error("the fingerprint is of another key")
	}
	clear(id.Public()) // a copy
	if identity.FingerprintOf(id.Public()) != id.Fingerprint() {
		t.Error("whoever asks for the public key can change it")
	}
	other := create(t, filepath.Join(t.TempDir(), "identity"))
	if other.Fingerprint() == id.Fingerprint() {
		t.Error("two identities are one")
	}
}

// secretsOf are ways to write the secret of the identity in dir.
func secretsOf(t *testing.T, dir string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	seed := parsed.(ed25519.PrivateKey).Seed()
	var out [][]byte
	for _, s := range []string{
		string(seed), hex.EncodeToString(seed), strings.ToUpper(hex.EncodeToString(seed)), base64.RawStdEncoding.EncodeToString(seed),
		base64.RawURLEncoding.EncodeToString(seed), base64.StdEncoding.EncodeToString(block.Bytes)[24:40],
		strings.Trim(fmt.Sprintf("%d", seed), "[]"), strings.Trim(fmt.Sprintf("%#v", seed), "[]byte{}"), strings.Trim(fmt.Sprintf("% x", seed), " "),
	} {
		out = append(out, []byte(s))
	}
	return out
}

func TestIdentityPrintsAsItsFingerprint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	id := create(t, dir)
	secrets := secretsOf(t, dir)
	holds := struct {
		id    *identity.Identity
		Value identity.Identity
		value identity.Identity
	}{id, *id, *id}
	var out bytes.Buffer
	for _, v := range []any{id, *id, holds, &holds, []any{id}, map[string]any{"a": *id}, []identity.Identity{*id}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%o", "%c", "%U", "%p", "%T", "%t", "%e"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Error("x", "id", v, slog.Group("g", "id", v))
		}
	}
	fmt.Fprintln(&out, fmt.Errorf("wrapped %v", id))
	for i, secret := range secrets {
		if bytes.Contains(out.Bytes(), secret) {
			t.Errorf("form %d of the secret is printed", i)
		}
	}
	for _, text := range []string{fmt.Sprint(id), fmt.Sprintf("%x", *id), fmt.Sprintf("%#v", *id)} {
		if want := "[secret key of " + id.Fingerprint().String() + "]"; text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// TestIdentityOfAnyOpenssl: a key in PKCS #8 that is made elsewhere serves.
func TestIdentityOfAnyOpenssl(t *testing.T) {
	// RFC 8410 section 10.3.
	const text = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
	public := key(t, "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
	dir := folder(t, []byte(text))
	id, made, err := identity.Create(t.Context(), dir)
	if err != nil || made || !bytes.Equal(id.Public(), public) || time.Since(id.Made()) > time.Minute {
		t.Fatalf("%v, made %v: %v", id, made, err)
	}
}

// folder is one of an identity with that text for a key.
func folder(t *testing.T, text []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "identity")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "key.pem"), text, 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// refused asserts that what is in dir is refused for one reason, with advice, and
// stays as it is.
func refused(t *testing.T, what, dir string, want error) {
	t.Helper()
	path := filepath.Join(dir, "key.pem")
	before, _ := os.ReadFile(path)
	_, loaded := identity.Load(dir)
	_, _, created := identity.Create(t.Context(), dir)
	for _, err := range []error{loaded, created} {
		e := new(identity.Error)
		if !errors.As(err, &e) || !errors.Is(err, want) || e.Kind != identity.KindIdentity || !strings.HasPrefix(e.Path, dir) || e.Mend == "" {
			t.Errorf("%s: %v, want %v", what, err, want)
		} else if block := bytes.Index(before, []byte("KEY-----\n")); block > 0 && len(before) > block+40 && strings.Contains(err.Error(), string(before[block+9:block+40])) {
			t.Errorf("%s: the error shows the key: %v", what, err)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Errorf("%s: the file was changed", what)
	}
}

func TestDamagedIdentityIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	create(t, dir)
	good, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	start := strings.Index(text, "-----BEGIN")
	other := filepath.Join(t.TempDir(), "identity")
	create(t, other)
	foreign, err := os.ReadFile(filepath.Join(other, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ecdsaKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":                {"", identity.ErrDamaged},
		"zeros":                {strings.Repeat("\x00", len(text)), identity.ErrDamaged},
		"cut short":            {text[:len(text)-10], identity.ErrDamaged},
		"no head's end":        {strings.Replace(text, "\n-----BEGIN", "-----BEGIN", 1), identity.ErrDamaged},
		"one line of the head": {text[strings.Index(text, "\n")+1:], identity.ErrDamaged},
		"not the day":          {strings.Replace(text, "Made 2", "Made x", 1), identity.ErrDamaged},
		"not the fingerprint":  {strings.Replace(text, "# SHA256:", "# SHA256", 1), identity.ErrDamaged},
		"two keys":             {text + text[start:], identity.ErrDamaged},
		"more behind":          {text + "x", identity.ErrDamaged},
		"another's head":       {string(foreign[:bytes.Index(foreign, []byte("-----BEGIN"))]) + text[start:], identity.ErrDamaged},
		"headers":              {strings.Replace(text[start:], "KEY-----\n", "KEY-----\na: b\n\n", 1), identity.ErrDamaged},
		"not DER":              {block("PRIVATE KEY", []byte("nonsense")), identity.ErrDamaged},
		"too long":             {strings.Repeat("#", 1<<20), identity.ErrDamaged},
		"ECDSA":                {block("PRIVATE KEY", der), identity.ErrKind},
		"encrypted":            {block("ENCRYPTED PRIVATE KEY", der), identity.ErrKind},
		"a certificate":        {block("CERTIFICATE", der), identity.ErrKind},
	} {
		refused(t, name, folder(t, []byte(c.text)), c.want)
	}
	// Whatever byte of the key is changed, it is noticed: all of them make a key.
	body := start + len("-----BEGIN PRIVATE KEY-----\n")
	for i := body; i < strings.Index(text, "\n-----END"); i++ {
		damaged := bytes.Clone(good)
		if damaged[i] ^= 1; damaged[i] == '\n' || damaged[i] == '=' {
			continue
		}
		if _, err := identity.Load(folder(t, damaged)); !errors.Is(err, identity.ErrDamaged) && !errors.Is(err, identity.ErrKind) {
			t.Fatalf("byte %d of the key is changed: %v", i-body, err)
		}
	}
}

func TestExposedIdentityIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	dir := filepath.Join(t.TempDir(), "identity")
	id := create(t, dir)
	path := filepath.Join(dir, "key.pem")
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		refused(t, fmt.Sprintf("file %#o", mode), dir, identity.ErrExposed)
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if again, err := identity.Load(dir); err != nil || again.Fingerprint() != id.Fingerprint() {
			t.Errorf("file %#o: %v", mode, err)
		}
	}
	for _, mode := range []fs.FileMode{0o750, 0o705, 0o720, 0o702, 0o711, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		refused(t, fmt.Sprintf("folder %#o", mode), dir, identity.ErrExposed)
		if _, _, err := identity.Replace(t.Context(), dir); !errors.Is(err, identity.ErrExposed) {
			t.Errorf("folder %#o: a new one is put there: %v", mode, err)
		}
	}
}

func TestLinkedIdentityIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	create(t, dir)
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	linked := filepath.Join(t.TempDir(), "identity")
	if err := os.Mkdir(linked, 0o700); err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(dir, "key.pem"), filepath.Join(linked, "key.pem"))
	refused(t, "a link to a good key", linked, identity.ErrLink)
	if _, _, err := identity.Replace(t.Context(), linked); !errors.Is(err, identity.ErrLink) {
		t.Errorf("a link is replaced: %v", err)
	}
	dangling := filepath.Join(t.TempDir(), "identity")
	if err := os.Mkdir(dangling, 0o700); err != nil {
		t.Fatal(err)
	}
	link(filepath.Join(dir, "none"), filepath.Join(dangling, "key.pem"))
	refused(t, "a link to nothing", dangling, identity.ErrLink)
	if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
		t.Error("a key was made where a link leads")
	}
	whole := filepath.Join(t.TempDir(), "identity")
	link(dir, whole)
	refused(t, "a link to a folder", whole, identity.ErrLink)
	pipe := filepath.Join(t.TempDir(), "identity")
	if err := os.MkdirAll(filepath.Join(pipe, "key.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := identity.Create(t.Context(), pipe); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder for a key: %v", err)
	}
	if err := os.Chmod(pipe, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestReplaceKeepsTheOld: what players know can be had back.
func TestReplaceKeepsTheOld(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	first, kept, err := identity.Replace(t.Context(), dir)
	if err != nil || kept != "" {
		t.Fatalf("kept %q of nothing: %v", kept, err)
	}
	seen := map[identity.Fingerprint]bool{first.Fingerprint(): true}
	for range 3 { // within a second, as a rule
		before, err := identity.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(before.Path())
		id, kept, err := identity.Replace(t.Context(), dir)
		if err != nil || seen[id.Fingerprint()] {
			t.Fatal(err)
		}
		seen[id.Fingerprint()] = true
		old, err := os.ReadFile(kept)
		if err != nil || !bytes.Equal(old, text) || filepath.Dir(kept) != dir {
			t.Errorf("%q is not the key before: %v", kept, err)
		}
		if info, err := os.Stat(kept); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%v: %v", info.Mode(), err)
		}
		if again, err := identity.Load(dir); err != nil || again.Fingerprint() != id.Fingerprint() {
			t.Errorf("%v, want %v: %v", again, id, err)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "key-until-*.pem")); len(names) != 3 {
		t.Errorf("kept are %v", names)
	}
	// One that cannot be used is kept, too, and private from then on.
	path := filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(path, []byte("nonsense"), 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	_, kept, err = identity.Replace(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); string(text) != "nonsense" {
		t.Errorf("%q: %v", text, err)
	}
	for _, path := range []string{path, kept} {
		if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestManyMakeOneIdentity: servers that first start at once are the same.
func TestManyMakeOneIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "identity")
	var wg sync.WaitGroup
	ids, mades := make([]*identity.Identity, 16), make([]bool, 16)
	for i := range ids {
		wg.Go(func() {
			var err error
			if ids[i], mades[i], err = identity.Create(t.Context(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for i, id := range ids {
		if id == nil || id.Fingerprint() != ids[0].Fingerprint() {
			t.Fatalf("%v and %v", ids[0], id)
		}
		if mades[i] {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d made it", n)
	}
}

// TestCrashLeavesNothingBad: a file that was written and not yet put in place is
// not taken for the key, and is gone after the next one.
func TestCrashLeavesNothingBad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "key.pem.new")
	for _, text := range []string{"", "half a k"} {
		if err := os.WriteFile(left, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.Load(dir); text == "" && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v", err)
		}
		id, _, err := identity.Replace(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := identity.Load(dir); err != nil || again.Fingerprint() != id.Fingerprint() {
			t.Fatal(err)
		}
		if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left behind: %v", err)
		}
	}
}

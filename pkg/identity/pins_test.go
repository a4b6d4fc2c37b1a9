package identity_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/identity"
)

const (
	someKey  = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
	otherKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func open(t *testing.T, path string) *identity.Pins {
	t.Helper()
	p, err := identity.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// says asserts the verdict on a key.
func says(t *testing.T, p *identity.Pins, address string, key ed25519.PublicKey, want identity.Verdict) identity.Pin {
	t.Helper()
	got, pin, err := p.Check(address, key)
	if err != nil || got != want {
		t.Fatalf("%s is %v, want %v: %v", address, got, want, err)
	}
	return pin
}

func TestPins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "pins")
	p, one, two := open(t, path), key(t, someKey), key(t, otherKey)
	if pin := says(t, p, "Music.example:8420", one, identity.New); pin.Address != "http://music.example:8420" {
		t.Errorf("%+v", pin)
	}
	if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a look makes files: %v", err)
	}
	if err := p.Remember(t.Context(), "Music.example:8420", one); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*identity.Pins{p, open(t, path)} {
		pin := says(t, again, "http://music.example.:8420/", one, identity.Known)
		if string(pin.Key) != string(one) || pin.Fingerprint != identity.FingerprintOf(one) || time.Since(pin.First) > time.Minute || !pin.Last.Equal(pin.First) {
			t.Errorf("%+v", pin)
		}
		pin = says(t, again, "http://music.example:8420", two, identity.Changed)
		if pin.Fingerprint != identity.FingerprintOf(one) {
			t.Errorf("pinned is %s", pin.Fingerprint)
		}
		// Another port, path, or way to get there is another server.
		for _, address := range []string{"http://music.example", "https://music.example:8420", "http://music.example:8420/a", "http://music.example:8421"} {
			says(t, again, address, one, identity.New)
		}
	}
	before, _ := os.ReadFile(path)
	m := new(identity.Mismatch)
	if err := p.Remember(t.Context(), "http://music.example:8420", two); !errors.As(err, &m) || m.Got != identity.FingerprintOf(two) || m.Pin.Fingerprint != identity.FingerprintOf(one) || m.Pin.Address != "http://music.example:8420" {
		t.Fatalf("another key is remembered: %v", err)
	}
	for _, f := range []identity.Fingerprint{m.Got, m.Pin.Fingerprint} {
		if !strings.Contains(m.Error(), f.String()) {
			t.Errorf("%v is without %s", m, f)
		}
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("a refused key changed the file")
	}
	for _, bad := range []ed25519.PublicKey{nil, one[:31], append(one[:32:32], 0)} {
		if v, _, err := p.Check("h", bad); err == nil || v != 0 {
			t.Errorf("a key of %d bytes is %v", len(bad), v)
		}
		if err := p.Remember(t.Context(), "h", bad); err == nil {
			t.Errorf("a key of %d bytes is remembered", len(bad))
		}
	}
	if _, _, err := p.Check("ftp://h", one); !errors.Is(err, identity.ErrAddress) {
		t.Error(err)
	}
}

// TestAcceptedFingerprint: the only way to another key is an explicit word, and
// until the key is seen its fingerprint stands for it.
func TestAcceptedFingerprint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	p, one, two := open(t, path), key(t, someKey), key(t, otherKey)
	const address = "http://h:1"
	if err := p.Remember(t.Context(), address, one); err != nil {
		t.Fatal(err)
	}
	was, now, err := p.Accept(t.Context(), "H:1", identity.FingerprintOf(one)) // nothing new
	if err != nil || was.Key == nil || now.Key == nil {
		t.Fatalf("%+v, %+v: %v", was, now, err)
	}
	was, now, err = p.Accept(t.Context(), "H:1", identity.FingerprintOf(two))
	if err != nil || was.Fingerprint != identity.FingerprintOf(one) || now.Key != nil || !now.First.IsZero() || now.Address != address {
		t.Fatalf("%+v, %+v: %v", was, now, err)
	}
	says(t, p, address, one, identity.Changed)
	if err := p.Remember(t.Context(), address, one); !errors.As(err, new(*identity.Mismatch)) {
		t.Fatalf("the old key is remembered: %v", err)
	}
	if pin := says(t, p, address, two, identity.Known); pin.Key != nil || !pin.First.IsZero() || !pin.Last.IsZero() {
		t.Errorf("%+v", pin)
	}
	if err := p.Remember(t.Context(), address, two); err != nil {
		t.Fatal(err)
	}
	if pin := says(t, p, address, two, identity.Known); string(pin.Key) != string(two) || time.Since(pin.First) > time.Minute || !pin.Last.Equal(pin.First) {
		t.Errorf("%+v", pin)
	}
	// A server that was never met.
	was, _, err = p.Accept(t.Context(), "h2", identity.FingerprintOf(two))
	if err != nil || was.Address != "" {
		t.Fatalf("%+v: %v", was, err)
	}
	says(t, p, "h2", one, identity.Changed)
	says(t, p, "h2", two, identity.Known)
	if list, err := open(t, path).List(); err != nil || len(list) != 2 || list[0].Address != address || list[1].Address != "http://h2" {
		t.Fatalf("%+v: %v", list, err)
	}
	if was, err = p.Remove(t.Context(), "http://h:1/"); err != nil || was.Fingerprint != identity.FingerprintOf(two) {
		t.Fatalf("%+v: %v", was, err)
	}
	says(t, p, address, one, identity.New)
	says(t, p, "h2", two, identity.Known)
	if _, err := p.Remove(t.Context(), address); !errors.Is(err, identity.ErrUnknown) {
		t.Error(err)
	}
	if _, err := open(t, filepath.Join(t.TempDir(), "none", "pins")).Remove(t.Context(), address); !errors.Is(err, identity.ErrUnknown) {
		t.Error(err)
	}
	for _, err := range []error{func() error { _, err := p.Remove(t.Context(), "ftp://h"); return err }(),
		func() error { _, _, err := p.Accept(t.Context(), "", identity.Fingerprint{}); return err }()} {
		if !errors.Is(err, identity.ErrAddress) {
			t.Error(err)
		}
	}
}

// TestLastSeen is written once a day, with time of our own.
func TestLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "pins")
		p, one := open(t, path), key(t, someKey)
		start := time.Now().UTC()
		remember := func() os.FileInfo {
			t.Helper()
			if err := p.Remember(t.Context(), "h", one); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		first := remember()
		time.Sleep(24*time.Hour - time.Second)
		if !os.SameFile(remember(), first) {
			t.Error("the file is written anew within a day")
		}
		time.Sleep(time.Second)
		second := remember()
		if os.SameFile(second, first) {
			t.Error("the file is not written anew after a day")
		}
		if pin := says(t, p, "h", one, identity.Known); !pin.First.Equal(start) || !pin.Last.Equal(start.Add(24*time.Hour)) {
			t.Errorf("%+v", pin)
		}
		remember()
		if !os.SameFile(remember(), second) {
			t.Error("the file is written anew at once")
		}
	})
}

func line(address string) string {
	return address + " ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg= 2026-01-31T12:00:00Z 2026-02-01T12:00:00Z\n"
}

const magic = "secstream-pins 1\n"

// TestDamagedPins: they are never taken for fewer pins, nor written over, and
// whoever mends them is told where and how.
func TestDamagedPins(t *testing.T) {
	good := magic + "# mine\n\n" + line("http://a")
	l := line("http://b")
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"empty":                 {"", 0},
		"too long":              {magic + strings.Repeat("#\n", 1<<19), 0},
		"no first line":         {line("http://a"), 1},
		"a comment before":      {"# x\n" + good, 1},
		"blank before":          {"\n" + good, 1},
		"zeros":                 {strings.Repeat("\x00", 100), 1},
		"another version":       {strings.Replace(good, "pins 1", "pins 2", 1), 1},
		"no version":            {strings.Replace(good, "pins 1", "pins", 1), 1},
		"odd version":           {strings.Replace(good, "pins 1", "pins 1.", 1), 1},
		"odder version":         {strings.Replace(good, "pins 1", "pins 1.02", 1), 1},
		"negative version":      {strings.Replace(good, "pins 1", "pins 1.-2", 1), 1},
		"words of no version":   {strings.Replace(good, "pins 1", "pins one", 1), 1},
		"cut in the address":    {good + l[:5], 5},
		"cut in the key":        {good + l[:30], 5},
		"cut before the last":   {good + l[:strings.LastIndex(l, " ")], 5},
		"cut in the last":       {good + strings.TrimSuffix(l, "Z\n"), 5},
		"more words":            {good + strings.TrimSuffix(l, "\n") + " note=x\n", 5},
		"a long line":           {good + "#" + strings.Repeat("x", 5000) + "\n", 5},
		"twice":                 {good + line("http://a"), 5},
		"not canonical":         {good + line("http://B/"), 5},
		"default port":          {good + line("http://b:80"), 5},
		"no scheme":             {good + line("b:1"), 5},
		"not an address":        {good + line("ftp://b"), 5},
		"another kind of key":   {good + strings.Replace(l, "ed25519:", "x25519:", 1), 5},
		"a short key":           {good + strings.Replace(l, "A6EHv/PO", "", 1), 5},
		"not base64":            {good + strings.Replace(l, "A6EH", "A6*H", 1), 5},
		"bits too many":         {good + strings.Replace(l, "Mbg=", "Mbh=", 1), 5},
		"no padding":            {good + strings.Replace(l, "Mbg=", "Mbg", 1), 5},
		"not a time":            {good + strings.Replace(l, "2026-01-31", "2026-02-30", 1), 5},
		"another time":          {good + strings.Replace(l, "12:00:00Z 2026", "12:00:00+00:00 2026", 1), 5},
		"a day":                 {good + strings.Replace(l, "T12:00:00Z", "", 1), 5},
		"never seen, with key":  {good + strings.Replace(l, "2026-01-31T12:00:00Z", "-", 1), 5},
		"last before first":     {good + strings.Replace(l, "2026-02-01", "2026-01-01", 1), 5},
		"a short fingerprint":   {good + "http://b SHA256:00 - -\n", 5},
		"seen, without key":     {good + "http://b " + published[someKey] + " 2026-01-31T12:00:00Z -\n", 5},
		"a fingerprint, a time": {good + "http://b " + published[someKey] + " - 2026-01-31T12:00:00Z\n", 5},
		"NAME of later":         {strings.Replace(good, "pins 1", "pins 1.1", 1) + strings.TrimSuffix(l, "\n") + " Note=x\n", 5},
		"words of later":        {strings.Replace(good, "pins 1", "pins 1.1", 1) + strings.TrimSuffix(l, "\n") + " note\n", 5},
		"no end":                {good + l, 0},
		"another end":           {good + l + "end 1\n", 6},
		"a later end":           {good + l + "end 3\n", 6},
		"an odd end":            {good + l + "end 02\n", 6},
		"two ends":              {good + l + "end 2\nend 2\n", 7},
		"behind the end":        {good + "end 1\n" + l, 5},
		"an end and more":       {good + l + "end 2 2\n", 6},
	} {
		path := filepath.Join(t.TempDir(), "pins")
		if err := os.WriteFile(path, []byte(good+"end 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := open(t, path) // before it is damaged
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, opened := identity.Open(path)
		_, listed := p.List()
		verdict, _, checked := p.Check("http://c", key(t, someKey))
		_, _, accepted := p.Accept(t.Context(), "http://a", identity.Fingerprint{})
		_, removed := p.Remove(t.Context(), "http://a")
		for what, err := range map[string]error{"open": opened, "list": listed, "check": checked, "accept": accepted, "remove": removed,
			"remember": p.Remember(t.Context(), "http://c", key(t, someKey))} {
			e := new(identity.Error)
			if !errors.As(err, &e) || e.Line != c.line || e.Path != path || e.Kind != identity.KindPins || e.Mend == "" {
				t.Errorf("%s, %s: %v", name, what, err)
			} else if at := fmt.Sprintf("%s:%d: ", path, c.line); c.line > 0 && !strings.Contains(err.Error(), at) {
				t.Errorf("%s, %s: %v is without %s", name, what, err, at)
			}
		}
		if verdict != 0 {
			t.Errorf("%s: the verdict is %v", name, verdict)
		}
		if text, _ := os.ReadFile(path); string(text) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestOtherLinesStay: a change leaves all other lines, comments and what a later
// version wrote, byte for byte.
func TestOtherLinesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	later := strings.TrimSuffix(line("http://b"), "\n") + "\tvia=proxy note=\n"
	head := "secstream-pins 1.7\r\n# mine\n   \n" + strings.Replace(line("http://a"), " ", "\t ", 1) + later
	if err := os.WriteFile(path, []byte(head+line("http://c")+"end 3\n# behind"), 0o600); err != nil { // and no line break at its end
		t.Fatal(err)
	}
	p := open(t, path)
	if err := p.Remember(t.Context(), "d", key(t, otherKey)); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), head+line("http://c")+"# behind\nhttp://d ed25519:") || !strings.HasSuffix(string(text), "Z\nend 4\n") {
		t.Fatalf("%s", text)
	}
	// Seen again: its time is another, the rest of its line is kept.
	if err := p.Remember(t.Context(), "http://b", key(t, someKey)); err != nil {
		t.Fatal(err)
	}
	if text, _ = os.ReadFile(path); !strings.Contains(string(text), "Z via=proxy note=\nhttp://c ") {
		t.Fatalf("%s", text)
	}
	// What was known of the old key is not said of the new.
	if _, _, err := p.Accept(t.Context(), "http://b", identity.Fingerprint{}); err != nil {
		t.Fatal(err)
	}
	if text, _ = os.ReadFile(path); strings.Contains(string(text), "via") {
		t.Fatalf("%s", text)
	}
	for _, address := range []string{"http://a", "http://b", "http://c", "http://d"} {
		if _, err := p.Remove(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	if text, _ = os.ReadFile(path); string(text) != "secstream-pins 1.7\r\n# mine\n   \n# behind\nend 0\n" {
		t.Fatalf("%s", text)
	}
}

// cutAnywhere asserts that the file at path, of three servers, is refused when it is
// cut at any byte, or when any of its lines with a server is blanked or gone.
func cutAnywhere(t *testing.T, path string, read func() error) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(text), "\nend 3\n") {
		t.Fatalf("%s, %v", text, err)
	}
	refused := func(what, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := new(identity.Error)
		if err := read(); !errors.Is(err, identity.ErrDamaged) || !errors.As(err, &e) || e.Mend == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range len(text) - 1 { // without the last line break all is there
		refused(fmt.Sprintf("cut at %d of %d", n, len(text)), string(text[:n]))
		refused(fmt.Sprintf("zeros from %d of %d", n, len(text)), string(text[:n])+strings.Repeat("\x00", len(text)-n))
	}
	servers := 0
	for l := range strings.Lines(string(text)) {
		if !strings.HasPrefix(l, "http") && !strings.HasPrefix(l, "end") {
			continue
		}
		servers++
		refused("a blank line", strings.Replace(string(text), l, strings.Repeat(" ", len(l)-1)+"\n", 1))
		refused("a line is gone", strings.Replace(string(text), l, "", 1))
		refused("a comment", strings.Replace(string(text), l, "#"+l[1:], 1))
	}
	if err := os.WriteFile(path, text[:len(text)-1], 0o600); err != nil || servers != 4 {
		t.Fatal(servers, err)
	}
	if err := read(); err != nil {
		t.Errorf("all is there: %v", err)
	}
}

// TestCutPins: a file that has lost servers is not one of fewer.
func TestCutPins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	p := open(t, path)
	for _, address := range []string{"h1", "https://h2/a", "h3"} {
		if err := p.Remember(t.Context(), address, key(t, someKey)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.Accept(t.Context(), "h3", identity.Fingerprint{}); err != nil {
		t.Fatal(err)
	}
	cutAnywhere(t, path, func() error { _, _, err := p.Check("h4", key(t, someKey)); return err })
	// What the hint says mends it.
	if err := os.WriteFile(path, []byte(magic+line("http://a")+line("http://b")), 0o600); err != nil {
		t.Fatal(err)
	}
	e := new(identity.Error)
	if _, err := p.List(); !errors.As(err, &e) || !strings.HasSuffix(e.Mend, `have its last line be "end 2"`) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(magic+line("http://a")+line("http://b")+"end 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, p, "http://b", key(t, someKey), identity.Known)
}

func TestFullPinsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	text := magic + strings.Repeat("#"+strings.Repeat("x", 1022)+"\n", 1023) + "end 0\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, path)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = p.Remember(t.Context(), fmt.Sprintf("h%d", n), key(t, someKey))
	}
	if e := new(identity.Error); !errors.As(err, &e) || errors.Is(err, identity.ErrDamaged) || !strings.Contains(e.Mend, "remove") {
		t.Fatal(err)
	}
	if list, err := p.List(); err != nil || len(list) != n-1 {
		t.Fatalf("%d of %d: %v", len(list), n-1, err)
	}
}

func TestPinsAreOnesOwn(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // no such rights there
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "pins")
	p := open(t, path)
	if err := p.Remember(t.Context(), "h", key(t, someKey)); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	refuses := func(what string, want error) {
		t.Helper()
		_, opened := identity.Open(path)
		_, _, checked := p.Check("h", key(t, someKey))
		_, _, accepted := p.Accept(t.Context(), "x", identity.Fingerprint{})
		for _, err := range []error{opened, checked, accepted, p.Remember(t.Context(), "x", key(t, someKey))} {
			if e := new(identity.Error); !errors.Is(err, want) || !errors.As(err, &e) || e.Mend == "" {
				t.Errorf("%s: %v", what, err)
			}
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", what)
		}
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		refuses(fmt.Sprintf("file %#o", mode), identity.ErrExposed)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]error{0o755: nil, 0o711: nil, 0o775: identity.ErrExposed, 0o757: identity.ErrExposed} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if want != nil {
			refuses(fmt.Sprintf("folder %#o", mode), want)
		} else if _, err := identity.Open(path); err != nil {
			t.Errorf("folder %#o: %v", mode, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(dir, "real")
	if err := errors.Join(os.Rename(path, real), os.Symlink(real, path)); err != nil {
		t.Fatal(err)
	}
	refuses("a link", identity.ErrLink)
	// The user's folder may be one.
	folder := filepath.Join(t.TempDir(), "config")
	if err := errors.Join(os.Remove(path), os.Rename(real, path), os.Symlink(dir, folder)); err != nil {
		t.Fatal(err)
	}
	says(t, open(t, filepath.Join(folder, "pins")), "h", key(t, someKey), identity.Known)
}

// TestLeftBehind: what a crash left between writing and putting in place is
// neither read nor in the way.
func TestLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pins")
	p := open(t, path)
	if err := p.Remember(t.Context(), "h", key(t, someKey)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(magic+line("http://x")+"half a l"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, p, "x", key(t, someKey), identity.New)
	says(t, p, "h", key(t, someKey), identity.Known)
	if err := p.Remember(t.Context(), "h2", key(t, someKey)); err != nil {
		t.Fatal(err)
	}
	says(t, p, "x", key(t, someKey), identity.New)
	says(t, p, "h2", key(t, someKey), identity.Known)
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestVerdictsAreWords(t *testing.T) {
	for v, want := range map[identity.Verdict]string{0: "none", identity.New: "new", identity.Known: "known", identity.Changed: "changed", 9: "none"} {
		if v.String() != want {
			t.Errorf("%d is %q", v, v)
		}
	}
}

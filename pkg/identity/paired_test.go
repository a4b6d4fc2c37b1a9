package identity_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"secstream/pkg/identity"
)

func openPaired(t *testing.T, path string) *identity.Paired {
	t.Helper()
	p, err := identity.OpenPaired(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func kept(t *testing.T, p *identity.Paired, address, want string) {
	t.Helper()
	if got, err := p.Token(address); err != nil || got != want {
		t.Errorf("%s: %q, want %q: %v", address, got, want, err)
	}
}

// TestPaired: a token is for one canonical address, outlives the program, and is
// replaced and forgotten.
func TestPaired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "paired")
	p := openPaired(t, path)
	kept(t, p, "http://h:1", "")
	if was, err := p.Forget(t.Context(), "http://h:1"); was || err != nil {
		t.Error(was, err)
	}
	if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a look makes files: %v", err)
	}
	for address, token := range map[string]string{"H.:1/": "sst_one", "https://h:1": "sst_two", "http://h:1/prefix": "sst_three"} {
		if err := p.Keep(t.Context(), address, token); err != nil {
			t.Fatal(err)
		}
	}
	again := openPaired(t, path)
	kept(t, again, "http://h:1", "sst_one")
	kept(t, again, "https://h:1", "sst_two")
	kept(t, again, "http://h:1/prefix/", "sst_three")
	for _, other := range []string{"http://h:2", "http://h", "http://g:1", "http://h:1/pre", "https://h:1/prefix", "http://[::1]:1"} {
		kept(t, again, other, "")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := again.Keep(t.Context(), "http://h:1", "sst_new"); err != nil {
		t.Fatal(err)
	}
	kept(t, p, "http://h:1", "sst_new")
	if was, err := p.Forget(t.Context(), "https://h:1/"); !was || err != nil {
		t.Error(was, err)
	}
	kept(t, again, "https://h:1", "")
	kept(t, again, "http://h:1/prefix", "sst_three")
	for _, token := range []string{"", "a b", "a\nhttp://g x", "ä", strings.Repeat("x", 513)} {
		if err := p.Keep(t.Context(), "http://h:1", token); err == nil || strings.Contains(err.Error(), "g x") {
			t.Errorf("%q: %v", token, err)
		}
	}
	if _, err := p.Token("ftp://h"); !errors.Is(err, identity.ErrAddress) {
		t.Error(err)
	}
	if err := p.Keep(t.Context(), "http://h?x", "sst"); !errors.Is(err, identity.ErrAddress) {
		t.Error(err)
	}
}

// TestPairedAtOnce: what several players keep at the same time is all there.
func TestPairedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paired")
	var all sync.WaitGroup
	for _, port := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		p := openPaired(t, path)
		all.Go(func() {
			if err := p.Keep(t.Context(), "http://h:"+port, "sst_"+port); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, port := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		kept(t, openPaired(t, path), "http://h:"+port, "sst_"+port)
	}
}

// TestPairedDamage: a file that is not as it was written is told of with its
// line, never written over, and no error has what may be a token.
func TestPairedDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paired")
	p := openPaired(t, path)
	for text, want := range map[string]string{
		"":                      "it is empty",
		"http://h sst_secret\n": ":1: it is damaged: it does not begin with",
		"secstream-paired 2\n":  ":1: it is damaged: it does not begin with",
		"secstream-pins 1\n":    ":1: it is damaged: it does not begin with",
		"secstream-paired 1\nhttp://h sst_secret\n":                         ": it is damaged: it is cut short",
		"secstream-paired 1\nhttp://h sst_secret\nend 2\n":                  ":3: it is damaged: servers are missing, or too many: 1 are there",
		"secstream-paired 1\nhttp://h sst_secret\nend sst_secret\n":         ":3: it is damaged: servers are missing",
		"secstream-paired 1\nhttp://h sst_secret\nend 1\nend sst_secret\n":  ":4: it is damaged: its first word",
		"secstream-paired 1\nsst_secret\n":                                  ":2: it is damaged: it has 1 words",
		"secstream-paired 1\n\nhttp://h sst_secret x\n":                     ":3: it is damaged: it has 3 words",
		"secstream-paired 1\n\nhttp://h sst_secret clear x\n":               ":3: it is damaged: it has 4 words",
		"secstream-paired 1\nsst_secret http://h\n":                         ":2: it is damaged: its first word",
		"secstream-paired 1\nHTTP://h sst_secret\n":                         ":2: it is damaged: its first word",
		"secstream-paired 1\nhttp://h sst_secretä\n":                        ":2: it is damaged: its second word",
		"secstream-paired 1\n# x\nhttp://h sst_secret\nhttp://h sst_secret": ":4: it is damaged: http://h is in line 3 already",
		"secstream-paired 1\n" + strings.Repeat("# sst_secret\n", 100_000):  "it has more than",
		"secstream-paired 1\nhttp://h " + strings.Repeat("sst_secret", 60):  "its second word",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, openErr := identity.OpenPaired(path)
		_, tokenErr := p.Token("http://h")
		_, forgetErr := p.Forget(t.Context(), "http://h")
		for _, err := range []error{openErr, tokenErr, forgetErr, p.Keep(t.Context(), "http://h", "sst_new")} {
			e := new(identity.Error)
			if !errors.As(err, &e) || !errors.Is(err, identity.ErrDamaged) || e.Kind != identity.KindPaired || e.Path != path || e.Mend == "" ||
				!strings.Contains(err.Error(), want) || strings.Contains(err.Error()+e.Mend, "sst_secret") {
				t.Errorf("%.40q: %v", text, err)
			}
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%.40q was written over: %v", text, err)
		}
	}
	if err := os.WriteFile(path, []byte("secstream-paired 1\n# mine\n\nhttp://g sst_g\nend 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Keep(t.Context(), "http://h", "sst_h"); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != "secstream-paired 1\n# mine\n\nhttp://g sst_g\nhttp://h sst_h\nend 2\n" {
		t.Errorf("%q, %v", now, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	e := new(identity.Error)
	if _, err := p.Token("http://h"); !errors.Is(err, identity.ErrExposed) || !errors.As(err, &e) || !strings.Contains(e.Mend, "removes this player's tokens") {
		t.Error(err)
	}
}

// TestCutPaired: a file that has lost tokens is not one of fewer.
func TestCutPaired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paired")
	p := openPaired(t, path)
	for _, address := range []string{"h1", "https://h2/a", "h3"} {
		if err := p.Keep(t.Context(), address, "sst_of_"+address[:2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.AllowClear(t.Context(), "h3"); err != nil {
		t.Fatal(err)
	}
	cutAnywhere(t, path, func() error { _, err := p.Token("h4"); return err })
}

// TestTokenInClear: what may go unencrypted is one token, until it is replaced.
func TestTokenInClear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paired")
	p := openPaired(t, path)
	is := func(address string, want bool) {
		t.Helper()
		if got, err := openPaired(t, path).InClear(address); err != nil || got != want {
			t.Errorf("%s: %t, %v", address, got, err)
		}
	}
	if err := p.AllowClear(t.Context(), "http://h:1"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file without a token: %v", err)
	}
	for _, address := range []string{"http://h:1", "http://h:2"} {
		if err := p.Keep(t.Context(), address, "sst_a"); err != nil {
			t.Fatal(err)
		}
		is(address, false)
	}
	for range 2 {
		if err := p.AllowClear(t.Context(), "http://H:1/"); err != nil {
			t.Fatal(err)
		}
	}
	is("http://h:1", true)
	is("http://h:2", false)
	is("http://h:3", false)
	kept(t, p, "http://h:1", "sst_a")
	if err := p.Keep(t.Context(), "http://h:1", "sst_b"); err != nil {
		t.Fatal(err)
	}
	is("http://h:1", false)
	if err := p.AllowClear(t.Context(), "http://h:1"); err != nil {
		t.Fatal(err)
	}
	if was, err := p.Forget(t.Context(), "http://h:1"); !was || err != nil {
		t.Error(was, err)
	}
	is("http://h:1", false)
	for _, address := range []string{"", "http://u@h"} {
		if _, err := p.InClear(address); !errors.Is(err, identity.ErrAddress) || !errors.Is(p.AllowClear(t.Context(), address), identity.ErrAddress) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestBusy: a file that somebody else keeps to themselves is told of, and what to
// do about it.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paired")
	p := openPaired(t, path)
	lock := flock.New(path + ".lock")
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock() //nolint:errcheck // the folder goes
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	e := new(identity.Error)
	if err := p.Keep(ctx, "http://h", "sst_x"); !errors.Is(err, identity.ErrBusy) || !errors.As(err, &e) || !strings.Contains(e.Mend, path+".lock") {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := p.Keep(ctx, "http://h", "sst_x"); !errors.Is(err, context.Canceled) || errors.Is(err, identity.ErrBusy) {
		t.Error(err)
	}
}

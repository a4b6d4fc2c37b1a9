package cmd

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"secstream/pkg/identity"
)

// TestNewIdentityIsAskedFor: at a terminal nothing but a clear yes makes players
// refuse.
func TestNewIdentityIsAskedFor(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "identity")
	call := func(answer string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = Main(t.Context(), []string{"secstream", "identity", "new"}, Env{
			Stdin: strings.NewReader(answer), StdinTTY: true, Stdout: &out, Stderr: &errs, ConfigDir: func() (string, error) { return home, nil },
		})
		return code, out.String(), errs.String()
	}
	if code, _, stderr := call(""); code != exitOK || stderr != "" {
		t.Fatalf("the first: %d, %s", code, stderr)
	}
	first, err := identity.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"", "\n", "y\n", "no\n", "yes, but\n", "YES\n"} {
		code, stdout, stderr := call(answer)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, "Type yes to make one: ") || !strings.Contains(stderr, "secstream: error: nothing was changed\n") {
			t.Errorf("%q: %d, %s%s", answer, code, stdout, stderr)
		}
		if now, err := identity.Load(dir); err != nil || now.Fingerprint() != first.Fingerprint() {
			t.Fatalf("%q made another: %v", answer, err)
		}
	}
	code, stdout, stderr := call("yes\n")
	now, err := identity.Load(dir)
	if err != nil || code != exitOK || now.Fingerprint() == first.Fingerprint() || stdout != now.Fingerprint().String()+"\n" {
		t.Fatalf("%d, %s%s: %v", code, stdout, stderr, err)
	}
}

// TestChangedIdentityIsTold: whoever is refused reads both fingerprints and the
// one command that would take the new key.
func TestChangedIdentityIsTold(t *testing.T) {
	pinned, got := identity.FingerprintOf(make([]byte, 32)), identity.FingerprintOf(bytes.Repeat([]byte{1}, 32))
	err := errors.Join(&identity.Mismatch{Pin: identity.Pin{Address: "http://[::1]:8420/a'b", Fingerprint: pinned}, Got: got}, fs.ErrNotExist)
	if o := outcomeOf(err); o.code != exitRefused || o.name != "identity_changed" {
		t.Errorf("%+v", o)
	}
	text := told(t, err)
	for _, want := range []string{"secstream: error: the identity of http://[::1]:8420/a'b is another than before", pinned.String(), got.String(),
		`: secstream pins accept 'http://[::1]:8420/a'\''b' ` + got.String() + "\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
}

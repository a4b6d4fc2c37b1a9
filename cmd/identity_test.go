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

// TestIdentityAndPinsUsage: calls that cannot be carried out as written, without
// an identity and without pins.
func TestIdentityAndPinsUsage(t *testing.T) {
	const some = "SHA256:66:68:7A:AD:F8:62:BD:77:6C:8F:C1:8B:8E:9F:8E:20:08:97:14:85:6E:E2:33:B3:90:2A:59:1D:0D:5F:29:25"
	for call, want := range map[string]struct {
		code       int
		error, say string // of the error, and of the hint or of standard output
	}{
		"identity dance":                    {exitUsage, `there is no command "identity dance"`, `"secstream identity --help" shows them`},
		"identity show x":                   {exitUsage, "identity show takes no arguments", "secstream identity show"},
		"identity new x":                    {exitUsage, "identity new takes no arguments", "secstream identity new"},
		"identity export a b":               {exitUsage, "identity export takes one address at most", "secstream identity export 192.0.2.7:8420"},
		"identity --nope":                   {exitUsage, "there is no flag --nope", `"secstream identity --help" shows how it is called`},
		"identity export":                   {exitFailed, "file does not exist", `"secstream serve" makes it`},
		"identity --json":                   {exitFailed, `"kind":"identity_file"`, "secstream serve"},
		"identity --help":                   {exitOK, "", "make another key: all players refuse"},
		"identity export --help":            {exitOK, "", "--qr"},
		"pins":                              {exitOK, "", ""},
		"pins --json list":                  {exitOK, "", `{"pins":[]}` + "\n"},
		"pins dance":                        {exitUsage, `there is no command "pins dance"`, `"secstream pins --help" shows them`},
		"pins list x":                       {exitUsage, "pins list takes no arguments", "secstream pins list"},
		"pins accept http://h":              {exitUsage, "pins accept needs an address and a fingerprint", "SHA256:..."},
		"pins accept http://h SHA256:66:68": {exitUsage, `"SHA256:66:68" has 2 of the 32 pairs of digits`, "as the server prints it"},
		"pins accept http://h SHA256:ZmiK+q34Yr13bI/Bi46fjiAIlxSFbuIzs5AqWR0NXyk": {exitUsage, "is that of a TLS key", "as the server prints it"},
		"pins accept ftp://h " + some: {exitUsage, `not an address of a secstream server: "ftp://h"`, ""},
		"pins remove":                 {exitUsage, "pins remove needs one address", "secstream pins remove"},
		"pins remove ftp://h":         {exitUsage, `not an address of a secstream server: "ftp://h"`, ""},
		"pins remove h":               {exitFailed, "http://h: there is no pin for that address", `"secstream pins" lists them`},
		"pins --help":                 {exitOK, "", "take this identity of a server and no other from now on"},
	} {
		var out, errs bytes.Buffer
		home := t.TempDir()
		code := Main(t.Context(), append([]string{"secstream"}, strings.Fields(call)...), Env{
			Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, ConfigDir: func() (string, error) { return home, nil },
		})
		where := &errs
		if want.code == exitOK {
			where = &out
		}
		if code != want.code || !strings.Contains(errs.String(), want.error) || !strings.Contains(where.String(), want.say) || code != exitOK && out.Len() > 0 {
			t.Errorf("%s: %d, %s%s", call, code, &out, &errs)
		}
		if left, err := filepath.Glob(filepath.Join(home, "*")); err != nil || len(left) > 0 {
			t.Errorf("%s made %v", call, left)
		}
	}
}

func TestExportedAddress(t *testing.T) {
	home := t.TempDir()
	id, _, err := identity.Create(t.Context(), filepath.Join(home, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"Music.example:8420/": "secstream://music.example:8420/#", "https://music.example/a": "secstreams://music.example/a#", "": "",
	} {
		var out, errs bytes.Buffer
		env := Env{Stdout: &out, Stderr: &errs, ConfigDir: func() (string, error) { return home, nil }}
		if err := runIdentityExport(env, exportOptions{address: address}); err != nil || out.String() != want+id.Fingerprint().String()+"\n" {
			t.Errorf("%q: %s: %v", address, &out, err)
		}
	}
	env := Env{Stdout: &bytes.Buffer{}, StdoutTTY: true, Width: func() int { return 40 }, ConfigDir: func() (string, error) { return home, nil }}
	if text := told(t, runIdentityExport(env, exportOptions{qr: true})); !strings.Contains(text, "45 columns wide, and the terminal 40") || !strings.Contains(text, "hint: make the window wider") {
		t.Error(text)
	}
	// With colours of its own, unless they are not wanted.
	for noColor, want := range map[string]bool{"": true, "1": false} {
		t.Setenv("NO_COLOR", noColor)
		t.Setenv("TERM", "xterm")
		t.Setenv("WT_SESSION", "1")
		var out bytes.Buffer
		env := Env{Stdout: &out, StdoutTTY: true, Width: func() int { return 80 }, ConfigDir: func() (string, error) { return home, nil }}
		if err := runIdentityExport(env, exportOptions{qr: true}); err != nil || strings.Contains(out.String(), "\x1b[") != want {
			t.Errorf("NO_COLOR=%s: %v, %q", noColor, err, out.String())
		}
	}
}

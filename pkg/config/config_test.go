package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var schema = Schema{
	"listen": "", "randomize": false, "compression": 0, "variance": 0.0, "slice": time.Duration(0),
	"cors": []string(nil), "max-upload": Size(""), "token-file": Path(""), "paths": Paths(nil),
}

func TestParse(t *testing.T) {
	f, err := parse("f", filepath.FromSlash("/etc"), `
# a comment
listen = ":8420"
randomize = true
compression = 6
variance = 1
slice = "2500ms"
cors = [
  "https://a.example",
  "https://b.example",
]
max-upload = 1024
token-file = "tokens"
paths = "music"
`, schema)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Value{
		"listen": {3, ":8420"}, "randomize": {4, true}, "compression": {5, 6}, "variance": {6, 1.0},
		"slice": {7, 2500 * time.Millisecond}, "cors": {8, []string{"https://a.example", "https://b.example"}},
		"max-upload": {12, Size("1024")}, "token-file": {13, Path(filepath.FromSlash("/etc/tokens"))},
		"paths": {14, Paths{filepath.FromSlash("/etc/music")}},
	}
	if !reflect.DeepEqual(f.Values, want) {
		t.Errorf("%#v\nwant %#v", f.Values, want)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]Error{
		"slise = '5s'":                            {Line: 1, Text: `there is no setting "slise"`, Near: "slice"},
		"\nmax_upload = 1":                        {Line: 2, Text: `there is no setting "max_upload"`, Near: "max-upload"},
		"tls-cert = 'x'":                          {Line: 1, Text: `there is no setting "tls-cert"`},
		"[server]\nlisten = ':1'":                 {Line: 1, Text: `there is no setting "server"`},
		"\n\nserver.port = 1":                     {Line: 3, Text: `there is no setting "server"`},
		"slice = 5":                               {Line: 1, Text: `slice takes a length of time in quotes, as "5s" or "30m", and not a whole number`},
		"slice = '5 apples'":                      {Line: 1, Text: `slice takes a length of time in quotes, as "5s" or "30m", and not "5 apples"`},
		"listen = 8420":                           {Line: 1, Text: "listen takes text in quotes, and not a whole number"},
		"randomize = 'yes'":                       {Line: 1, Text: "randomize takes true or false, and not text"},
		"compression = 6.5":                       {Line: 1, Text: "compression takes a whole number, and not a number"},
		"compression = 9223372036854775807":       {Line: 1, Text: "compression takes a smaller number than 9223372036854775807"},
		"variance = 2026-01-01":                   {Line: 1, Text: "variance takes a number, and not a date"},
		"max-upload = -1":                         {Line: 1, Text: `max-upload takes a size, as "256MB" or a number of bytes, and not a whole number`},
		"cors = [1]":                              {Line: 1, Text: `cors takes text in quotes, as ["one", "two"], and not a whole number`},
		"paths = {}":                              {Line: 1, Text: `paths takes paths in quotes, as ["/music"], and not a table`},
		"listen = ':1'\n\nlisten = ':2'":          {Line: 3, Text: "Key 'listen' has already been defined."},
		"# fine\nlisten = ":                       {Line: 2, Text: "expected value but found '\\n' instead"},
		"zzz = 1\nyyy = 1\nslice = 5\nlisten = 1": {Line: 1, Text: `there is no setting "zzz"`},
	} {
		_, err := parse("f", "/", text, schema)
		e := new(Error)
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if want.Path = "f"; *e != want {
			if strings.HasPrefix(want.Text, "expected value") && e.Line == want.Line {
				continue // the library's words
			}
			t.Errorf("%q:\n%+v, want\n%+v", text, *e, want)
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	e := new(Error)
	if _, err := Read(filepath.Join(dir, "none"), schema); !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Read(dir, schema); !errors.As(err, &e) || e.Line != 0 {
		t.Errorf("a folder: %v", err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, []byte(strings.Repeat("#\n", maxBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(long, schema); !errors.As(err, &e) || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("too long: %v", err)
	}
}

// TestRoundTrip: what is written is read as it was.
func TestRoundTrip(t *testing.T) {
	values := map[string]any{
		"listen": "[::1]:0 \"quoted\" \n\t\\ \u202e \x7f", "randomize": true, "compression": -3, "variance": 0.1,
		"slice": 90 * time.Second, "cors": []string{}, "max-upload": Size("256MB"),
		"token-file": Path(""), "paths": Paths{"/a b", "/ü # no comment", `/c"d\e`},
	}
	var text []byte
	for key, v := range values {
		var err error
		if text, err = Append(text, key, v, "from\nhere \xff"); err != nil {
			t.Fatal(err)
		}
	}
	f, err := parse("f", "/", string(text), schema)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for key, v := range values {
		if got := f.Values[key].V; !reflect.DeepEqual(got, v) {
			t.Errorf("%s: %#v, want %#v", key, got, v)
		}
	}
	if _, err := Append(nil, "paths", Paths{"/\xff"}, ""); err == nil {
		t.Error("a path that is not UTF-8 was written")
	}
}

// FuzzParse: whatever a file holds, it is read, or refused with its line; what
// is read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"listen = ':1' # x", "slice = '5s'\ncors = ['a', 'b']", "[a]\nb.c = 1", "[[a]]\n[[a.b]]", "variance = nan", "compression = 0x10",
		"a = {b = {c = []}}", "max-upload = '1GB'\npaths = []", "x = '''\n", "\xff", "randomize = true", "token-file = 'x'", "a.b.c = 1\na.b = 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parse("f", "/", text, schema)
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Text == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		var again []byte
		for key, v := range file.Values {
			if v.Line < 1 || v.Line > 1+strings.Count(text, "\n") {
				t.Fatalf("%s on line %d", key, v.Line)
			}
			if again, err = Append(again, key, v.V, "x"); err != nil {
				t.Fatal(err)
			}
		}
		second, err := parse("f", "/", string(again), schema)
		if err != nil || len(second.Values) != len(file.Values) {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}

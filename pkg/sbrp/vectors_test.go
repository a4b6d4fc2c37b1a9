package sbrp

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// octets is hexadecimal digits in the vectors.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// number is four digits of a code, or sixteen of a session's id.
type number uint64

func (n *number) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	for _, x := range b {
		*n = *n<<8 | number(x)
	}
	return err
}

func vectors(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/vectors/sbrp.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// group reads one group of the vectors into to.
func group(t testing.TB, name string, to any) {
	t.Helper()
	raw, ok := vectors(t)[name]
	if !ok {
		t.Fatalf("no vectors %s", name)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// groupOf reads a group that is a list, which may not be empty.
func groupOf[T any](t testing.TB, name string) []T {
	t.Helper()
	var list []T
	if group(t, name, &list); len(list) == 0 {
		t.Fatalf("vectors %s are empty", name)
	}
	return list
}

// Each group of the vectors is asked for by a test, here or in channel.
func TestAllVectorsAreRun(t *testing.T) {
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "channel/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	for name := range vectors(t) {
		if name != "meta" && !strings.Contains(tests.String(), `(t, "`+name+`"`) {
			t.Errorf("no test reads the vectors %s", name)
		}
	}
}

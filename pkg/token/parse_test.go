package token

import (
	"slices"
	"strings"
	"testing"
)

// FuzzParse: what parses has names that can be looked up, and stays what it is when
// it is written anew.
func FuzzParse(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	f.Add("# a comment\n\nann sha256:" + sum + " 2026-01-31\n")
	f.Add("ann sha256:" + sum + " 2026-01-31\r\nbob\tsha256:" + strings.ToUpper(sum[2:]) + "ff  2024-02-29")
	f.Add("ann sha256:" + sum + " 2026-01-31\nann sha256:" + sum + " 2026-01-31\n")
	f.Add("sst_secret\n\x00#\xff")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parse([]byte(text))
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Line < 0 || e.Line > strings.Count(text, "\n")+1 {
				t.Fatal(err)
			}
			return
		}
		var again strings.Builder
		for _, e := range set {
			if checkName(e.Name) != nil {
				t.Fatalf("name %q", e.Name)
			}
			again.WriteString(e.line())
		}
		if other, err := parse([]byte(again.String())); err != nil || !slices.Equal(other, set) {
			t.Fatalf("%q: %v", again.String(), err)
		}
	})
}

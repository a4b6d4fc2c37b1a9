package keys

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/keys.md anew")

func TestDocIsMadeFromTheTable(t *testing.T) {
	const file = "../../docs/keys.md"
	if *update {
		if err := os.WriteFile(file, []byte(Doc()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(have), "\r\n", "\n") != Doc() {
		t.Errorf("%s is not what the table says; go test ./tui/keys -update writes it", file)
	}
}

// A key means one thing where two parts are asked at once, or the table hides
// a line of its own.
func TestNoKeyHidesAnother(t *testing.T) {
	m, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range [][]Where{{Library, Lists, Anywhere}, {Queue, Lists, Anywhere}, {Lyrics, Anywhere}, {Filter}} {
		seen := map[string]Action{}
		for _, w := range parts {
			for _, b := range m.In(w) {
				for _, k := range b.Keys {
					if other, double := seen[k]; double {
						t.Errorf("%s: %q is %s and %s", w.Title(), k, other, b.Action)
					}
					seen[k] = b.Action
					if !valid(k) {
						t.Errorf("%q is no key that settings could name", k)
					}
					if m.Find(k, parts...) != b.Action {
						t.Errorf("%q is not found", k)
					}
				}
				if b.Does == "" || b.Short == "" {
					t.Errorf("%s says nothing", b.Action)
				}
			}
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	names := Actions()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(table) {
		t.Error("two actions have one name")
	}
}

func TestWishes(t *testing.T) {
	m, err := New(map[string][]string{"next": {"right", "f5"}, "shuffle": {}, "ahead": {"l"}, "sort": {"S"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Action{"right": Next, "f5": Next, "n": "", "l": Ahead, "s": "", "S": Sort, "h": Back} {
		if got := m.Find(key, Library, Lists, Anywhere); got != want {
			t.Errorf("%q is %q, want %q", key, got, want)
		}
	}
	// A default gives its key to a wish.
	if m, err = New(map[string][]string{"mute": {"n"}}); err != nil || m.Find("n", Anywhere) != Mute || m.Find(">", Anywhere) != Next {
		t.Errorf("n is %q: %v", m.Find("n", Anywhere), err)
	}
}

func TestWishesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		wish map[string][]string
		want string
	}{
		"no action": {map[string][]string{"sing": {"a"}}, "key-sing: there is no such action"},
		"no key":    {map[string][]string{"next": {"hyper+n"}}, `key-next: there is no key "hyper+n"`},
		"a digit":   {map[string][]string{"next": {"5"}}, `key-next: there is no key "5"`},
		"empty":     {map[string][]string{"next": {""}}, `key-next: there is no key ""`},
		"a control": {map[string][]string{"next": {"\x1b"}}, `key-next: there is no key "\x1b"`},
		"twice":     {map[string][]string{"next": {"x"}, "mute": {"x"}}, `key-mute: "x" is the key of next already`},
	} {
		_, err := New(c.wish)
		if e := new(Error); !errors.As(err, &e) || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for key, want := range map[string]string{"shift+left": "shift+←", "pgup": "pgup", "pgdown": "pgdown", "up": "↑", "n": "n", "space": "space"} {
		if got := Name(key); got != want {
			t.Errorf("%q is written %q, want %q", key, got, want)
		}
	}
	if (Binding{}).Key() != "" {
		t.Error("a line without keys has one")
	}
}

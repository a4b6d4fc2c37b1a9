// Package keys is the one table of what the keys of the player's screen do.
// The screen asks it what a key means, the screen's help and docs/keys.md are
// printed from it, and a user's settings change it. Names of keys and of
// actions flow in and out; it knows no terminal and imports nothing of ours.
package keys

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Action is what a key does. Its name is what settings call it.
type Action string

// Where is the part of the screen in which a key means something.
type Where uint8

// The parts. A key of a part means there what the part says, whatever it means
// elsewhere.
const (
	Anywhere Where = iota
	Lists          // in the library and in the queue
	Library
	Queue
	Lyrics
	Filter // while a filter is typed; all other keys are text then
	wheres
)

// Title is what people call the part.
func (w Where) Title() string {
	return [wheres]string{"Anywhere", "In lists", "In the library", "In the queue", "In the lyrics", "While a filter is typed"}[w]
}

// Binding is one line of the table.
type Binding struct {
	Action Action
	Where  Where
	Keys   []string // as terminals' libraries name them: "n", "ctrl+c", "shift+left", "space"
	Short  string   // a word or two
	Does   string   // a whole phrase
	// Count is what a number typed before the key does: "so many", or "" where
	// it means nothing.
	Count string
}

// Map says what each key does. The zero Map knows none.
type Map struct {
	list  []Binding
	found [wheres]map[string]Action
}

// Error is a wish of the user's that cannot be followed.
type Error struct {
	Action string
	Text   string // what is wrong
}

func (e *Error) Error() string { return "key-" + e.Action + ": " + e.Text }

// New is the table with the user's keys in place of those it has: for each
// action all keys that are to do it, none to have it done by no key. Two
// actions that want one key are an *Error, and so is a key or an action that
// there is not. Two defaults never do; a default gives way to a wish.
func New(wishes map[string][]string) (Map, error) {
	var m Map
	wished := map[Action]bool{}
	for _, name := range sorted(wishes) {
		if !slices.ContainsFunc(table, func(b Binding) bool { return string(b.Action) == name }) {
			return Map{}, &Error{name, "there is no such action"}
		}
		for _, key := range wishes[name] {
			if !valid(key) {
				return Map{}, &Error{name, fmt.Sprintf("there is no key %q", key)}
			}
		}
		wished[Action(name)] = true
	}
	for _, b := range table {
		if wished[b.Action] {
			b.Keys = slices.Clone(wishes[string(b.Action)])
		} else {
			b.Keys = slices.DeleteFunc(slices.Clone(b.Keys), func(key string) bool { return taken(key, b.Where, wishes) })
		}
		m.list = append(m.list, b)
	}
	for w := range m.found {
		m.found[w] = map[string]Action{}
	}
	for _, b := range m.list {
		for _, key := range b.Keys {
			if other, double := m.found[b.Where][key]; double && other != b.Action {
				return Map{}, &Error{string(b.Action), fmt.Sprintf("%q is the key of %s already", key, other)}
			}
			m.found[b.Where][key] = b.Action
		}
	}
	return m, nil
}

// taken says whether the user wants key for something in the same part.
func taken(key string, where Where, wishes map[string][]string) bool {
	return slices.ContainsFunc(table, func(b Binding) bool {
		return b.Where == where && slices.Contains(wishes[string(b.Action)], key)
	})
}

func sorted(wishes map[string][]string) []string {
	names := make([]string, 0, len(wishes))
	for name := range wishes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Actions are the names of all actions, in the order of the table.
func Actions() []string {
	names := make([]string, len(table))
	for i, b := range table {
		names[i] = string(b.Action)
	}
	return names
}

// Find is what key does, looked for in each of the parts in turn; "" for
// nothing.
func (m Map) Find(key string, in ...Where) Action {
	for _, w := range in {
		if a, ok := m.found[w][key]; ok {
			return a
		}
	}
	return ""
}

// Of is the line of an action.
func (m Map) Of(a Action) Binding {
	for _, b := range m.list {
		if b.Action == a {
			return b
		}
	}
	return Binding{}
}

// In are the lines of a part, in order, without those that no key does.
func (m Map) In(w Where) []Binding {
	var list []Binding
	for _, b := range m.list {
		if b.Where == w && len(b.Keys) > 0 {
			list = append(list, b)
		}
	}
	return list
}

// Counts says whether a number before the key of an action means something.
func (m Map) Counts(a Action) bool { return m.Of(a).Count != "" }

// Key is how the first key of the line is written for people, "" where it has
// none.
func (b Binding) Key() string {
	if len(b.Keys) == 0 {
		return ""
	}
	return Name(b.Keys[0])
}

// Names are all keys of the line, as people read them.
func (b Binding) Names() []string {
	names := make([]string, len(b.Keys))
	for i, k := range b.Keys {
		names[i] = Name(k)
	}
	return names
}

var arrows = strings.NewReplacer("left", "←", "right", "→", "up", "↑", "down", "↓")

// Name is a key as people read it.
func Name(key string) string {
	if key == "pgup" || key == "pgdown" {
		return key
	}
	return arrows.Replace(key)
}

// named are the keys that are not letters.
var named = []string{
	"space", "enter", "esc", "tab", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end", "pgup", "pgdown",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
}

// valid says whether a keyboard can have the key. Digits are numbers.
func valid(key string) bool {
	for _, mod := range []string{"ctrl+", "alt+", "shift+"} {
		key = strings.TrimPrefix(key, mod)
	}
	if slices.Contains(named, key) {
		return true
	}
	r, n := utf8.DecodeRuneInString(key)
	return n == len(key) && n > 0 && r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsDigit(r)
}

package keys

import (
	"fmt"
	"strings"
)

// Doc is the page of the documentation: Markdown, from the table.
func Doc() string {
	var b strings.Builder
	b.WriteString(`# Keys of the player's screen

Made from the table in ` + "`tui/keys`" + ` by ` + "`go test ./tui/keys -update`" + `; ` + "`?`" + ` shows the same on the screen.

A number typed before a key is a count, as ` + "`5j`" + `; the table says what it does. A number alone is a place in the track, after half
a second or at once with enter: ` + "`5`" + ` is 50 %, ` + "`25`" + ` is 25 %, ` + "`0`" + ` is the start.

The mouse: a click on a name in the top line shows that view, one on a line selects it, a second plays it or opens it; a click
on the bar seeks, and so does dragging along it; the wheel scrolls, and over the lower part it turns the volume.
`)
	for w := range wheres {
		fmt.Fprintf(&b, "\n## %s\n\n| keys | | with a number | setting |\n|---|---|---|---|\n", w.Title())
		for _, line := range table {
			if line.Where == w {
				fmt.Fprintf(&b, "| %s | %s | %s | `key-%s` |\n", quoted(line.Names()), line.Does, line.Count, line.Action)
			}
		}
	}
	b.WriteString(`
## Other keys

In ` + "`player.toml`" + ` in the configuration folder (or the file that ` + "`--config`" + ` names) a line gives an action other keys, in place of all it has:

` + "```toml" + `
key-next = ["n", "right"]
key-ahead = ["l"]
key-shuffle = []                 # no key
` + "```" + `

Keys are called as in the tables: letters as themselves, ` + "`space`, `enter`, `esc`, `tab`, `backspace`, `delete`, `insert`, `up`, `down`, `left`,\n`right`, `home`, `end`, `pgup`, `pgdown`, `f1` to `f12`" + `, with ` + "`ctrl+`, `alt+` or `shift+`" + ` before them. Digits are numbers and nothing else.
A key that is given to another action is taken from the one that had it. Two actions for one key are an error.
`)
	return b.String()
}

func quoted(names []string) string {
	for i, n := range names {
		names[i] = "`" + n + "`"
	}
	return strings.Join(names, " ")
}

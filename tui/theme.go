package tui

import (
	"slices"

	"github.com/charmbracelet/lipgloss"
)

// shade is one colour: as true colour, in the 256 and in the 16 colours.
type shade struct {
	rgb  string
	c256 string
	c16  string
}

// colour is the shade for a renderer, which knows what its terminal shows.
func (s shade) colour() lipgloss.TerminalColor {
	return lipgloss.CompleteColor{TrueColor: s.rgb, ANSI256: s.c256, ANSI: s.c16}
}

// palette is a theme for one background.
type palette struct {
	accent shade // what plays, what can be done
	soft   shade // what is at hand: fetched and opened, and not played yet
	text   shade // what is selected
	dim    shade // what is said beside
	faint  shade // rules and edges
	trough shade // what is not there yet
	chosen shade // behind the selected line
	warn   shade
	fail   shade
}

// theme is a pair of palettes with a name.
type theme struct {
	name        string
	dark, light palette
}

// The greys that all themes but one share.
var (
	darkGreys = palette{
		text: shade{rgb: "#F4F7FA", c256: "255", c16: "15"}, dim: shade{rgb: "#98A2B3", c256: "247", c16: "7"},
		faint: shade{rgb: "#4A5463", c256: "239", c16: "8"}, trough: shade{rgb: "#2A313C", c256: "236", c16: "8"},
		chosen: shade{rgb: "#2B3442", c256: "237", c16: "8"},
		warn:   shade{rgb: "#F2B84B", c256: "215", c16: "3"}, fail: shade{rgb: "#FF7A76", c256: "210", c16: "1"},
	}
	lightGreys = palette{
		text: shade{rgb: "#11151A", c256: "233", c16: "0"}, dim: shade{rgb: "#525C69", c256: "240", c16: "8"},
		faint: shade{rgb: "#B4BBC5", c256: "250", c16: "7"}, trough: shade{rgb: "#DCE1E8", c256: "254", c16: "7"},
		chosen: shade{rgb: "#DDE5EE", c256: "254", c16: "7"},
		warn:   shade{rgb: "#8A5200", c256: "94", c16: "3"}, fail: shade{rgb: "#B3261E", c256: "124", c16: "1"},
	}
)

// with is the palette with these two colours of its own.
func (p palette) with(accent, soft shade) palette {
	p.accent, p.soft = accent, soft
	return p
}

// themes are all there are, the default first. Every one has the accent and
// the text at 4.5:1 or better on a black and on a white terminal, which a test
// holds them to.
var themes = []theme{
	{
		"tide",
		darkGreys.with(shade{rgb: "#3FD0B6", c256: "79", c16: "6"}, shade{rgb: "#1F6F66", c256: "23", c16: "8"}),
		lightGreys.with(shade{rgb: "#0B7A6B", c256: "29", c16: "6"}, shade{rgb: "#72BFB1", c256: "73", c16: "14"}),
	},
	{
		"ember",
		darkGreys.with(shade{rgb: "#FF9E64", c256: "215", c16: "3"}, shade{rgb: "#7A4526", c256: "94", c16: "8"}),
		lightGreys.with(shade{rgb: "#A8480A", c256: "130", c16: "3"}, shade{rgb: "#E3A06F", c256: "179", c16: "11"}),
	},
	{
		"orchid",
		darkGreys.with(shade{rgb: "#D7A3F7", c256: "183", c16: "5"}, shade{rgb: "#6A4585", c256: "60", c16: "8"}),
		lightGreys.with(shade{rgb: "#7B2FA8", c256: "91", c16: "5"}, shade{rgb: "#C08BE0", c256: "140", c16: "13"}),
	},
	{
		"mono",
		darkGreys.with(shade{rgb: "#FFFFFF", c256: "231", c16: "15"}, shade{rgb: "#7C8794", c256: "244", c16: "7"}),
		lightGreys.with(shade{rgb: "#000000", c256: "16", c16: "0"}, shade{rgb: "#8C95A0", c256: "246", c16: "8"}),
	},
}

// Themes are the names Config.Theme takes; the first is the default.
func Themes() []string {
	names := make([]string, len(themes))
	for i, t := range themes {
		names[i] = t.name
	}
	return names
}

// themeCalled is the theme's place in the list, 0 for a name there is not.
func themeCalled(name string) int {
	return max(slices.IndexFunc(themes, func(t theme) bool { return t.name == name }), 0)
}

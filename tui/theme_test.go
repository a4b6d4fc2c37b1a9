package tui

import (
	"math"
	"strconv"
	"testing"
)

// Whatever is read can be read, on a black terminal and on a white one (WCAG
// 2.1, 1.4.3), and on the line that is selected.
func TestThemesCanBeRead(t *testing.T) {
	for _, th := range themes {
		for name, c := range map[string]struct {
			p      palette
			ground string
		}{"dark": {th.dark, "#1E1E1E"}, "light": {th.light, "#FFFFFF"}} {
			for what, s := range map[string]shade{"accent": c.p.accent, "text": c.p.text, "dim": c.p.dim, "warn": c.p.warn, "fail": c.p.fail} {
				if got := contrast(s.rgb, c.ground); got < 4.5 {
					t.Errorf("%s, %s: %s has a contrast of %.1f", th.name, name, what, got)
				}
			}
			for what, s := range map[string]shade{"accent": c.p.accent, "text": c.p.text} {
				if got := contrast(s.rgb, c.p.chosen.rgb); got < 4 {
					t.Errorf("%s, %s: %s has a contrast of %.1f on the selected line", th.name, name, what, got)
				}
			}
			if got := contrast(c.p.soft.rgb, c.p.trough.rgb); got < 1.3 {
				t.Errorf("%s, %s: what is at hand has a contrast of %.1f with what is not", th.name, name, got)
			}
		}
	}
	if Themes()[0] != "tide" || themeCalled("nonesuch") != 0 || themeCalled("mono") != len(themes)-1 {
		t.Errorf("themes are %q", Themes())
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(rgb string) float64 {
	v, err := strconv.ParseUint(rgb[1:], 16, 24)
	if err != nil {
		panic(err)
	}
	part := func(v uint64) float64 {
		x := float64(v&0xff) / 0xff
		if x <= 0.03928 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*part(v>>16) + 0.7152*part(v>>8) + 0.0722*part(v)
}

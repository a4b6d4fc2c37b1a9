package art

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi/kitty"
)

// Terminals of our own read what is drawn back into pictures, so that tests
// judge what is seen and not how it is written.

var sgr = regexp.MustCompile(`^\x1b\[([0-9;]*)m`)

// readBlocks is what lines of half blocks show, two pixels a cell. What is not
// drawn is transparent.
func readBlocks(t *testing.T, lines []string) *image.RGBA {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 256, 2*len(lines)))
	width := 0
	for y, line := range lines {
		var sign, ground color.RGBA
		x := 0
		for line != "" {
			if m := sgr.FindStringSubmatch(line); m != nil {
				sign, ground = colours(t, m[1], sign, ground)
				line = line[len(m[0]):]
				continue
			}
			switch r := []rune(line)[0]; r {
			case '▀':
				img.SetRGBA(x, 2*y, sign)
				img.SetRGBA(x, 2*y+1, ground)
				line = line[len("▀"):]
			case ' ':
				img.SetRGBA(x, 2*y, ground)
				img.SetRGBA(x, 2*y+1, ground)
				line = line[1:]
			default:
				t.Fatalf("a picture holds %q", r)
			}
			x++
		}
		if ground != (color.RGBA{}) || sign != (color.RGBA{}) {
			t.Fatalf("line %d leaves its colours on", y)
		}
		width = max(width, x)
	}
	return img.SubImage(image.Rect(0, 0, width, 2*len(lines))).(*image.RGBA)
}

func colours(t *testing.T, params string, sign, ground color.RGBA) (color.RGBA, color.RGBA) {
	t.Helper()
	var n []int
	for _, s := range strings.Split(params, ";") {
		v, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("parameters %q", params)
		}
		n = append(n, v)
	}
	for len(n) > 0 {
		set, used := &sign, 1
		var c color.RGBA
		if n[0] == 48 || n[0] >= 40 && n[0] <= 47 || n[0] >= 100 {
			set = &ground
		}
		switch {
		case n[0] == 0:
			sign, ground, n = color.RGBA{}, color.RGBA{}, n[1:]
			continue
		case n[0]%10 == 8 && n[1] == 2:
			c, used = color.RGBA{uint8(n[2]), uint8(n[3]), uint8(n[4]), 255}, 5
		case n[0]%10 == 8 && n[1] == 5:
			c, used = xterm[n[2]].(color.RGBA), 3
		case n[0] >= 90:
			c = xterm[8+n[0]%10].(color.RGBA)
		default:
			c = xterm[n[0]%10].(color.RGBA)
		}
		*set, n = c, n[used:]
	}
	return sign, ground
}

var command = regexp.MustCompile(`\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\`)

// readKitty is the picture that was sent, and the keys of the first command.
// It fails where a command breaks a rule of the protocol.
func readKitty(t *testing.T, setup string) (image.Image, map[string]string) {
	t.Helper()
	rest := command.ReplaceAllString(setup, "")
	if rest != "" {
		t.Fatalf("%d bytes outside commands: %.40q", len(rest), rest)
	}
	var first map[string]string
	var data strings.Builder
	all := command.FindAllStringSubmatch(setup, -1)
	for i, m := range all {
		keys := map[string]string{}
		for _, kv := range strings.Split(m[1], ",") {
			k, v, _ := strings.Cut(kv, "=")
			keys[k] = v
		}
		if i == 0 {
			first = keys
		}
		last := i == len(all)-1
		if len(m[2]) > 4096 || !last && len(m[2])%4 != 0 || keys["q"] != "2" || (keys["m"] == "0") != last {
			t.Fatalf("command %d of %d: %d bytes, keys %v", i, len(all), len(m[2]), keys)
		}
		data.WriteString(m[2])
	}
	raw, err := base64.StdEncoding.DecodeString(data.String())
	if err != nil {
		t.Fatal(err)
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return img, first
}

// placed reads the placeholders of a line: number of the picture, row and
// columns.
func placed(t *testing.T, line string) (id uint32, row, cols int) {
	t.Helper()
	m := regexp.MustCompile(`^ *\x1b\[38;5;(\d+)m(.*)\x1b\[0m *$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("line %.60q", line)
	}
	low, _ := strconv.Atoi(m[1])
	number := map[rune]int{}
	for i := range 297 {
		number[kitty.Diacritic(i)] = i
	}
	r := []rune(m[2])
	for i := 0; i+3 < len(r); i += 4 {
		if r[i] != '\U0010EEEE' || number[r[i+2]] != cols || i > 0 && number[r[i+1]] != row {
			t.Fatalf("cell %d is %q", i/4, string(r[i:i+4]))
		}
		row, cols = number[r[i+1]], cols+1
		id = uint32(number[r[i+3]])<<24 | uint32(low)
	}
	return id, row, cols
}

var (
	strip    = regexp.MustCompile(`^ *( +)\x1b7\x1b\[(\d+)D\x1bP0;1;0q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\\x1b8 *$`)
	register = regexp.MustCompile(`^#(\d+);2;(\d+);(\d+);(\d+)`)
)

// readSixel is what the strips show together, as a terminal with cells of that
// height draws them.
func readSixel(t *testing.T, lines []string, cell image.Point) *image.RGBA {
	t.Helper()
	var img *image.RGBA
	for row, line := range lines {
		m := strip.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %d: %.80q", row, line)
		}
		w, _ := strconv.Atoi(m[3])
		h, _ := strconv.Atoi(m[4])
		if back, _ := strconv.Atoi(m[2]); back*cell.X != w || h != cell.Y {
			t.Fatalf("line %d: strip of %d×%d over %d cells", row, w, h, back)
		}
		if img == nil {
			img = image.NewRGBA(image.Rect(0, 0, w, len(lines)*h))
		}
		drawStrip(t, img, m[5], row*h, h)
	}
	return img
}

func drawStrip(t *testing.T, img *image.RGBA, s string, top, h int) {
	t.Helper()
	registers := map[int]color.RGBA{}
	var pen color.RGBA
	x, band := 0, 0
	for s != "" {
		n := 1
		if m := register.FindStringSubmatch(s); m != nil {
			v := func(i int) uint8 { n, _ := strconv.Atoi(m[i]); return uint8((n*255 + 50) / 100) }
			i, _ := strconv.Atoi(m[1])
			registers[i] = color.RGBA{v(2), v(3), v(4), 255}
			s = s[len(m[0]):]
			continue
		}
		if s[0] == '#' || s[0] == '!' {
			end := 1
			for s[end] >= '0' && s[end] <= '9' {
				end++
			}
			v, _ := strconv.Atoi(s[1:end])
			repeat := s[0] == '!'
			s = s[end:]
			if !repeat {
				pen = registers[v]
				continue
			}
			n = v
		}
		switch c := s[0]; {
		case c == '$':
			x = 0
		case c == '-':
			x, band = 0, band+6
		case c >= '?' && c <= '~':
			for range n {
				for bit := range 6 {
					if (c-'?')>>bit&1 == 0 {
						continue
					}
					if band+bit >= h {
						t.Fatalf("a strip draws on row %d of %d", band+bit, h)
					}
					img.SetRGBA(x, top+band+bit, pen)
				}
				x++
			}
		default:
			t.Fatalf("sixel %q", c)
		}
		s = s[1:]
	}
}

package cmd

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"

	"secstream/pkg/identity"
)

// screen is a terminal's picture of text: a cell of 4 by 8 points for each
// character, in the terminal's colours where the text has none of its own.
func screen(t *testing.T, text string, ink, paper color.Gray) *image.Gray {
	t.Helper()
	const own = "\x1b[38;5;16;48;5;231m"
	lines := strings.Split(text, "\n")
	width := len([]rune(strings.TrimSuffix(strings.TrimPrefix(lines[0], own), "\x1b[0m")))
	picture := image.NewGray(image.Rect(0, 0, 4*(width+8), 8*(len(lines)+4)))
	for i := range picture.Pix {
		picture.Pix[i] = paper.Y
	}
	for y, l := range lines {
		ink, paper := ink, paper
		if rest, ok := strings.CutPrefix(l, own); ok {
			ink, paper = color.Gray{}, color.Gray{Y: 255}
			l, ok = strings.CutSuffix(rest, "\x1b[0m")
			if !ok {
				t.Fatalf("line %d leaves its colours on: %q", y, l)
			}
		}
		cells := []rune(l)
		if len(cells) != width {
			t.Fatalf("line %d has %d columns, the first %d", y, len(cells), width)
		}
		for x, r := range cells {
			halves := map[rune][2]color.Gray{' ': {paper, paper}, '▀': {ink, paper}, '▄': {paper, ink}, '█': {ink, ink}}
			c, ok := halves[r]
			if !ok {
				t.Fatalf("line %d has a %q", y, r)
			}
			for point := range 4 * 8 {
				picture.SetGray(4*(x+4)+point%4, 8*(y+2)+point/4, c[point/4/4])
			}
		}
	}
	return picture
}

// read is what a reader of codes finds in picture.
func read(picture image.Image) (string, error) {
	bits, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", err
	}
	result, err := zxing.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return "", err
	}
	return result.GetText(), nil
}

// TestQRIsRead: a reader that is another's, and takes no inverted codes, reads
// from a picture of the terminal what was drawn.
func TestQRIsRead(t *testing.T) {
	black, grey, white := color.Gray{Y: 12}, color.Gray{Y: 200}, color.Gray{Y: 250}
	f := identity.FingerprintOf(make([]byte, 32))
	long := identity.Address{URL: "https://a-rather-long-name.music.example:8420/with/a/path", Fingerprint: f}
	for _, text := range []string{f.String(), long.String()} {
		for name, c := range map[string]struct {
			look       qrLook
			ink, paper color.Gray
			reads      bool
		}{
			"colours on a dark terminal":      {qrLook{colors: true}, grey, black, true},
			"colours on a light terminal":     {qrLook{colors: true}, black, white, true},
			"colours, and invert":             {qrLook{colors: true, invert: true}, black, white, true},
			"no colours on a dark terminal":   {qrLook{}, grey, black, true},
			"no colours on a light terminal":  {qrLook{invert: true}, black, white, true},
			"the wrong way round":             {qrLook{invert: true}, grey, black, false},
			"the wrong way round, and light ": {qrLook{}, black, white, false},
		} {
			drawn, err := drawQR(text, c.look)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(screen(t, drawn, c.ink, c.paper))
			if c.reads != (got == text) {
				t.Errorf("%s: read is %q: %v", name, got, err)
			}
		}
	}
	drawn, err := drawQR(f.String(), qrLook{width: 80})
	if lines := strings.Count(drawn, "\n") + 1; err != nil || lines > 23 || strings.Contains(drawn, "\x1b") {
		t.Errorf("a fingerprint takes %d lines of a terminal: %v", lines, err)
	}
	if _, err := drawQR(f.String(), qrLook{width: 44}); err == nil || !strings.Contains(err.Error(), "45 columns") {
		t.Errorf("it fits 44 columns: %v", err)
	}
	if _, err := drawQR(strings.Repeat("x", 5000), qrLook{}); err == nil {
		t.Error("too much text is drawn")
	}
}

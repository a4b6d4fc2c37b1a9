package cmd

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// qrLook is how a QR code is drawn.
type qrLook struct {
	colors bool // of our own: black on white whatever the terminal's are
	invert bool // without them, the terminal is light
	width  int  // columns there are; 0 is any number
}

// drawQR draws text as a QR code (ISO/IEC 18004) of half blocks, two modules a
// character, with the four modules of quiet zone that readers need. Without
// colours the light modules are what is drawn: terminals are dark as a rule.
func drawQR(text string, look qrLook) (string, error) {
	code, err := qrcode.New(text, qrcode.Medium) // 15 % may be covered; more takes more lines
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	dark := code.Bitmap()
	if look.width > 0 && len(dark) > look.width {
		return "", withHint(fmt.Errorf("the QR code is %d columns wide, and the terminal %d", len(dark), look.width), "make the window wider, or the type smaller")
	}
	// Palette entries above 15 are the same in every terminal; those below are
	// what its user likes.
	begin, end, block := "\x1b[38;5;16;48;5;231m", "\x1b[0m", [2][2]rune{{' ', '▄'}, {'▀', '█'}}
	inked := func(y, x int) bool { return y < len(dark) && dark[y][x] }
	if !look.colors {
		begin, end = "", ""
		inked = func(y, x int) bool { return y < len(dark) && dark[y][x] == look.invert }
	}
	var out strings.Builder
	for y := 0; y < len(dark); y += 2 {
		if y > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(begin)
		for x := range dark[y] {
			out.WriteRune(block[bit(inked(y, x))][bit(inked(y+1, x))])
		}
		out.WriteString(end)
	}
	return out.String(), nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

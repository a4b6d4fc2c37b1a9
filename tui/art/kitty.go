package art

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"image"
	"image/png"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi/kitty"
)

// chunk is how much of a picture one escape sequence carries, after base64:
// the protocol allows no more.
const chunk = kitty.MaxChunkSize

// kittyPicture sends the picture to the terminal, with a virtual placement of
// cols×rows cells, and returns placeholders for the cells. The graphics
// protocol of kitty describes both, under "Unicode placeholders". q=2 keeps the
// terminal from answering, as an answer would be taken for typed keys.
func kittyPicture(img image.Image, cell image.Point, cols, rows int, t Terminal) Picture {
	small := shrink(img, cols*cell.X, rows*cell.Y)
	var data bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&data, small); err != nil {
		return Picture{Lines: blockRows(img, cols, rows, t.Profile)}
	}
	colour, high := identity(small.Pix, cols, rows)
	id := uint32(high)<<24 | uint32(colour)
	tmux := t.Mode == KittyTmux
	var setup strings.Builder
	keys := fmt.Sprintf("a=T,U=1,f=100,t=d,q=2,i=%d,c=%d,r=%d,", id, cols, rows)
	text := base64.StdEncoding.EncodeToString(data.Bytes())
	for text != "" {
		n := min(len(text), chunk)
		more := "m=0"
		if n < len(text) {
			more = "m=1"
		}
		setup.WriteString(graphics(keys+more+";"+text[:n], tmux))
		text, keys = text[n:], "q=2,"
	}
	return Picture{
		Lines:  placeholderRows(colour, high, cols, rows),
		Setup:  setup.String(),
		Remove: graphics("a=d,d=I,q=2,i="+strconv.FormatUint(uint64(id), 10), tmux),
	}
}

// graphics is one command of the protocol. tmux hands it through when its
// option allow-passthrough is on, and drops it otherwise.
func graphics(command string, tmux bool) string {
	s := "\x1b_G" + command + "\x1b\\"
	if tmux {
		s = "\x1bPtmux;" + strings.ReplaceAll(s, "\x1b", "\x1b\x1b") + "\x1b\\"
	}
	return s
}

// identity makes the number of a picture from its pixels: another picture has
// another one, so that its lines differ and are drawn. The low byte is a colour
// of the 256, which every multiplexer leaves as it is, the highest is told by a
// diacritic. The bytes between stay 0.
func identity(pix []byte, cols, rows int) (colour, high uint8) {
	h := fnv.New32a()
	_, _ = h.Write(pix)
	_, _ = h.Write([]byte{byte(cols), byte(rows)})
	sum := h.Sum32()
	return uint8(16 + sum%240), uint8(1 + sum/240%255)
}

// placeholderRows is the text that stands for the picture: each cell says its
// row, its column and the highest byte of the number by diacritics.
func placeholderRows(colour, high uint8, cols, rows int) []string {
	lines := make([]string, rows)
	var b strings.Builder
	for y := range rows {
		b.Reset()
		b.WriteString("\x1b[38;5;" + strconv.Itoa(int(colour)) + "m")
		for x := range cols {
			b.WriteRune(kitty.Placeholder)
			b.WriteRune(kitty.Diacritic(y))
			b.WriteRune(kitty.Diacritic(x))
			b.WriteRune(kitty.Diacritic(int(high)))
		}
		b.WriteString(reset)
		lines[y] = b.String()
	}
	return lines
}

// shrink makes a picture fit into w×h pixels in its own shape, never larger
// than it is.
func shrink(img image.Image, w, h int) *image.RGBA {
	size := img.Bounds().Size()
	ratio := min(1, float64(w)/float64(size.X), float64(h)/float64(size.Y))
	return scale(img, max(int(float64(size.X)*ratio), 1), max(int(float64(size.Y)*ratio), 1))
}

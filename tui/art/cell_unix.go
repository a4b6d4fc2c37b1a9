//go:build unix

package art

import (
	"image"

	"golang.org/x/sys/unix"
)

// CellSize is how many pixels a cell of the terminal at fd is wide and high,
// as the terminal told the system; zero where it did not. It asks the terminal
// nothing. It changes with the font.
func CellSize(fd uintptr) image.Point {
	s, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	if err != nil || s.Col == 0 || s.Row == 0 {
		return image.Point{}
	}
	size := image.Pt(int(s.Xpixel)/int(s.Col), int(s.Ypixel)/int(s.Row))
	if size.X < 2 || size.Y < 2 || size.X > maxCell || size.Y > maxCell {
		return image.Point{}
	}
	return size
}

//go:build !unix

package art

import "image"

// CellSize is how many pixels a cell of the terminal at fd is wide and high:
// zero, as no call tells it here.
func CellSize(uintptr) image.Point { return image.Point{} }

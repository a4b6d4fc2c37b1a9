//go:build !linux && !darwin && !windows

package output

import (
	"fmt"
	"runtime"
)

func checkKind(kind string) error {
	return fmt.Errorf("output %q: it is of Linux only", kind)
}

func (p place) find() (device, error) {
	return nil, fmt.Errorf("%w: there is none for %s yet; choose --output null or --output wav:FILE", ErrNoDevice, runtime.GOOS)
}

// Devices lists none: there is nothing here that could be chosen.
func Devices() []Group { return nil }

//go:build !linux && !darwin && !windows

package output

import (
	"fmt"
	"runtime"
)

func findDevice(string) (device, error) {
	return nil, fmt.Errorf("%w: there is none for %s yet; choose --output null or --output wav:FILE", ErrNoDevice, runtime.GOOS)
}

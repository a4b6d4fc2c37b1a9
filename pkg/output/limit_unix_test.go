//go:build unix

package output

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// limited writes more to the file named by limitEnv than it lets itself, and
// prints the error that comes of it.
func limited() int {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: 100_000}); err != nil {
		fmt.Println(err)
		return 1
	}
	o, err := Open("wav:"+os.Getenv(limitEnv), Options{})
	if err == nil {
		err = o.Open(cd)
	}
	for range 1000 {
		if err == nil {
			err = o.Write(make([]float64, 2000))
		}
	}
	fmt.Println(err)
	if again := o.Close(); again != err {
		fmt.Println("Close:", again)
	}
	return 0
}

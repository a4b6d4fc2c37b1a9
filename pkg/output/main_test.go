package output

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test binary play other parts in processes of its own.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(limitEnv) != "":
		os.Exit(limited())
	case os.Getenv(paceEnv) != "" && len(os.Args) > 1 && os.Args[1] == "pace":
		if err := pace(os.Getenv(paceEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

package output

import (
	"math/rand"
	"os"
	"os/exec"
	"testing"
)

// tool finds a program that a test compares with. Without it the test is
// skipped, or fails where all tools are required.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is required and missing", name)
		}
		t.Skipf("%s is missing", name)
	}
	return path
}

// noise is n frames of full-scale stereo noise on the 16-bit grid, with no
// zero at either end.
func noise(seed int64, n int) []float64 {
	rng := rand.New(rand.NewSource(seed))
	p := make([]float64, 2*n)
	for i := range p {
		p[i] = float64(rng.Intn(65535)-32767) / 32768
	}
	for _, i := range []int{0, 1, len(p) - 2, len(p) - 1} {
		p[i] = 0.5
	}
	return p
}

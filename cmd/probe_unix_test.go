//go:build unix

package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Pipes and devices are refused, not waited for.
func TestProbeSpecialFiles(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.wav")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, path := range []string{pipe, "/dev/null", "/dev/zero"} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		var stderr bytes.Buffer
		code := Main(ctx, []string{"secstream", "probe", path}, Env{Stdout: &bytes.Buffer{}, Stderr: &stderr})
		cancel()
		if code != exitAudio || !strings.Contains(stderr.String(), "it is a") {
			t.Errorf("%s: exit code %d, %s", path, code, &stderr)
		}
	}
}

// Package wipetest looks for secrets in the memory of processes, for tests of what
// is to be forgotten. Secrets go in, how often they were found comes out; what it
// keeps of them is masked, so that it does not find itself. It imports nothing of
// ours, and is in no program.
package wipetest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Calm has a test run once more, in a process of its own where Go does not put
// registers on a stack whenever it likes, with what is in them of a key: those are
// out of anybody's reach. It says whether this is that process; if not, the test
// is over.
func Calm(t *testing.T) bool {
	t.Helper()
	const calm = "asyncpreemptoff=1"
	if strings.Contains(os.Getenv("GODEBUG"), calm) {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	run.Env = append(os.Environ(), "GODEBUG="+calm)
	if out, err := run.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// Size is how many bytes a trace has.
const Size = 16

const mask = 0xa5

// Traces are pieces of secrets, under the names they are told of by. The zero
// value is empty.
type Traces struct {
	names map[[Size]byte]string
	first [1 << 16]bool // by the first two bytes
}

// Add looks for every Size bytes of b, of which there are whole ones. b stays the
// caller's, who wipes it where this process is to be looked at.
func (s *Traces) Add(name string, b []byte) {
	if s.names == nil {
		s.names = map[[Size]byte]string{}
	}
	for ; len(b) >= Size; b = b[Size:] {
		piece := masked(b)
		s.names[piece] = name
		s.first[binary.LittleEndian.Uint16(piece[:])] = true
	}
}

// Len is how many traces there are.
func (s *Traces) Len() int { return len(s.names) }

func masked(b []byte) (out [Size]byte) {
	for i := range out {
		out[i] = b[i] ^ mask
	}
	return out
}

// ErrNothing means that there was less memory to read than any program has.
var ErrNothing = errors.New("the memory cannot be read")

// least is less than what a Go program has, in bytes.
const least = 1 << 20

// Find tells how often each trace is in the memory of process pid ("self" for this
// one) that can be written to. It is for Linux.
func (s *Traces) Find(pid string) (map[string]int, error) {
	maps, err := os.Open("/proc/" + pid + "/maps")
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	memory, err := os.Open("/proc/" + pid + "/mem")
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	found, total := map[string]int{}, int64(0)
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		var from, to int64
		var rights string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); n == 3 && strings.HasPrefix(rights, "rw") {
			total += s.search(memory, from, to, found)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if total < least {
		return nil, fmt.Errorf("%w: %d bytes of it", ErrNothing, total)
	}
	return found, nil
}

// search looks from one address to another, and returns how many bytes there were.
func (s *Traces) search(memory *os.File, from, to int64, found map[string]int) (total int64) {
	buf := make([]byte, 1<<20)
	defer clear(buf)
	for at := from; at < to; at += int64(len(buf)) - Size + 1 {
		n, err := memory.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
		if n == 0 && err != nil {
			break // the kernel's
		}
		total += int64(n)
		for i := 0; i < n; i += blockSize {
			block := buf[i:min(i+blockSize+Size-1, n)]
			if !bytes.Equal(block, nothing[:len(block)]) {
				s.match(block, found)
			}
		}
	}
	return total
}

const blockSize = 4 << 10

// nothing is what most memory holds.
var nothing [blockSize + Size - 1]byte

func (s *Traces) match(b []byte, found map[string]int) {
	for i := 0; i+Size <= len(b); i++ {
		if s.first[uint16(b[i]^mask)|uint16(b[i+1]^mask)<<8] {
			if name, ok := s.names[masked(b[i:])]; ok {
				found[name]++
			}
		}
	}
}

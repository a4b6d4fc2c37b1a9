package identity_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/identity"
)

// numbered is a key for each number.
func numbered(n int) ed25519.PublicKey {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:]
}

// TestManyPlayers: none of what several do at a time is lost, and of two that
// meet two keys one wins.
func TestManyPlayers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "pins")
	var wg sync.WaitGroup
	won := make([]bool, 24)
	for i := range won {
		wg.Go(func() {
			p := open(t, path)
			address := fmt.Sprintf("http://h%d", i)
			if err := p.Remember(t.Context(), address, numbered(i)); err != nil {
				t.Error(err)
			}
			switch err := p.Remember(t.Context(), "http://same", numbered(i)); {
			case err == nil:
				won[i] = true
			case !errors.As(err, new(*identity.Mismatch)):
				t.Error(err)
			}
			if i%3 == 0 {
				if _, err := p.Remove(t.Context(), address); err != nil {
					t.Error(err)
				}
			}
			if i%3 == 1 {
				if _, _, err := p.Accept(t.Context(), address, identity.FingerprintOf(numbered(-i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p := open(t, path)
	n := 0
	for i := range won {
		if won[i] {
			n++
			says(t, p, "http://same", numbered(i), identity.Known)
		}
		want := []identity.Verdict{identity.New, identity.Changed, identity.Known}[i%3]
		says(t, p, fmt.Sprintf("http://h%d", i), numbered(i), want)
		if i%3 == 1 {
			says(t, p, fmt.Sprintf("http://h%d", i), numbered(-i), identity.Known)
		}
	}
	if n != 1 {
		t.Errorf("%d keys were pinned for one server", n)
	}
	if list, err := p.List(); err != nil || len(list) != 1+16 {
		t.Errorf("%d pins: %v", len(list), err)
	}
}

// TestMain makes the test binary double as a player: with PLAYER=N it meets
// servers of that number until it is killed or has met COUNT, and prints each that
// it remembers.
func TestMain(m *testing.M) {
	player := os.Getenv("PLAYER")
	if player == "" {
		os.Exit(m.Run())
	}
	var n, count int
	if _, err := fmt.Sscan(player, &n, &count); err != nil {
		panic(err)
	}
	p, err := identity.Open(os.Getenv("PINS"))
	for i := 0; err == nil && i < count; i++ {
		address := fmt.Sprintf("http://p%d-%d", n, i)
		if _, _, err = identity.Create(context.Background(), os.Getenv("IDENTITY")); err == nil {
			err = p.Remember(context.Background(), address, numbered(n))
		}
		fmt.Println(address)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestKilledPlayers: several processes at once, some of which are killed in the
// middle of what they do, lose nothing they have reported, and leave no file
// damaged.
func TestKilledPlayers(t *testing.T) {
	dir := t.TempDir()
	path, own := filepath.Join(dir, "pins"), filepath.Join(dir, "identity")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const players = 5
	var wg sync.WaitGroup
	met := make([][]string, players)
	for n := range players {
		count, killAt := 15, 0
		if n%2 == 0 {
			count, killAt = 1<<20, 8+5*n
		}
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("PLAYER=%d %d", n, count), "PINS="+path, "IDENTITY="+own)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if met[n] = append(met[n], lines.Text()); len(met[n]) == killAt {
					_ = cmd.Process.Kill()
				}
			}
			if err := cmd.Wait(); killAt == 0 && err != nil {
				t.Errorf("player %d: %v: %s", n, err, &stderr)
			}
		})
	}
	wg.Wait()
	p := open(t, path)
	total := 0
	for n, addresses := range met {
		for _, address := range addresses {
			says(t, p, address, numbered(n), identity.Known)
			total++
		}
	}
	// One that was killed may have written one more than it has said.
	if list, err := p.List(); err != nil || len(list) < total || len(list) > total+players {
		t.Errorf("%d pins of %d: %v", len(list), total, err)
	}
	if _, err := identity.Load(own); err != nil {
		t.Error(err)
	}
	if err := p.Remember(t.Context(), "http://after", numbered(0)); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

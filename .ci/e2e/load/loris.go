package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"secstream/pkg/wire"
)

// lorisesEach is how many clients are slow in each way.
const lorisesEach = 20

// way is a way of being slow, and how long a server may put up with it.
type way struct {
	name  string
	most  time.Duration
	begin string                   // sent at once
	then  string                   // sent every second
	took  time.Duration            // until the last of them was shown the door
	conns map[string]*net.TCPConn  // by the client's end, as the system names it
	ends  map[string]time.Duration // of those that were
}

// loris has clients that are slow on purpose, and waits until the server has
// closed every one of them. Meanwhile it has to answer others within a second.
func (c *client) loris(ctx context.Context) error {
	ways, err := c.ways(ctx)
	if err != nil {
		return err
	}
	address, err := net.ResolveTCPAddr("tcp4", rooted(c.base))
	if err != nil {
		return err
	}
	begin := time.Now()
	for _, w := range ways {
		if err := w.connect(address); err != nil {
			return err
		}
		defer w.hangUp()
	}
	worst := time.Duration(0)
	for {
		asked := time.Now()
		if _, err := c.tracks(ctx); err != nil {
			return fmt.Errorf("another client: %w", err)
		}
		worst = max(worst, time.Since(asked))
		held, err := established(address.Port)
		if err != nil {
			return err
		}
		left := 0
		for _, w := range ways {
			left += w.look(held, time.Since(begin))
			if w.took > w.most {
				return fmt.Errorf("%s: still connected after %v, %v are allowed", w.name, w.took.Round(time.Second), w.most)
			}
		}
		if left == 0 {
			break
		}
		time.Sleep(time.Second)
	}
	for _, w := range ways {
		fmt.Printf("%d clients, %s: shown the door after %.0f s at the latest\n", lorisesEach, w.name, w.took.Seconds())
	}
	fmt.Printf("others had their answers after %v at the latest\n", worst.Round(time.Millisecond/10))
	if worst > time.Second {
		return errors.New("others had to wait")
	}
	return nil
}

// ways are the ways of being slow. Each is allowed what the server says it
// allows (docs/protocol.md), and a little.
func (c *client) ways(ctx context.Context) ([]*way, error) {
	tracks, err := c.tracks(ctx)
	if err != nil {
		return nil, err
	}
	l, err := c.listen(ctx, tracks[0].ID)
	if err != nil {
		return nil, err
	}
	head := "POST /api/sessions HTTP/1.1\r\nHost: " + rooted(c.base) + "\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n"
	field := "--b\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\nRIFF"
	// Answers that nobody reads fill what the system keeps for a connection;
	// only then the server has to wait.
	unread := strings.Repeat("GET "+l.slicePath(0)+" HTTP/1.1\r\nHost: "+rooted(c.base)+"\r\n\r\n", 200)
	const drip = "a"
	const little = 5 * time.Second
	return []*way{
		{name: "who say nothing", most: 10*time.Second + little},
		{name: "whose header drips", most: 10*time.Second + little, begin: "GET /api/library HTTP/1.1\r\nX: ", then: drip},
		{name: "whose JSON drips", most: 30*time.Second + little, begin: fmt.Sprintf(head, "application/json") + `{"tracks":["`, then: drip},
		{name: "whose key exchange drips", most: 30*time.Second + little, then: drip,
			begin: strings.Replace(fmt.Sprintf(head, "application/json"), "/api/sessions", l.path+"/key-exchange", 1) + `{"publicKey":"`},
		{name: "whose upload drips", most: 30*time.Second + little, begin: fmt.Sprintf(head, "multipart/form-data; boundary=b") + field, then: drip},
		{name: "whose key exchange never comes", most: 30*time.Second + little,
			begin: strings.Replace(fmt.Sprintf(head, "application/json"), "/api/sessions", l.path+"/key-exchange", 1)},
		{name: "who do not read", most: slicesTime(l.info.Slices[0]) + little, begin: unread},
	}, nil
}

// slicesTime is how long an answer of one slice may take: 35 s and what 16 kB a
// second take.
func slicesTime(s wire.Slice) time.Duration {
	return 35*time.Second + time.Duration(s.Samples)*frameBytes/(16<<10)*time.Second
}

func (w *way) connect(address *net.TCPAddr) error {
	w.conns, w.ends = map[string]*net.TCPConn{}, map[string]time.Duration{}
	for range lorisesEach {
		one, err := net.DialTCP("tcp4", nil, address)
		if err != nil {
			return err
		}
		if err := one.SetReadBuffer(4096); err != nil {
			return err
		}
		w.conns[end(one.LocalAddr().(*net.TCPAddr))] = one
		w.say(one, w.begin)
	}
	return nil
}

// say sends what fits: a server that does not read any more is not waited for.
func (w *way) say(one *net.TCPConn, text string) {
	_ = one.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // a TCP connection can
	_, _ = one.Write([]byte(text))                                   // the server may have had enough
}

// look notes who was shown the door, has the others go on, and returns how
// many they are.
func (w *way) look(held map[string]bool, since time.Duration) (left int) {
	for name, one := range w.conns {
		if _, gone := w.ends[name]; gone {
			continue
		}
		if w.took = since; !held[name] {
			w.ends[name] = since
			continue
		}
		left++
		w.say(one, w.then)
	}
	return left
}

func (w *way) hangUp() {
	for _, one := range w.conns {
		_ = one.Close() // the server may have done so
	}
}

// established are the other ends of the connections that a server at port
// holds, as /proc/net/tcp names them. Those it has closed are not among them,
// whether or not their ends have noticed.
func established(port int) (map[string]bool, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil, err
	}
	const (
		local, remote, state = 1, 2, 3
		open, halfClosed     = "01", "08"
	)
	all := map[string]bool{}
	ours := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > state && strings.HasSuffix(f[local], ours) && (f[state] == open || f[state] == halfClosed) {
			all[f[remote]] = true
		}
	}
	return all, nil
}

// end is an address as /proc/net/tcp has it: its bytes read as this machine
// reads numbers.
func end(a *net.TCPAddr) string {
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(a.IP.To4()), a.Port)
}

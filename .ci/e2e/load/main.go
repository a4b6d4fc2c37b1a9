// Load puts a server under the loads that the end-to-end scripts measure, and
// does to it what breaks servers. Everything stays on this machine, is bounded
// in number and time, and ends by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

const usage = `load COMMAND ARG...

  wav FILE BYTES                   write a WAV file with a stretch of noise every 16 MB and holes between
  tone FILE TEXT SECONDS           write a WAV file whose samples are TEXT, over and over
  spread ADDRESS SESSIONS SLICES   fetch slices spread over the first track, three at a time in each session
  slow ADDRESS SESSIONS SECONDS    fetch one slice in each session, a little at a time
  open ADDRESS SESSIONS            open sessions and leave them
  first ADDRESS RUNS               time the first slice of long.X against that of short.X, for every X
  plain FOLDER                     serve FOLDER's files from memory by net/http
  warm ADDRESS NGINX PLAIN FOLDER ROUNDS MILLISECONDS LEAST
                                   slices that are sealed already against the same bytes as files in FOLDER, of
                                   nginx and of plain; under LEAST % of nginx is a failure
  cold ADDRESS PID CONNECTIONS ROUNDS MILLISECONDS
                                   slices that nobody asked for yet against the bare cipher on every core
  soak ADDRESS METRICS PID SESSIONS SECONDS SPEED
                                   sessions that are opened and played at once
  crash ADDRESS FILE UPLOADS LISTENERS
                                   uploads and listeners until the server is no more
  port                             print a port of this machine that is free
  ids ADDRESS                      print the library's track IDs
  full ADDRESS BIG SMALL           upload what does not fit the server's disk while others play
  change ADDRESS FOLDER            remove, replace and cut short files under live sessions while others play
  replace ADDRESS FOLDER SLICES    replace a file under live sessions all the time; no nonce may come twice
  loris ADDRESS                    clients that are slow on purpose, until each is shown the door`

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
}

// command takes words, numbers after them.
type command struct {
	words, numbers int
	run            func(ctx context.Context, words []string, n []int) error
}

var commands = map[string]command{
	"wav":    {1, 1, func(_ context.Context, w []string, n []int) error { return writeWAV(w[0], int64(n[0])) }},
	"port":   {0, 0, func(ctx context.Context, _ []string, _ []int) error { return freePort(ctx) }},
	"spread": {1, 2, func(ctx context.Context, w []string, n []int) error { return at(w[0]).spread(ctx, n[0], n[1]) }},
	"slow":   {1, 2, func(ctx context.Context, w []string, n []int) error { return at(w[0]).slow(ctx, n[0], seconds(n[1])) }},
	"open":   {1, 1, func(ctx context.Context, w []string, n []int) error { return at(w[0]).open(ctx, n[0]) }},
	"first":  {1, 1, func(ctx context.Context, w []string, n []int) error { return at(w[0]).first(ctx, n[0]) }},
	"plain":  {1, 0, func(ctx context.Context, w []string, _ []int) error { return plain(ctx, w[0]) }},
	"warm": {4, 3, func(ctx context.Context, w []string, n []int) error {
		return at(w[0]).warm(ctx, [2]string{w[1], w[2]}, w[3], n[0], millis(n[1]), float64(n[2])/100)
	}},
	"soak": {3, 3, func(ctx context.Context, w []string, n []int) error {
		return at(w[0]).soak(ctx, w[1], w[2], n[0], seconds(n[1]), n[2])
	}},
	"tone":    {2, 1, func(_ context.Context, w []string, n []int) error { return os.WriteFile(w[0], tone(n[0], w[1]), 0o600) }},
	"ids":     {1, 0, func(ctx context.Context, w []string, _ []int) error { return at(w[0]).ids(ctx) }},
	"crash":   {2, 2, func(ctx context.Context, w []string, n []int) error { return at(w[0]).crash(ctx, w[1], n[0], n[1]) }},
	"full":    {3, 0, func(ctx context.Context, w []string, _ []int) error { return at(w[0]).full(ctx, w[1], w[2]) }},
	"change":  {2, 0, func(ctx context.Context, w []string, _ []int) error { return at(w[0]).change(ctx, w[1]) }},
	"replace": {2, 1, func(ctx context.Context, w []string, n []int) error { return at(w[0]).replace(ctx, w[1], n[0]) }},
	"loris":   {1, 0, func(ctx context.Context, w []string, _ []int) error { return at(w[0]).loris(ctx) }},
	"cold": {2, 3, func(ctx context.Context, w []string, n []int) error {
		return at(w[0]).cold(ctx, w[1], n[0], n[1], millis(n[2]))
	}},
}

// freePort prints a port that nothing listens on, for servers that cannot say
// which one they took.
func freePort(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	return l.Close()
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	c, ok := commands[args[0]]
	if !ok || len(args) != 1+c.words+c.numbers {
		return errors.New(usage)
	}
	words := args[1 : 1+c.words]
	numbers := make([]int, c.numbers)
	for i, text := range args[1+c.words:] {
		var err error
		if numbers[i], err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	if err := c.run(ctx, words, numbers); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

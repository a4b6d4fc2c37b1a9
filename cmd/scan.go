package cmd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/wire"
)

// Waits between two looks at a library that is being scanned. They grow: the
// list of a large library is large.
const (
	firstPoll = 50 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// Bounds on the wait for a server that scans. One that lies, or whose disk
// hangs, must not hold up a listener for ever; a large folder on a slow disk
// goes on bringing tracks.
const (
	scanQuiet   = 20 * time.Second // without a new track
	scanLongest = 10 * time.Minute
	scanTold    = 5 * time.Second // between two words about it
)

// scan waits for the end of a server's scan.
type scan struct {
	client *client.Client
	name   string        // of the server
	own    bool          // it runs in here and can be trusted to come to an end
	tell   teller        // nil for nobody
	every  time.Duration // between two words about it, 0 for scanTold
}

// list is the server's list once its scan is over, or enough is there. A
// server whose scan brings nothing new for long, or takes too long, is not
// waited for: its list still says Scanning.
func (s scan) list(ctx context.Context, enough func(*wire.Library) bool) (*wire.Library, error) {
	begin := time.Now()
	grown, told, most := begin, begin, -1
	for wait := firstPoll; ; wait = min(wait*2, lastPoll) {
		list, err := s.client.Library(ctx)
		if err != nil || !list.Scanning || enough(list) {
			return list, err
		}
		now := time.Now()
		if n := len(list.Tracks) + len(list.Refused); n > most {
			most, grown = n, now
		}
		if !s.own && (now.Sub(grown) > scanQuiet || now.Sub(begin) > scanLongest) {
			if len(list.Tracks) > 0 {
				s.say("warning", "the scan of %s does not end; going on with %s", s.name, plural(len(list.Tracks), "track"))
			}
			return list, nil
		}
		if now.Sub(told) >= cmp.Or(s.every, scanTold) {
			told = now
			s.say("waiting", "%s is still being scanned, %s so far", s.name, plural(len(list.Tracks), "track"))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (s scan) say(kind, format string, args ...any) {
	if s.tell != nil {
		s.tell(kind, fmt.Sprintf(format, args...))
	}
}

// teller tells people who wait one thing: kind is "waiting" or "warning".
type teller func(kind, text string)

// newTeller tells on standard error, where it wipes a progress bar away.
func newTeller(env Env, asJSON bool) teller {
	return func(kind, text string) {
		switch {
		case asJSON:
			_ = newJSON(env.Stderr).Encode(map[string]string{kind: text}) // nobody is left to tell
		case env.StderrTTY:
			fmt.Fprintf(env.Stderr, "\r\x1b[Ksecstream: %s: %s\n", kind, printable(text))
		default:
			fmt.Fprintf(env.Stderr, "secstream: %s: %s\n", kind, printable(text))
		}
	}
}

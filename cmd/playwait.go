package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"secstream/pkg/client"
	"secstream/pkg/player"
	"secstream/pkg/wire"
	"secstream/tui"
)

// How soon a wait is worth a word, and for how long an outage counts after the
// last try: those who stopped trying wait for nothing.
const (
	soonTold    = time.Second
	outageKnown = 22 * time.Second // longer than a dial takes, and the rest between two
	waitLooked  = 200 * time.Millisecond
)

// line is the way to a server, as far as a wait has to do with it. The zero line
// is never waited for.
type line struct {
	server string
	outage func() client.Outage
}

func lineOf(c *client.Client) line { return line{printable(c.Server()), c.Outage} }

// waiting is what the screen shows of it.
func (l line) waiting() tui.Waiting {
	if l.outage == nil {
		return tui.Waiting{}
	}
	w := tui.Waiting{Server: l.server}
	if o := l.outage(); o.Tries > 0 && (time.Since(o.Last) < outageKnown || time.Now().Before(o.Until)) {
		w.Tries, w.Why, w.Again = o.Tries, shortly(o.Err), max(time.Until(o.Until), 0)
	}
	return w
}

// wait is a server that does not serve, or is slow to. The zero wait is none.
type wait struct {
	server string
	try    int           // that is under way, from 1
	why    string        // the one before it failed, "" for the first
	heard  bool          // there is still sound meanwhile
	again  time.Duration // until the try, where the server asked for time; it is no news
}

func (w wait) String() string {
	switch {
	case w.why == "":
		return "waiting for " + w.server
	case w.heard && w.again > 0:
		return w.server + w.how() + "; what is here plays on"
	case w.heard:
		return fmt.Sprintf("%s does not serve, try %d: %s; what is here plays on", w.server, w.try, w.why)
	}
	return "waiting for " + w.server + w.how()
}

func (w wait) how() string { return tui.Waiting{Tries: w.try - 1, Why: w.why, Again: w.again}.How() }

// waiter knows for how long a wait lasts. It is for one goroutine.
type waiter struct {
	line
	since time.Time // when it began, zero for no wait
}

// look is what is waited for now. silent says that nothing is heard because of it.
func (w *waiter) look(silent bool) wait {
	if !silent {
		w.since = time.Time{}
	} else if w.since.IsZero() {
		w.since = time.Now()
	}
	known := w.waiting()
	switch {
	case known.Server == "":
	case known.Tries > 0:
		return wait{known.Server, known.Tries + 1, known.Why, !silent, known.Again}
	case silent && time.Since(w.since) >= soonTold:
		return wait{server: known.Server, try: 1}
	}
	return wait{}
}

// silent says that sound is wanted and is not there.
func silent(s player.State) bool { return s.Buffering && !s.Paused && !s.Ended && !s.Done }

// worthTelling says whether a wait is news to somebody who was told of another:
// when it begins, is heard or not, has another reason, and at its tries 2, 4, 8
// and so on.
func (w wait) worthTelling(told wait) bool {
	told.again = w.again
	return w != told && (w.why != told.why || w.heard != told.heard || w.server != told.server || w.try&(w.try-1) == 0)
}

// tellOf tells what is waited for until ctx ends.
func (w *waiter) tellOf(ctx context.Context, tell teller) {
	tick := time.NewTicker(waitLooked)
	defer tick.Stop()
	for told := (wait{}); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := w.look(true); now != (wait{}) && now.worthTelling(told) {
			told = now
			tell(waitingKind, strings.TrimPrefix(now.String(), "waiting for ")) // the kind says so
		}
	}
}

// shortly is an error of a connection in few words.
func shortly(err error) string {
	var (
		refused *wire.Error
		name    *net.DNSError
		errno   syscall.Errno
		late    net.Error
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return clean(refused)
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host of that name"
	case errors.As(err, &name):
		return "its name cannot be looked up"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &late) && late.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off"
	}
	text := clean(err)
	if at := strings.LastIndex(text, ": "); at >= 0 {
		return text[at+2:]
	}
	return text
}

package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// probeBar is a progress bar on standard error, for people who wait. All but
// count and wait are for one goroutine.
type probeBar struct {
	w     io.Writer // nil: nobody watches
	src   *probeSource
	start time.Time
	shown bool
	wg    sync.WaitGroup
}

// barDelay is how long nobody minds seeing nothing.
const barDelay = 500 * time.Millisecond

func newProbeBar(env Env, src *probeSource) *probeBar {
	b := &probeBar{src: src, start: time.Now()}
	if env.StderrTTY {
		b.w = env.Stderr
	}
	return b
}

// count begins to find out how much there is to do.
func (b *probeBar) count(ctx context.Context) {
	if b.w != nil {
		b.wg.Go(func() { b.src.count(ctx) })
	}
}

// wait returns when counting is over.
func (b *probeBar) wait() { b.wg.Wait() }

// show draws the bar.
func (b *probeBar) show() {
	if b.w == nil || time.Since(b.start) < barDelay {
		return
	}
	b.shown = true
	fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(time.Since(b.start)))
}

// hide clears its line.
func (b *probeBar) hide() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.shown = false
	}
}

func (b *probeBar) line(since time.Duration) string {
	done, total := b.src.done.Load(), b.src.total.Load()
	finished := b.src.finished.Load()
	if !b.src.counted.Load() || total <= 0 {
		return fmt.Sprintf("%s done", plural(int(finished), b.src.noun()))
	}
	const cells = 24
	share := min(float64(done)/float64(total), 1)
	full := int(share * cells)
	text := fmt.Sprintf("%s%s %3.0f %%  %d of %s", strings.Repeat("━", full), strings.Repeat("╌", cells-full),
		100*share, finished, plural(int(b.src.files.Load()), b.src.noun()))
	if share > 0.02 && since > 2*time.Second {
		left := time.Duration(float64(since) * (1 - share) / share)
		text += fmt.Sprintf("  %s left", clock(left))
	}
	return text
}

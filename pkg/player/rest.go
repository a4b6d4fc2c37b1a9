package player

import (
	"context"
	"fmt"
	"time"

	"secstream/pkg/audio"
)

// Pauser is an Output that can stand still. Pause(true) is called in a pause,
// when all that it holds is silence, and says whether it stands still from then
// on, which costs nothing: what it holds it keeps, but for Flush. Nothing is
// written to it before Pause(false), which ends that; so do Open and Close. An
// output that could not be brought to stand still plays on, and is fed silence.
type Pauser interface {
	Pause(on bool) (still bool, err error)
}

const (
	// restAfter is how much silence is heard before an output stands still: what
	// it holds is an estimate, and whoever draws the sound draws silence at last.
	restAfter = 300 * time.Millisecond
	// restRoom is how little silence an output that cannot stand still may hold
	// in a pause, before it gets restSteps quanta more.
	restRoom  = 60 * time.Millisecond
	restSteps = 4
	// allQuiet is for feeder.quiet when there was no sound at all.
	allQuiet = 1 << 40
)

// rest is a pause when there is no sound left to write: nothing is done for as
// long as the output needs nothing, but for no longer than most, unless that is 0.
func (f *feeder) rest(ctx context.Context, most time.Duration) error {
	o, ok := f.out.(Pauser)
	if ok && !f.still {
		if int64(f.out.Buffered()+audio.FramesIn(restAfter, f.spec.SampleRate)) > f.quiet {
			return f.silence()
		}
		if err := f.stand(o); err != nil {
			return err
		}
	}
	if f.still {
		f.nap(ctx, most)
		return nil
	}
	spare := f.out.Buffered().Duration(f.spec.SampleRate) - restRoom
	if most > 0 {
		spare = min(spare, most)
	}
	if spare > 0 && !f.nap(ctx, spare) {
		return nil
	}
	return f.silences(restSteps)
}

// stand has the output stand still, if it can. The silence in it is dropped: when
// sound goes on it is heard the sooner.
func (f *feeder) stand(o Pauser) error {
	still, err := o.Pause(true)
	if err != nil {
		return fmt.Errorf("pause the output: %w", err)
	}
	f.heed()
	if f.still = still; still {
		f.catchUp()
	}
	return nil
}

// stir ends a standstill, which is before anything else is asked of the output.
func (f *feeder) stir() error {
	if !f.still {
		return nil
	}
	f.still = false
	if _, err := f.out.(Pauser).Pause(false); err != nil {
		return fmt.Errorf("go on with the output: %w", err)
	}
	f.heed()
	return nil
}

// put writes p.
func (f *feeder) put(p []float64) error {
	if err := f.stir(); err != nil {
		return err
	}
	return f.out.Write(p)
}

// drain waits until all was heard.
func (f *feeder) drain() error {
	if err := f.stir(); err != nil {
		return err
	}
	if err := f.out.Drain(); err != nil {
		return fmt.Errorf("finish sound: %w", err)
	}
	return nil
}

// silences writes n quanta of silence.
func (f *feeder) silences(n int) error {
	for range n {
		if err := f.silence(); err != nil {
			return err
		}
	}
	return nil
}

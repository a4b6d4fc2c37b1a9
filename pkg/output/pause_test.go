package output

import (
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/player"
)

func TestNullStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newNull()
		if err := o.Open(player.Spec{SampleRate: 48000, Channels: 1}); err != nil {
			t.Fatal(err)
		}
		if err := o.Write(make([]float64, 4800)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Millisecond)
		for range 2 { // the second time changes nothing
			if still, err := o.Pause(true); !still || err != nil {
				t.Error(still, err)
			}
			time.Sleep(time.Hour)
			if n := o.Buffered(); n != 3600 {
				t.Errorf("%d frames buffered", n)
			}
		}
		for range 2 {
			if still, err := o.Pause(false); still || err != nil {
				t.Error(still, err)
			}
			time.Sleep(25 * time.Millisecond)
		}
		if n := o.Buffered(); n != 1200 {
			t.Errorf("%d frames buffered", n)
		}
		begin := time.Now()
		if err := o.Drain(); err != nil || time.Since(begin) != 25*time.Millisecond {
			t.Error(err, time.Since(begin))
		}
	})
}

// TestDevicesThatCannotStandStill say so, and play on.
func TestDevicesThatCannotStandStill(t *testing.T) {
	o := &speaker{dev: &listener{}, opened: true}
	if still, err := o.Pause(true); still || err != nil {
		t.Error(still, err)
	}
}

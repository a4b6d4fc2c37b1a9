package cmd

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
)

// liveSettings change with a reload. The others take a restart, which a
// reload says.
var liveSettings = map[string]bool{
	"session-ttl": true, "max-sessions": true, "max-sessions-per-address": true,
	"rate-address": true, "rate-session": true, "allow-upload": true, "max-upload": true, "cors": true,
	"verbose": true, "quiet": true,
}

// service is a running serve as those see it who run it: it reads settings
// again when asked, and keeps a service manager informed (sd_notify(3)).
type service struct {
	set      settings // as it started
	host     *host
	level    *slog.LevelVar
	log      *slog.Logger
	stdout   io.Writer
	deserted func() bool
	end      func() // drains and ends
}

// run does so until ctx ends. The listeners are open by now.
func (s *service) run(ctx context.Context, hangups <-chan os.Signal, addr net.Addr) error {
	s.tell(daemon.SdNotifyReady, "listening on "+addr.String())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.watchdog(ctx) })
	if s.host.lib != nil {
		g.Go(func() error {
			if text, ok := s.host.scanned(ctx, s.stdout, s.log); ok {
				s.tell("", text)
			}
			return nil
		})
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-hangups:
			if s.deserted() {
				s.log.Warn("the terminal is gone: ending")
				s.end()
				<-ctx.Done()
			} else {
				s.reload()
			}
		}
	}
	s.tell(daemon.SdNotifyStopping, "letting requests finish")
	return g.Wait()
}

// reload reads settings, tokens and certificates again, and changes what may
// change. Where settings are wrong they stay as they were.
func (s *service) reload() {
	s.tell(daemon.SdNotifyReloading+"\n"+strings.TrimSpace(daemon.SdNotifyMonotonicUsec()), "reading settings again")
	result := "settings read again"
	if err := s.change(); err != nil {
		result = "settings stay as they were: " + clean(err)
		s.log.Error("reload: the settings stay as they were", "err", clean(err))
	}
	if err := s.host.refresh(); err != nil {
		result = clean(err)
		s.log.Error("reload", "err", clean(err))
	} else {
		s.log.Info("reload: done")
	}
	s.tell(daemon.SdNotifyReady, result)
}

// change reads the settings again. On an error nothing changes.
func (s *service) change() error {
	set, err := s.set.read()
	if err != nil {
		return err
	}
	o, err := set.options()
	if err != nil {
		return err
	}
	if err := s.host.set(o); err != nil {
		return err
	}
	s.level.Set(o.level())
	if names := s.set.differ(set, liveSettings); len(names) > 0 {
		s.log.Warn("reload: these settings change with a restart only", "settings", strings.Join(names, ", "))
	}
	return nil
}

// watchdog shows the service manager, if it wants that, that the server is
// alive: whoever asks the store has to get past its lock.
func (s *service) watchdog(ctx context.Context) error {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("the service manager's watchdog", "err", err)
	}
	if patience <= 0 {
		return nil
	}
	tick := time.NewTicker(patience / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.host.store.Stats()
			s.tell(daemon.SdNotifyWatchdog, "")
		}
	}
}

// tell informs the service manager, if there is one. status is for people.
func (s *service) tell(state, status string) {
	if status != "" {
		state = strings.TrimPrefix(state+"\nSTATUS="+printable(strings.ReplaceAll(status, "\n", "; ")), "\n")
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("tell the service manager", "err", err)
	}
}

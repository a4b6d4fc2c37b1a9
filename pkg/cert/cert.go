// Package cert is what both ends need for TLS: a server gets a certificate from
// files that may be renewed while it runs, from itself, or from an authority
// that speaks ACME; a client gets to know a server by the fingerprint of its
// key. Files and names go in, a tls.Config comes out. It imports nothing of ours
// and opens no connection, but for those by which ACME asks for certificates.
package cert

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is a server's, with the certificate that get returns at each
// handshake: TLS 1.3, or 1.2 for those that know no better, and HTTP/2.
func Config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: get,
	}
}

// lookEvery is how often, at most, a handshake looks whether there is another
// certificate.
const lookEvery = 5 * time.Second

// Source has a certificate ready for every handshake, and looks after it. It is
// safe for concurrent use.
type Source struct {
	log   *slog.Logger
	cert  atomic.Pointer[tls.Certificate]
	start time.Time
	next  atomic.Int64 // when to look again, in nanoseconds after start

	mu     sync.Mutex // guards what follows
	keeper keeper
	told   string // why the last look failed, as the log has it
}

// keeper is where a Source has its certificate from.
type keeper interface {
	// renew returns another certificate than before, or nil where that is
	// still the one. With force it looks harder.
	renew(force bool) (*tls.Certificate, error)
}

// newSource has the first certificate of k already.
func newSource(k keeper, first *tls.Certificate, log *slog.Logger) *Source {
	s := &Source{log: log, start: time.Now(), keeper: k}
	s.next.Store(int64(lookEvery))
	s.cert.Store(first)
	return s
}

// Get is for tls.Config.GetCertificate. Its error is always nil: when there is
// something wrong with a new certificate the one before stays in use, and the
// log says so once.
func (s *Source) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := time.Since(s.start) // the wall clock may be set back
	if int64(now) >= s.next.Load() && s.mu.TryLock() {
		defer s.mu.Unlock()
		s.next.Store(int64(now + lookEvery))
		if err := s.look(false); err != nil && err.Error() != s.told {
			s.told = err.Error()
			s.log.Warn("the certificate stays as it was", "err", err)
		}
	}
	return s.cert.Load(), nil
}

// Reload looks for another certificate now, as on a signal. Connections that
// are open keep theirs. After an error the certificate is the one of before.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next.Store(int64(time.Since(s.start) + lookEvery))
	return s.look(true)
}

// look asks the keeper. The caller holds mu.
func (s *Source) look(force bool) error {
	c, err := s.keeper.renew(force)
	if err != nil {
		return err
	}
	s.told = ""
	if c != nil && !c.Leaf.Equal(s.Leaf()) {
		s.cert.Store(c)
		s.log.Info("the certificate is a new one", "until", c.Leaf.NotAfter.Format(time.DateOnly), "fingerprint", Fingerprint(c.Leaf))
	}
	return nil
}

// Leaf is the certificate in use, as parsed. It may not be changed.
func (s *Source) Leaf() *x509.Certificate { return s.cert.Load().Leaf }

// Fingerprint is that of the certificate in use.
func (s *Source) Fingerprint() string { return Fingerprint(s.Leaf()) }

func orNobody(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

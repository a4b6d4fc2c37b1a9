package cmd

import (
	"cmp"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"secstream/pkg/compress"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/slicer"
)

// Limits of what may be asked for.
const (
	minTTL     = time.Second
	maxPrewarm = 1000
	maxWorkers = 64
)

// validate says what cannot be done. Its errors begin with the option, by
// which settings.blame finds where it was said.
func (o serveOptions) validate() error {
	for _, check := range []func() error{o.checkSlices, o.checkLimits, o.checkNetwork, o.checkTLS} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (o serveOptions) checkSlices() error {
	switch {
	case o.slice < slicer.MinMillis*time.Millisecond || o.slice > slicer.MaxMillis*time.Millisecond:
		return usageErrorf("as --slice 5s", "--slice %v: it must be between 1s and 30s", o.slice)
	case o.slice%time.Millisecond != 0:
		return usageErrorf("as --slice 2500ms", "--slice %v: only whole milliseconds", o.slice)
	case !(o.variance > 0 && o.variance <= 1):
		return usageErrorf("as --variance 0.4", "--variance %v: it must be above 0 and at most 1", o.variance)
	case o.compression < compress.MinLevel || o.compression > compress.MaxLevel:
		return usageErrorf("as --compression 6", "--compression %d: it must be between 0 and 9", o.compression)
	case o.logFormat != "text" && o.logFormat != "json":
		return usageErrorf("--log-format text or --log-format json", "--log-format %q is not known", o.logFormat)
	case o.quiet && o.verbose:
		return usageErrorf("leave one of them out", "--quiet and --verbose contradict each other")
	case !slices.Contains([]server.Decode{server.DecodeAuto, server.DecodeAlways, server.DecodeNever}, o.decode):
		return usageErrorf("auto, always or never", "--decode %q is not known", o.decode)
	case slices.Contains(o.paths, ""):
		return usageErrorf("is a variable unset? \".\" serves the folder you are in", "a path is empty")
	}
	if _, ok := session.Generators[o.sliceIDs]; !ok {
		return usageErrorf("nanoid, uuid, sequential, timestamp or hash", "--slice-ids %q is not known", o.sliceIDs)
	}
	return nil
}

func (o serveOptions) checkLimits() error {
	rate := func(name string, n float64) error {
		if !(n >= 0) || math.IsInf(n, 1) {
			return usageErrorf("as --"+name+" 100, or 0 for no limit", "--%s %v: it must be 0 or more", name, n)
		}
		return nil
	}
	count := func(name string, n, least, most int) error {
		if n < least || n > most {
			return usageErrorf("\"secstream serve --help\" has the defaults", "--%s %d: it must be between %d and %d", name, n, least, most)
		}
		return nil
	}
	switch {
	case o.limits.TTL < minTTL:
		return usageErrorf("as --session-ttl 30m", "--session-ttl %v: it must be %v or more", o.limits.TTL, minTTL)
	case o.cache.TTL <= 0:
		return usageErrorf("as --cache-ttl 5m; --cache-size 0 turns the cache off", "--cache-ttl %v: it must be above 0", o.cache.TTL)
	}
	return cmp.Or(
		count("max-sessions", o.limits.Max, 1, math.MaxInt32),
		count("max-sessions-per-address", o.limits.PerOwner, 0, math.MaxInt32),
		rate("rate-address", o.live.AddressRate),
		rate("rate-session", o.live.SessionRate),
		count("cache-slices", o.cache.Slices, 1, math.MaxInt32),
		count("prewarm", o.prewarm, 0, maxPrewarm),
		count("prewarm-workers", o.workers, 1, maxWorkers),
	)
}

func (o serveOptions) checkNetwork() error {
	if !isListenable(o.listen) {
		return usageErrorf(listenExample, "--listen %q is not host:port", o.listen)
	}
	switch {
	case o.metrics == "":
	case !isListenable(o.metrics):
		return usageErrorf("as --metrics 127.0.0.1:9420, or --metrics 9420 for the same", "--metrics %q is not host:port", o.metrics)
	case o.metrics == o.listen && !strings.HasSuffix(o.listen, ":0"):
		return usageErrorf("give it a port of its own, as --metrics 9420", "--metrics and --listen both want %s", o.listen)
	}
	for _, origin := range o.live.Origins {
		if origin != "*" && http.NewCrossOriginProtection().AddTrustedOrigin(origin) != nil {
			return usageErrorf(`scheme and host without a path, as --cors https://player.example, or "*" for all`, "--cors %q is not an origin", origin)
		}
	}
	return nil
}

func isListenable(address string) bool {
	_, port, err := net.SplitHostPort(address)
	n, portErr := strconv.Atoi(port)
	return err == nil && portErr == nil && n >= 0 && n <= 65535
}

// checkTLS: there are three ways to a certificate, and one is enough.
func (o serveOptions) checkTLS() error {
	files := o.certFile != "" || o.keyFile != ""
	switch {
	case o.certFile == "" && o.keyFile != "":
		return usageErrorf("as --tls-cert server.pem --tls-key server.key", "--tls-key needs --tls-cert")
	case o.certFile != "" && o.keyFile == "":
		return usageErrorf("as --tls-cert server.pem --tls-key server.key", "--tls-cert needs --tls-key")
	case o.tls != "" && o.tls != tlsSelf:
		return usageErrorf("--tls self; for a certificate you have, --tls-cert FILE --tls-key FILE", "--tls %q is not known", o.tls)
	case o.tls != "" && files:
		return usageErrorf("leave one of them out", "--tls self and --tls-cert are two ways to a certificate")
	case len(o.acme) > 0 && (files || o.tls != ""):
		return usageErrorf("leave one of them out", "--acme is one way to a certificate, %s another", map[bool]string{true: "--tls-cert", false: "--tls self"}[files])
	}
	for _, domain := range o.acme {
		if !isDomain(domain) {
			return usageErrorf("a name that the world knows, as --acme music.example.org", "--acme %q is not a domain", domain)
		}
	}
	if host, port, _ := net.SplitHostPort(o.listen); len(o.acme) > 0 && (port == "0" || isLoopback(host)) {
		return usageErrorf("who gives the certificate connects to port 443 of the domain first: as --listen :443, or another port that 443 is forwarded to",
			"--acme needs an address that the world can reach, and --listen is %s", o.listen)
	}
	return nil
}

// checkPair: who pairs gets a token, by an address that somebody has to see.
func (o serveOptions) checkPair() error {
	switch {
	case o.tokenFile == "":
		return usageErrorf("as --pair --token-file tokens; \"secstream token add NAME\" makes the file", "--pair needs --token-file: a player that pairs gets a token, and without it everybody is let in anyway")
	case o.quiet:
		return usageErrorf("leave --quiet out", "--pair prints an address, and --quiet keeps it from being printed")
	}
	return nil
}

// isLoopback: only this machine reaches host.
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// isDomain: name can have a certificate of the public kind (RFC 1123, 2.1, with
// two labels at least and no wildcard).
func isDomain(name string) bool {
	labels := strings.Split(name, ".")
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") ||
			strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return true
}

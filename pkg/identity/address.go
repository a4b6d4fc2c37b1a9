package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrAddress is a text that is not the address of a server.
var ErrAddress = errors.New("not an address of a secstream server")

// Schemes of addresses that say who the server is, for servers that are
// reached by http and by https.
const (
	Scheme    = "secstream"
	SchemeTLS = "secstreams"
)

// maxAddress bounds a canonical address, in bytes: a name has 253, and the rest
// is room for a path.
const maxAddress = 1024

// Address is where a server is, and who it is: what a server hands out so that
// its first player need not trust whom it meets.
type Address struct {
	URL         string // canonical, http or https; what a client is made for
	Fingerprint Fingerprint
	Pair        Secret // lets one player in; the zero Secret where there is none
}

// Claimed says whether text means to be an Address, well formed or not: whoever
// gives one has asked for a check that must not get lost.
func Claimed(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (strings.EqualFold(scheme, Scheme) || strings.EqualFold(scheme, SchemeTLS))
}

// ParseAddress reads "secstream://host:port/prefix#SHA256:...", or the same with
// secstreams for https, and with "?pair=SECRET" in front of the # for pairing.
// Port and prefix may be left out, as in a URL; the fingerprint may not: an
// address that has lost its end would be of a server that may be anyone. Errors
// wrap ErrAddress, ErrSecret or ErrFingerprint, and show no secret.
func ParseAddress(text string) (Address, error) {
	hidden := Redact(text)
	if !Claimed(text) {
		return Address{}, fmt.Errorf("%w: %.256q does not begin with %s:// or %s://", ErrAddress, hidden, Scheme, SchemeTLS)
	}
	where, who, ok := strings.Cut(text, "#")
	if !ok {
		return Address{}, fmt.Errorf("%w: %.256q has no #fingerprint at its end", ErrAddress, hidden)
	}
	fingerprint, err := ParseFingerprint(Redact(who)) // one with a query is none either way
	if err != nil {
		return Address{}, fmt.Errorf("read an address: %w", err)
	}
	a := Address{Fingerprint: fingerprint}
	where, query, paired := strings.Cut(where, "?")
	if paired {
		if a.Pair, err = parsePair(query); err != nil {
			return Address{}, fmt.Errorf("read the address %.256q: %w", hidden, err)
		}
	}
	scheme, rest, _ := strings.Cut(where, "://")
	base := "http://"
	if strings.EqualFold(scheme, SchemeTLS) {
		base = "https://"
	}
	if a.URL, err = Canonical(base + rest); err != nil {
		return Address{}, fmt.Errorf("read the address of %s://: %w", scheme, err)
	}
	return a, nil
}

// String is a without its secret.
func (a Address) String() string { return Redact(a.Reveal()) }

// Reveal is a as ParseAddress reads it, with its secret: what is handed out and
// never logged. URL has to be canonical.
func (a Address) Reveal() string {
	scheme, rest, _ := strings.Cut(a.URL, "://")
	own := Scheme
	if scheme == "https" {
		own = SchemeTLS
	}
	if !strings.Contains(rest, "/") {
		rest += "/"
	}
	if !a.Pair.IsZero() {
		rest += "?" + pairPrefix + a.Pair.Text()
	}
	return own + "://" + rest + "#" + a.Fingerprint.String()
}

// LogValue keeps the secret out of logs.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Canonical is the one form of the address of a server that pins are kept
// under: scheme, host, port and path. "host:port" is http. Names are in small
// letters and ASCII (IDNA), without a dot at the end; IP addresses in their
// shortest form (RFC 5952); the scheme's own port is left out, as is a slash at
// the end. Users, queries and fragments are refused. Errors wrap ErrAddress.
func Canonical(address string) (string, error) {
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !utf8.ValidString(text) || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.ContainsAny(text, "?#") {
		return "", fmt.Errorf("%w: %.256q; it looks like http://127.0.0.1:8420", ErrAddress, Redact(address))
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return "", fmt.Errorf("%w: %.256q: %w", ErrAddress, Redact(address), err)
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return "", fmt.Errorf("%w: %.256q: a port is 1 to 65535", ErrAddress, Redact(address))
		}
		if n != 80 && u.Scheme == "http" || n != 443 && u.Scheme == "https" {
			host += ":" + strconv.FormatUint(n, 10)
		}
	}
	prefix := (&url.URL{Path: path.Clean("/" + u.Path)}).EscapedPath()
	if strings.Count(u.Path, "/") != strings.Count(u.EscapedPath(), "/") {
		return "", fmt.Errorf("%w: %.256q: a slash in a path is written as such", ErrAddress, Redact(address))
	}
	canonical := u.Scheme + "://" + host + strings.TrimSuffix(prefix, "/")
	if len(canonical) > maxAddress {
		return "", fmt.Errorf("%w: it has %d bytes, and %d are the most", ErrAddress, len(canonical), maxAddress)
	}
	return canonical, nil
}

// canonicalHost is a name, or an IP address with brackets where a URL has them.
func canonicalHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap(); ip.Is4() {
			return ip.String(), nil
		}
		if strings.Trim(ip.Zone(), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return "", errors.New("that zone is none")
		}
		return "[" + strings.ReplaceAll(ip.String(), "%", "%25") + "]", nil // RFC 6874
	}
	name, err := idna.Lookup.ToASCII(host)
	if strings.Trim(host, asciiName) == "" { // IDNA is stricter than DNS: of _ it knows nothing
		name, err = strings.ToLower(host), nil
	}
	name = strings.TrimSuffix(name, ".")
	if err != nil || len(name) > 253 || strings.Trim(name, asciiName) != "" || slices.Contains(strings.Split(name, "."), "") {
		return "", errors.New("that host is none")
	}
	return name, nil
}

const asciiName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

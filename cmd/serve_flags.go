package cmd

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/compress"
	"secstream/pkg/config"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// defaultListen is loopback only: opening a folder to the network is a
// decision, not a default.
const defaultListen = "127.0.0.1:8420"

const listenExample = "as --listen 127.0.0.1:8420 or --listen :8420"

// defaultIDs names the generator of slice IDs that tell nothing.
const defaultIDs = "nanoid"

// What listeners may do by default: far more than players do, far less than
// would keep others from playing.
const (
	defaultPerAddress  = 1000
	defaultAddressRate = 200
	defaultSessionRate = 100
)

// Defaults as people write them, of what session.Cache has in its own terms.
const (
	defaultCacheSize   = "32MB"
	defaultCacheSlices = 1024
	defaultCacheTTL    = 5 * time.Minute
	defaultWorkers     = 3
)

// tlsSelf is the one value of --tls: a certificate made here and kept.
const tlsSelf = "self"

// serveOptions is what serve is to do. The zero value but for paths, slice and
// variance is right for a player's own server.
type serveOptions struct {
	paths       []string
	listen      string
	metrics     string // address of the operator's listener, or ""
	slice       time.Duration
	randomize   bool
	variance    float64
	compression int
	sliceIDs    string
	decode      server.Decode
	limits      session.Limits
	cache       session.Cache
	rekey       session.Rekey
	rekeyText   string
	pad         bool
	prewarm     int
	workers     int
	web         bool // show browsers a player
	live        server.Live
	reloads     bool // what live has may change later
	trusted     []string
	proxies     []netip.Prefix // trusted, parsed
	tokenFile   string
	pair        bool
	tls         string
	certFile    string
	keyFile     string
	acme        []string // domains
	logFormat   string
	verbose     bool
	quiet       bool
}

func serveFlags() []cli.Flag {
	variable := func(name string) []string { return []string{variableOf(name)} }
	text := func(name, value, usage string) *cli.StringFlag {
		return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: variable(name)}
	}
	truth := func(name, usage string) cli.Flag {
		return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: variable(name)}
	}
	whole := func(name string, value int, usage string) cli.Flag {
		return &cli.IntFlag{Name: name, Value: value, Usage: usage, EnvVars: variable(name)}
	}
	number := func(name string, value float64, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Value: value, Usage: usage, EnvVars: variable(name)}
	}
	span := func(name string, value time.Duration, usage string) cli.Flag {
		return &cli.DurationFlag{Name: name, Value: value, Usage: usage, EnvVars: variable(name)}
	}
	list := func(name, usage string) cli.Flag {
		return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: variable(name)}
	}
	return []cli.Flag{
		text("listen", defaultListen, "`ADDRESS` to listen on, host:port; port 0 takes a free one"),
		span("slice", session.DefaultMillis*time.Millisecond, "slice length, 1s to 30s"),
		truth("randomize", "vary the slice lengths by session"),
		number("variance", session.DefaultVariance, "how much --randomize varies them, above 0 to 1"),
		whole("compression", compress.DefaultLevel, "DEFLATE `LEVEL`, 0 to 9, for WAV; coded audio is never compressed again"),
		text("slice-ids", defaultIDs, "nanoid, uuid, sequential, timestamp or hash; those after uuid can be guessed by listeners"),
		text("decode", string(server.DecodeAuto), "`WHOM` to send coded audio as PCM: auto (browsers that cannot take the codec), always or never"),
		truth("allow-upload", "let clients create sessions from files they send"),
		&sizeFlag{text("max-upload", "256MB", "largest file a client may send, `SIZE` in bytes or with KB, MB, GB")},
		list("cors", "`ORIGIN` whose pages may call the API; may be repeated; \"*\" for all"),
		truth("no-web", "show browsers no player at /"),
		span("session-ttl", session.DefaultTTL, "end sessions that nobody used for so long"),
		whole("max-sessions", session.DefaultMax, "most tracks in live sessions"),
		whole("max-sessions-per-address", defaultPerAddress, "most tracks in live sessions of one client address; 0 for no limit of its own"),
		number("rate-address", defaultAddressRate, "requests a second from one address in the long run; 0 for no limit"),
		number("rate-session", defaultSessionRate, "requests a second for one session in the long run; 0 for no limit"),
		&sizeFlag{text("cache-size", defaultCacheSize, "`SIZE` of the cache of sealed slices; 0 for none")},
		whole("cache-slices", defaultCacheSlices, "most slices in the cache"),
		span("cache-ttl", defaultCacheTTL, "how long a slice may stay in the cache"),
		whole("prewarm", 0, "slices to make ahead after each key exchange, `N`"),
		whole("prewarm-workers", defaultWorkers, "how many of them are made at once"),
		&pathFlag{text("token-file", "", "`FILE` of bearer tokens: whoever has none gets nothing; see \"secstream token\"")},
		text("rekey-after", "1h", "have players agree on another key after `TIME`, or N slices, or both, as 1h,5000; 0 for never"),
		truth("pad", "pad slices, so that their sizes tell less of what is played"),
		list("trust-proxy", "`CIDR` of proxies whose word on the client's address is taken; may be repeated"),
		&pathFlag{text("tls-cert", "", "serve HTTPS with the certificates in `FILE`, PEM")},
		&pathFlag{text("tls-key", "", "`FILE` with the key of --tls-cert, PEM")},
		text("tls", "", "\"self\": serve HTTPS with a certificate that is made once and kept"),
		list("acme", "serve HTTPS for `DOMAIN` with a certificate from Let's Encrypt; may be repeated"),
		text("metrics", "", "serve Prometheus's metrics, /health and /ready on `ADDRESS`, host:port; a port alone is this machine's only"),
		text("log-format", "text", "text or json"),
		truth("verbose", "log every request"),
		truth("quiet", "print nothing but warnings and errors"),
		&lineFlag{StringFlag: text(configOption, "", "read settings from `FILE`, TOML; options and variables win")},
		&cli.BoolFlag{Name: pairOption, Usage: "let one player in who is given the address it prints, within 10 minutes: it gets a token of --token-file"},
		&cli.BoolFlag{Name: printOption, Usage: "print the settings as a file for --config, and end"},
	}
}

// options are the settings as serve works with them, checked.
func (s settings) options() (serveOptions, error) {
	o := serveOptions{
		paths: get[config.Paths](s, pathsSetting), listen: get[string](s, "listen"), metrics: get[string](s, "metrics"), slice: get[time.Duration](s, "slice"),
		randomize: get[bool](s, "randomize"), variance: get[float64](s, "variance"), compression: get[int](s, "compression"),
		sliceIDs: get[string](s, "slice-ids"), decode: server.Decode(get[string](s, "decode")),
		limits:    session.Limits{TTL: get[time.Duration](s, "session-ttl"), Max: get[int](s, "max-sessions"), PerOwner: get[int](s, "max-sessions-per-address")},
		cache:     session.Cache{Slices: get[int](s, "cache-slices"), TTL: get[time.Duration](s, "cache-ttl")},
		rekeyText: get[string](s, "rekey-after"), pad: get[bool](s, "pad"),
		prewarm: get[int](s, "prewarm"), workers: get[int](s, "prewarm-workers"),
		live: server.Live{
			Origins: get[[]string](s, "cors"), AllowUpload: get[bool](s, "allow-upload"),
			AddressRate: get[float64](s, "rate-address"), SessionRate: get[float64](s, "rate-session"),
		},
		web: !get[bool](s, "no-web"), reloads: true,
		trusted: get[[]string](s, "trust-proxy"), tokenFile: string(get[config.Path](s, "token-file")),
		tls: get[string](s, "tls"), certFile: string(get[config.Path](s, "tls-cert")), keyFile: string(get[config.Path](s, "tls-key")), acme: get[[]string](s, "acme"),
		logFormat: get[string](s, "log-format"), verbose: get[bool](s, "verbose"), quiet: get[bool](s, "quiet"),
	}
	if err := o.parse(string(get[config.Size](s, "max-upload")), string(get[config.Size](s, "cache-size"))); err != nil {
		return o, s.blame(err)
	}
	return o, s.blame(o.validate())
}

// parse reads what is text still.
func (o *serveOptions) parse(maxUpload, cacheSize string) (err error) {
	if o.live.MaxUpload, err = parseSize(maxUpload); err != nil {
		return usageErrorf("as --max-upload 256MB", "--max-upload: %v", err)
	}
	if strings.Trim(cacheSize, "0") == "" && cacheSize != "" {
		o.cache.Bytes = -1 // none
	} else if o.cache.Bytes, err = parseSize(cacheSize); err != nil {
		return usageErrorf("as --cache-size 32MB, or 0 for none", "--cache-size: %v", err)
	}
	if o.rekey, err = parseRekey(o.rekeyText); err != nil {
		return usageErrorf("as --rekey-after 1h, --rekey-after 5000 (slices), or both: 1h,5000", "--rekey-after %q: %v", o.rekeyText, err)
	}
	for _, text := range o.trusted {
		p, err := parseNetwork(text)
		if err != nil {
			return usageErrorf("as --trust-proxy 10.0.0.0/8 or --trust-proxy ::1", "--trust-proxy %q is no network", text)
		}
		o.proxies = append(o.proxies, p)
	}
	if _, err := strconv.ParseUint(o.metrics, 10, 16); err == nil {
		o.metrics = net.JoinHostPort("127.0.0.1", o.metrics)
	}
	return nil
}

// parseRekey reads a time, a number of slices, or one of each.
func parseRekey(text string) (r session.Rekey, err error) {
	seen := map[bool]bool{} // by whether it is a number
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		n, err := strconv.ParseUint(part, 10, 31)
		count := err == nil
		if seen[count] {
			return r, errors.New("one time and one number of slices are the most")
		}
		if seen[count] = true; count {
			r.Slices = int(n)
			continue
		}
		if r.After, err = time.ParseDuration(part); err != nil || r.After < time.Second {
			return r, errors.New("neither a number nor a time of a second or more")
		}
	}
	return r, nil
}

// parseNetwork reads a network, or an address as a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	return netip.ParsePrefix(text)
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int64, error) {
	units := []struct {
		suffix string
		bytes  int64
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"B", 1}, {"", 1}}
	upper := strings.ToUpper(strings.TrimSpace(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(upper, u.suffix)
		if !ok {
			continue
		}
		var n int64
		if _, err := fmt.Sscanf(digits+"\n", "%d\n", &n); err != nil || n < 1 || n > 1<<40/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size", text)
}

// level is what is logged.
func (o serveOptions) level() slog.Level {
	switch {
	case o.verbose:
		return slog.LevelDebug
	case o.quiet:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

package browser

import "strings"

// agent is a User-Agent taken apart (RFC 9110 §10.1.5): products with versions,
// and comments in parentheses.
type agent struct {
	products map[string]string // name to version, of the first of each name
	comment  string            // the first, which names the system
}

// parseAgent is lenient: a comment that does not end goes to the end, and what
// else breaks the rules becomes a product of an odd name.
func parseAgent(s string) agent {
	a := agent{products: map[string]string{}}
	depth, start := 0, 0
	for i := 0; i <= len(s); i++ {
		end := i == len(s)
		switch {
		case !end && s[i] == '(':
			if depth == 0 {
				a.product(s[start:i])
				start = i + 1
			}
			depth++
		case depth > 0 && (end || s[i] == ')'):
			if depth--; depth == 0 || end {
				if a.comment == "" {
					a.comment = s[start:i]
				}
				start, depth = i+1, 0
			}
		case depth == 0 && (end || s[i] == ' ' || s[i] == '\t' || s[i] == ')'):
			a.product(s[start:i])
			start = i + 1
		}
	}
	return a
}

func (a *agent) product(s string) {
	name, version, _ := strings.Cut(s, "/")
	if _, twice := a.products[name]; !twice && name != "" {
		a.products[name] = version
	}
}

func (a agent) has(names ...string) bool {
	for _, name := range names {
		if _, ok := a.products[name]; ok {
			return true
		}
	}
	return false
}

// version is that of the first of names which has one.
func (a agent) version(names ...string) Version {
	for _, name := range names {
		if v := parseVersion(a.products[name]); v.Major > 0 {
			return v
		}
	}
	return Version{}
}

// parseVersion reads "18", "18.4.1", "18_4"; whatever follows is left.
func parseVersion(s string) Version {
	major, rest := number(s)
	if rest == "" || rest[0] != '.' && rest[0] != '_' {
		return Version{Major: major}
	}
	minor, _ := number(rest[1:])
	return Version{major, minor}
}

// number reads up to 6 digits at the start of s, 0 for none.
func number(s string) (n int, rest string) {
	i := 0
	for i < len(s) && i < 6 && s[i] >= '0' && s[i] <= '9' {
		n = 10*n + int(s[i]-'0')
		i++
	}
	return n, s[i:]
}

// iosNames are products that are WebKit because they are for iOS, also where the
// rest of the User-Agent says it is a Mac.
var iosNames = []string{"CriOS", "FxiOS", "EdgiOS", "OPiOS", "OPT", "OPX"}

// chromiumNames are products whose version is Chromium's.
var chromiumNames = []string{"Chrome", "HeadlessChrome", "Chromium"}

// client tells who a is; ios says that client hints name that system.
func (a agent) client(ios bool) Client {
	webkit, chrome := a.has("AppleWebKit"), a.has(chromiumNames...)
	switch {
	case a.has("secstream"):
		return Client{Ours, parseVersion(a.products["secstream"])}
	case a.has("Opera"), strings.Contains(a.comment, "Trident/"), strings.Contains(a.comment, "MSIE "):
		return Client{Class: Unknown}
	case !a.has("Mozilla"):
		return Client{Class: Program}
	case a.has("Edge"):
		return Client{EdgeHTML, a.version("Edge")}
	case webkit && (ios || a.handheld() || !chrome && a.has(iosNames...)):
		return Client{IOS, a.webkit(a.system())}
	case chrome:
		return Client{Chromium, a.version(chromiumNames...)}
	case webkit && strings.HasPrefix(a.comment, "Macintosh"):
		return Client{Safari, a.webkit(Version{})}
	case !webkit && a.version("Gecko").Major > 0:
		return Client{Firefox, a.gecko()}
	}
	return Client{Class: Unknown}
}

// handheld says whether the system is iOS by its own account.
func (a agent) handheld() bool {
	for _, name := range []string{"iPhone", "iPad", "iPod"} {
		if strings.HasPrefix(a.comment, name) {
			return true
		}
	}
	return false
}

// system is the version of iOS: "CPU iPhone OS 17_5_1 like Mac OS X".
func (a agent) system() Version {
	for s := a.comment; ; {
		_, rest, found := strings.Cut(s, " OS ")
		if v := parseVersion(rest); !found || v.Major > 0 {
			return v
		}
		s = rest
	}
}

// webkit is the version of Safari that a is worth at least: the system's if
// known, Safari's own, which web views in apps leave out and Safari 26 has right
// where the system's stays at 18.6, or by the number of the engine 11, with
// which that became 604.
func (a agent) webkit(system Version) Version {
	v := system
	if own := a.version("Version"); own.atLeast(v) {
		v = own
	}
	if first := (Version{Major: 11}); a.version("AppleWebKit").Major >= 604 && first.atLeast(v) {
		v = first
	}
	return v
}

// gecko is Firefox's version, or the engine's in browsers built on it.
func (a agent) gecko() Version {
	if v := a.version("Firefox"); v.Major > 0 {
		return v
	}
	_, rest, _ := strings.Cut(a.comment, "rv:")
	return parseVersion(rest)
}

package browser

import "strings"

// chromium is the version of the brand "Chromium" in Sec-CH-UA, a list of
// strings with parameters (RFC 9651 §3.1, User-Agent Client Hints §3.1). As
// the RFC has it, a field that breaks its rules in one place counts for nothing.
func chromium(field string) Version {
	var found Version
	for s := skip(field); s != ""; {
		brand, version, rest, ok := member(s)
		if !ok {
			return Version{}
		}
		if brand == "Chromium" && found.Major == 0 {
			found = parseVersion(version)
		}
		rest = skip(rest)
		if rest == "" {
			return found
		}
		s = skip(strings.TrimPrefix(rest, ","))
		if rest[0] != ',' || s == "" {
			return Version{}
		}
	}
	return Version{}
}

// platform is the string in Sec-CH-UA-Platform.
func platform(field string) string {
	name, _, rest, ok := member(skip(field))
	if !ok || skip(rest) != "" {
		return ""
	}
	return name
}

func skip(s string) string { return strings.TrimLeft(s, " \t") }

// member reads a string and its parameters, of which v is kept.
func member(s string) (value, version, rest string, ok bool) {
	value, s, ok = quoted(s)
	for ok && strings.HasPrefix(s, ";") {
		var key, v string
		key, s = token(skip(s[1:]), "-_.*")
		if key == "" {
			return "", "", "", false
		}
		if strings.HasPrefix(s, "=") {
			v, s, ok = bare(s[1:])
		}
		if key == "v" {
			version = v
		}
	}
	return value, version, s, ok
}

// bare reads a string, or a token, number or boolean as it stands.
func bare(s string) (value, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		return quoted(s)
	}
	value, rest = token(s, "!#$%&'*+-.^_`|~:/?")
	return value, rest, value != ""
}

// quoted reads a string: printable ASCII between quotes, of which quotes and
// backslashes follow a backslash.
func quoted(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c < ' ' || c > '~':
			return "", "", false
		case c == '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", false
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// token reads letters, digits and what is in more.
func token(s, more string) (value, rest string) {
	i := 0
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9' || strings.IndexByte(more, s[i]) >= 0) {
		i++
	}
	return s[:i], s[i:]
}

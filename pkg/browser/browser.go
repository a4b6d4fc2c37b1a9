// Package browser tells from what a request says of its sender which codecs that
// sender decodes by itself. Header fields go in, a Client comes out. It guesses:
// anybody may say anything. A wrong guess costs bandwidth or a slice that does
// not decode, never a secret. It imports audio only.
//
// A page decodes slices with decodeAudioData, which knows what the browser's
// engine knows, not what its name promises: every browser on iOS is WebKit, and
// Edge on Android is Chromium. Where nothing tells an engine or its version, the
// client counts as one that decodes little: PCM plays everywhere.
package browser

import "secstream/pkg/audio"

// Class is a kind of client, by what decodes sound in it.
type Class string

// The classes.
const (
	Chromium Class = "chromium" // Chrome, Edge since 79, Opera, Brave, Samsung Internet, Android's web view, Electron
	Firefox  Class = "firefox"  // Gecko
	Safari   Class = "safari"   // WebKit of macOS, and of an iPad that says it is a Mac
	IOS      Class = "ios"      // WebKit of iOS and iPadOS, whatever the browser is called
	EdgeHTML Class = "edgehtml" // Edge until 18
	Ours     Class = "secstream"
	Program  Class = "program" // no browser: whoever wrote it chose what it can do
	Unknown  Class = "unknown" // a browser, or one that pretends to be, of no engine known here
)

// Version is that of the engine: of Chromium, of Firefox, of Safari, of iOS, of
// Edge. The zero value means that it cannot be told.
type Version struct{ Major, Minor int }

func (v Version) atLeast(w Version) bool {
	return v.Major > w.Major || v.Major == w.Major && v.Minor >= w.Minor
}

// Client is who sent a request.
type Client struct {
	Class   Class
	Version Version
}

// Hints are the header fields that tell, as they came. All may be empty.
type Hints struct {
	UserAgent string // User-Agent
	Brands    string // Sec-CH-UA
	Platform  string // Sec-CH-UA-Platform
}

// maxField is how much of a field is looked at, in bytes. Real ones take a
// third of it at most.
const maxField = 2048

// Of tells who sent h. It never fails and takes time linear in what it looks at,
// a few thousand bytes at most.
//
// Client hints come from Chromium alone, over HTTPS or on one machine, and pages
// cannot write them, so that they count for more than the User-Agent. Only the
// brand "Chromium" does; others, among them those that are made up so that
// nobody relies on the list, say nothing of the engine. Under iOS no brand does.
func Of(h Hints) Client {
	ios := platform(cut(h.Platform)) == "iOS"
	if v := chromium(cut(h.Brands)); v.Major > 0 && !ios {
		return Client{Chromium, v}
	}
	return parseAgent(cut(h.UserAgent)).client(ios)
}

func cut(s string) string { return s[:min(len(s), maxField)] }

// since says from which version on the engine of a class decodes a codec in the
// containers that slices have: FLAC of its own, Vorbis and Opus in Ogg.
//
// FLAC: Chrome 56, Firefox 51, Edge 16, Safari and iOS 11 (caniuse.com/flac).
// Ogg: Chrome (Opus 33), Firefox (caniuse.com/ogg-vorbis, /opus), of which the
// versions below are the first to decode whole files for Web Audio without a
// prefix. WebKit leaves Ogg to the system: iOS 18.4 and macOS 15.4 have it
// (release notes of Safari 18.4). The User-Agent of iOS tells the system's
// version. That of a Mac has been frozen at 10.15.7, and Safari 18.4 and 26 run
// on macOS 13 or 14 too, where they decode no Ogg: hence none there. Old Edge
// decodes Ogg only where an extension from the shop is installed.
var since = map[Class]map[audio.Codec]Version{
	Chromium: {audio.Flac: {56, 0}, audio.Vorbis: {35, 0}, audio.Opus: {35, 0}},
	Firefox:  {audio.Flac: {51, 0}, audio.Vorbis: {25, 0}, audio.Opus: {25, 0}},
	Safari:   {audio.Flac: {11, 0}},
	IOS:      {audio.Flac: {11, 0}, audio.Vorbis: {18, 4}, audio.Opus: {18, 4}},
	EdgeHTML: {audio.Flac: {16, 0}},
}

// Decodes says whether the client takes slices of codec as they are. PCM and MP3
// everybody takes. Without a version the answer for the rest is no, but for
// programs, which take all.
func (c Client) Decodes(codec audio.Codec) bool {
	if codec == audio.PCM || codec == audio.Layer3 || c.Class == Ours || c.Class == Program {
		return true
	}
	first, ok := since[c.Class][codec]
	return ok && c.Version.atLeast(first)
}

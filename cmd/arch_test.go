package cmd

import (
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// law is who may import whom, among our own packages. A package that is not
// listed may import none. docs/adr/0007 says why it is as it is.
var law = map[string][]string{
	"pkg/audio/wavfile": {"pkg/audio"},
	"pkg/format/tag":    {"pkg/audio"},
	"pkg/format/wav":    {"pkg/audio", "pkg/format/tag"},
	"pkg/format/mp3":    {"pkg/audio", "pkg/format/tag"},
	"pkg/format/flac":   {"pkg/audio", "pkg/format/tag"},
	"pkg/format/ogg":    {"pkg/audio", "pkg/format/tag"},
	"pkg/format":        {"pkg/audio", "pkg/format/*"},
	"pkg/slicer":        {"pkg/audio"},
	"pkg/compress":      {},
	"pkg/wipe":          {},
	"pkg/caught":        {},
	"pkg/wipe/wipetest": {}, // of tests alone
	"pkg/seal":          {"pkg/wipe"},
	"pkg/cert":          {},
	"pkg/token":         {},
	"pkg/identity":      {}, // the handshake that it signs included
	"pkg/handshake":     {"pkg/seal", "pkg/wipe"},
	"pkg/pair":          {"pkg/handshake", "pkg/pack", "pkg/seal", "pkg/wire"},
	"pkg/sbrp":          {}, // and no cipher: a relay links it
	"pkg/sbrp/channel":  {"pkg/sbrp", "pkg/wipe"},
	"pkg/wire":          {"pkg/audio", "pkg/slicer"}, // and no cipher: a relay links it
	"pkg/pack":          {"pkg/audio", "pkg/compress", "pkg/seal", "pkg/slicer"},
	"pkg/library":       {"pkg/audio", "pkg/format", "pkg/slicer"},
	"pkg/session":       {"pkg/audio", "pkg/compress", "pkg/format/wav", "pkg/handshake", "pkg/pack", "pkg/seal", "pkg/slicer", "pkg/wire"},
	"pkg/server":        {"pkg/audio", "pkg/format", "pkg/handshake", "pkg/browser", "pkg/library", "pkg/limit", "pkg/pack", "pkg/seal", "pkg/session", "pkg/wire"},
	"pkg/client":        {"pkg/audio", "pkg/buffer", "pkg/caught", "pkg/cert", "pkg/compress", "pkg/decode", "pkg/handshake", "pkg/pack", "pkg/seal", "pkg/wire"},
	"pkg/browser":       {"pkg/audio"},
	"pkg/buffer":        {}, // and no clock
	"pkg/limit":         {},
	"pkg/web":           {}, // what it shows knows the protocol, not our code
	"pkg/config":        {},
	"pkg/metrics":       {"pkg/library", "pkg/server", "pkg/session"},
	"pkg/decode":        {"pkg/audio", "pkg/audio/wavfile", "pkg/decode/layer3"},
	"pkg/player":        {"pkg/audio", "pkg/caught", "pkg/decode"},
	"pkg/mix":           {"pkg/audio"},
	"pkg/output":        {"pkg/audio", "pkg/audio/wavfile", "pkg/caught", "pkg/mix", "pkg/player"},
	"pkg/probe":         {"pkg/audio", "pkg/compress", "pkg/decode", "pkg/format", "pkg/pack", "pkg/seal", "pkg/slicer", "pkg/wire"},
	"pkg/bench":         {"pkg/audio", "pkg/audio/wavfile", "pkg/compress", "pkg/decode", "pkg/format", "pkg/handshake", "pkg/identity", "pkg/pack", "pkg/seal", "pkg/slicer"},
	"tui/art":           {},
	"tui/keys":          {}, // nor a terminal: the documentation is made from it
	"tui/lyrics":        {},
	"tui/hush":          {},
	"tui/spectrum":      {},
	"tui":               {"pkg/audio", "pkg/caught", "pkg/player", "tui/*"},
	"cmd":               {"pkg/*", "pkg/*/*", "tui", "tui/*"},
	".":                 {"cmd"},
}

// outside is which packages alone may import something from elsewhere.
var outside = map[string][]string{
	"net/http":                             {"pkg/client", "pkg/server", "pkg/wire", "pkg/metrics", "pkg/web", "cmd"},
	"github.com/urfave/cli":                {"cmd"},
	"github.com/charmbracelet/bubbletea":   {"tui"},
	"github.com/charmbracelet/lipgloss":    {"tui"},
	"github.com/gopxl/beep":                {"pkg/output"},
	"github.com/jfreymuth/pulse":           {"pkg/output"},
	"github.com/mewkiz/flac":               {"pkg/decode", "pkg/bench"}, // bench encodes its test signal with it
	"github.com/jfreymuth/vorbis":          {"pkg/decode"},
	"github.com/jfreymuth/oggvorbis":       {"pkg/decode"},
	"github.com/dhowden/tag":               {"pkg/format/tag"},
	"github.com/klauspost/compress":        {"pkg/compress"},
	"golang.org/x/crypto/chacha20poly1305": {"pkg/seal", "pkg/sbrp/channel"},
	"crypto/aes":                           {"pkg/seal", "pkg/bench", "pkg/session"}, // bench compares with the bare cipher, session names slices
	"crypto/ecdh":                          {"pkg/handshake", "pkg/sbrp/channel"},
	"crypto/ed25519":                       {"pkg/handshake", "pkg/identity", "pkg/client", "pkg/sbrp", "pkg/sbrp/channel", "pkg/bench", "cmd"}, // cmd compares with pins
	"crypto/tls":                           {"pkg/cert", "pkg/client", "cmd"},
	"golang.org/x/crypto/acme":             {"pkg/cert"},
	"github.com/BurntSushi/toml":           {"pkg/config"},
	"github.com/prometheus":                {"pkg/metrics"},
	"github.com/coreos/go-systemd":         {"cmd"},
	"github.com/santhosh-tekuri":           {}, // judges answers, in tests
	"github.com/gofrs/flock":               {"pkg/cert", "pkg/identity", "pkg/token", "pkg/server"},
	"golang.org/x/net":                     {"pkg/identity"},
	"golang.org/x/image":                   {"tui/art"},
	"github.com/skip2/go-qrcode":           {"cmd"},
	"github.com/tdewolff":                  {"pkg/web"},
	"github.com/makiuchi-d/gozxing":        {}, // reads codes, in tests
}

func TestImportLaw(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(path, ".."), string(filepath.Separator)))
		if name == "" {
			name = "."
		}
		if base := filepath.Base(path); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "docs") {
			return filepath.SkipDir
		}
		for _, goos := range []string{"linux", "darwin", "windows"} {
			checkPackage(t, path, name, goos, seen)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range law {
		if !seen[name] {
			t.Errorf("the law names %s, which does not exist", name)
		}
	}
}

func checkPackage(t *testing.T, path, name, goos string, seen map[string]bool) {
	t.Helper()
	ctx := build.Default
	ctx.GOOS, ctx.CgoEnabled = goos, false
	pkg, err := ctx.ImportDir(path, 0)
	if err != nil {
		return // no Go files, or none for this system
	}
	seen[name] = true
	for _, imp := range pkg.Imports {
		if own, ok := strings.CutPrefix(imp, "secstream/"); ok && !allowed(law[name], own) {
			t.Errorf("%s (%s) imports %s", name, goos, own)
		}
		for prefix, who := range outside {
			if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && !slices.Contains(who, name) {
				t.Errorf("%s (%s) imports %s; only %s may", name, goos, imp, strings.Join(who, ", "))
			}
		}
	}
}

func allowed(list []string, own string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		ok, _ := filepath.Match(pattern, own)
		return ok
	})
}

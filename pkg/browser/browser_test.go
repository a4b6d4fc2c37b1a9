package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

var coded = []audio.Codec{audio.Layer3, audio.Flac, audio.Vorbis, audio.Opus}

// row is a line of testdata/useragents.tsv.
type row struct {
	line                  int
	class, version, takes string
	hints                 Hints
}

func table(t testing.TB) []row {
	t.Helper()
	b, err := os.ReadFile("testdata/useragents.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for i, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := append(strings.Split(line, "\t"), "", "")
		if len(f) < 6 || len(f) > 8 {
			t.Fatalf("line %d has %d columns", i+1, len(f)-2)
		}
		rows = append(rows, row{i + 1, f[0], f[1], f[2], Hints{UserAgent: f[3], Brands: f[4], Platform: f[5]}})
	}
	if len(rows) < 100 {
		t.Fatalf("%d rows", len(rows))
	}
	return rows
}

func TestUserAgents(t *testing.T) {
	classes := map[Class]int{}
	for _, r := range table(t) {
		c := Of(r.hints)
		classes[c.Class]++
		takes := r.takes
		if takes == "all" {
			takes = "mp3 flac vorbis opus"
		}
		var got []string
		for _, codec := range coded {
			if c.Decodes(codec) {
				got = append(got, string(codec))
			}
		}
		if version := fmt.Sprintf("%d.%d", c.Version.Major, c.Version.Minor); string(c.Class) != r.class || version != r.version || strings.Join(got, " ") != takes {
			t.Errorf("line %d: %s %s takes %v, want %s %s taking %s\n%s", r.line, c.Class, version, got, r.class, r.version, r.takes, r.hints.UserAgent)
		}
		if !c.Decodes(audio.PCM) {
			t.Errorf("line %d: no PCM", r.line)
		}
		if every := c.Class == Ours || c.Class == Program; c.Decodes("aac") != every {
			t.Errorf("line %d: takes aac: %v", r.line, !every)
		}
	}
	for _, class := range []Class{Chromium, Firefox, Safari, IOS, EdgeHTML, Ours, Program, Unknown} {
		if classes[class] < 2 {
			t.Errorf("%d rows of %s", classes[class], class)
		}
	}
}

// TestNameOfAnEngineInAComment: what merely speaks of an engine has none.
func TestNameOfAnEngineInAComment(t *testing.T) {
	for ua, want := range map[string]Class{
		"Mozilla/5.0 (compatible; like Chrome/120 Safari/537.36)":                      Unknown,
		"Mozilla/5.0 (X11; Linux) (Chrome/120 (nested) AppleWebKit/537.36)":            Unknown,
		"Mozilla/5.0 (never ends AppleWebKit/537.36 Chrome/120":                        Unknown,
		"Mozilla/5.0 (X11)) AppleWebKit/537.36 (KHTML) Chrome/120":                     Chromium,
		"Mozilla/5.0 (Linux; iPhone 6 clone) AppleWebKit/537.36 (KHTML) Chrome/90.0":   Chromium,
		"Mozilla/5.0 (X11) AppleWebKit/537.36 NotChrome/120 Chromed/1 xFirefox/9":      Unknown,
		"tool/1 (Mozilla/5.0 Chrome/120)":                                              Program,
		"Mozilla/5.0 (X11; Linux) Gecko Firefox/120":                                   Unknown,
		"Mozilla/5.0 " + strings.Repeat("x", maxField) + " AppleWebKit/5 Chrome/120.0": Unknown,
	} {
		if c := Of(Hints{UserAgent: ua}); c.Class != want {
			t.Errorf("%.90s: %s", ua, c.Class)
		}
	}
	for _, ua := range []string{"Mozilla/5.0 (X) AppleWebKit/537.36 (K) Chrome/x", "Mozilla/5.0 (X) AppleWebKit/537.36 (K) Chrome", "Mozilla/5.0 (iPhone; CPU like Mac OS X) AppleWebKit/420+ (K)", "Mozilla/5.0 (X) Gecko/1 Firefox/"} {
		c := Of(Hints{UserAgent: ua})
		if c.Version.Major != 0 || c.Decodes(audio.Flac) || c.Decodes(audio.Vorbis) || !c.Decodes(audio.Layer3) {
			t.Errorf("%s: version %v", ua, c.Version)
		}
	}
}

func TestBrands(t *testing.T) {
	for field, want := range map[string]Version{
		`"Chromium";v="124"`:                                {124, 0},
		` "Chromium";v="124" `:                              {124, 0},
		"\"a\";v=\"1\"\t,\t\"Chromium\";v=\"124.3\"":        {124, 3},
		`"Chromium"; v="124";x;y=?1;z=1.5;w=a/b, "x"`:       {124, 0},
		`"Chromium";v=124`:                                  {124, 0},
		`"Chro\"mium";v="1", "Chromium";v="2"`:              {2, 0},
		`"a\\", "Chromium";v="2"`:                           {2, 0},
		`"\"Chromium\";v=\"7\"";v="8"`:                      {},
		`"x, \"Chromium\"";v="8"`:                           {},
		`"Chromium";v="2", "Chromium";v="3"`:                {2, 0},
		`"Chromium"`:                                        {},
		`"chromium";v="1"`:                                  {},
		`"Chromium";v="x"`:                                  {},
		`"Chromium";v="-4"`:                                 {},
		`"Chromium";v="99999999999999999999"`:               {999999, 0},
		`"Chromium";V="1"`:                                  {},
		``:                                                  {},
		`,"Chromium";v="1"`:                                 {},
		`"Chromium";v="1",`:                                 {},
		`"Chromium";v="1",,`:                                {},
		`"Chromium";v="1" "x"`:                              {},
		`"Chromium";v="1", x`:                               {},
		`"Chromium";v="1", "x`:                              {},
		`"Chromium";v="1", "é"`:                             {},
		`"Chromium";v="1", "\x"`:                            {},
		`"Chromium";v="1", "\`:                              {},
		`"Chromium";v="1";`:                                 {},
		`"Chromium";v="1";=`:                                {},
		`"Chromium";v="1";x=`:                               {},
		`("Chromium";v="1")`:                                {},
		`"Chromium";v="9"` + strings.Repeat(`, "x"`, 10000): {}, // cut off within a string
	} {
		if got := chromium(cut(field)); got != want {
			t.Errorf("%.60s: %v", field, got)
		}
	}
	for field, want := range map[string]string{`"iOS"`: "iOS", ` "iOS" `: "iOS", `"Chrome OS";x=1`: "Chrome OS", `iOS`: "", `"iOS", "x"`: "", `"iOS`: "", "": ""} {
		if got := platform(field); got != want {
			t.Errorf("%s: %q", field, got)
		}
	}
}

// FuzzOf: whatever a client says of itself, it is something, and gets PCM.
func FuzzOf(f *testing.F) {
	for _, r := range table(f) {
		f.Add(r.hints.UserAgent, r.hints.Brands, r.hints.Platform)
	}
	f.Fuzz(func(t *testing.T, ua, brands, platform string) {
		h := Hints{ua, brands, platform}
		c := Of(h)
		if _, known := since[c.Class]; !known && c.Class != Ours && c.Class != Program && c.Class != Unknown {
			t.Fatalf("class %q", c.Class)
		}
		if c.Version.Major < 0 || c.Version.Minor < 0 || !c.Decodes(audio.PCM) || !c.Decodes(audio.Layer3) {
			t.Fatalf("%+v", c)
		}
		if c != Of(h) {
			t.Fatal("another answer the second time")
		}
	})
}

func BenchmarkOf(b *testing.B) {
	rows := table(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		Of(rows[i%len(rows)].hints)
	}
}

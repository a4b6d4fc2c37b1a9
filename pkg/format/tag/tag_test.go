package tag

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"secstream/pkg/audio"
)

// encoded is an image of 3 by 2 pixels.
func encoded(t testing.TB, kind string) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 3, 2))
	m.Set(1, 1, color.White)
	var b bytes.Buffer
	err := png.Encode(&b, m)
	if kind == "jpeg" {
		b.Reset()
		err = jpeg.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "  blanks\t ": "blanks", "two\r\nlines": "two  lines", "nul\x00byte": "nulbyte",
		"esc \x1b[2J\x1b]0;x\x07 end": "esc [2J]0;x end", "c1 \u009b31m": "c1 31m", "bad \xff utf": "bad \uFFFD utf",
		"over\u202eride": "override", "\ufeffmark": "mark", "line\u2028sep": "linesep", "نمی\u200cخواهم": "نمی\u200cخواهم", "👩\u200d🎤": "👩\u200d🎤",
		strings.Repeat("a", 9999): strings.Repeat("a", 4096),
		strings.Repeat("語", 9999): strings.Repeat("語", 1365),
	} {
		got := Clean(in)
		if got != want || !utf8.ValidString(got) {
			t.Errorf("%.40q became %.40q (%d bytes), want %.40q", in, got, len(got), want)
		}
	}
}

func TestGenre(t *testing.T) {
	for in, want := range map[string]string{
		"Rock": "Rock", "17": "Rock", "(17)": "Rock", "(4)(17)": "Disco; Rock", "(4)Eurodisco": "Eurodisco", "(RX)": "Remix", "CR": "Cover",
		"((weird)": "(weird)", "(999)": "(999)", "255": "255", "191": "Psybient", "192": "192", "0": "Blues", "(": "(", "": "", "1984": "1984",
		"(17": "(17", "(17)(": "(", "79": "Hard Rock", "80": "Folk", "125": "Dance Hall", "147": "Synthpop",
	} {
		if got := genre(in); got != want {
			t.Errorf("genre %q is %q, want %q", in, got, want)
		}
	}
	if len(genreNames) != 192 {
		t.Errorf("%d genres", len(genreNames))
	}
}

func TestNumbersAndGains(t *testing.T) {
	var f Found
	for _, kv := range [][2]string{
		{"tracknumber", "03/12"}, {"TRACKTOTAL", "99"}, {"DiscNumber", " 2 of 3"}, {"TOTALDISCS", "3"},
		{"REPLAYGAIN_TRACK_GAIN", "-7.89 dB"}, {"replaygain_track_peak", "0.987654"}, {"REPLAYGAIN_ALBUM_GAIN", "+1,5dB"},
		{"REPLAYGAIN_ALBUM_PEAK", "NaN"}, {"REPLAYGAIN_ALBUM_PEAK", "-1"}, {"REPLAYGAIN_ALBUM_PEAK", "1e999"}, {"R128_ALBUM_GAIN", "256"},
	} {
		f.set(kv[0], kv[1])
	}
	g := f.Tags
	if g.Track != 3 || g.TrackTotal != 12 || g.Disc != 2 || g.DiscTotal != 3 {
		t.Errorf("%+v", g)
	}
	if *g.TrackGain != -7.89 || *g.TrackPeak != 0.987654 || *g.AlbumGain != 1.5 || g.AlbumPeak != nil {
		t.Errorf("gains %v %v %v %v", *g.TrackGain, *g.TrackPeak, *g.AlbumGain, g.AlbumPeak)
	}
	var o Found
	o.set("R128_TRACK_GAIN", "-1536")
	o.set("R128_ALBUM_GAIN", "40000") // does not fit Q7.8
	if o.Tags.TrackGain == nil || *o.Tags.TrackGain != -1 || o.Tags.AlbumGain != nil {
		t.Errorf("R128: %v %v", o.Tags.TrackGain, o.Tags.AlbumGain)
	}
}

func TestMerge(t *testing.T) {
	half := 0.5
	f := Found{Tags: audio.Tags{Title: "mine", Track: 1}}
	f.Merge(Found{
		Tags:     audio.Tags{Title: "yours", Artist: "a", Track: 2, TrackTotal: 9, TrackPeak: &half},
		Pictures: []audio.Picture{{Size: 1}}, Encoder: "e",
	})
	want := Found{
		Tags:     audio.Tags{Title: "mine", Artist: "a", Track: 1, TrackTotal: 9, TrackPeak: &half},
		Pictures: []audio.Picture{{Size: 1}}, Encoder: "e",
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("%+v", f)
	}
}

func TestPictureTypes(t *testing.T) {
	for _, c := range []struct {
		mime   string
		data   []byte
		want   string
		pixels bool
	}{
		{"image/jpg", encoded(t, "jpeg"), "image/jpeg", true}, {"image/jpeg", encoded(t, "png"), "image/png", true},
		{"text/html", []byte("<script>"), "application/octet-stream", false}, {"image/svg+xml", []byte("<svg/>"), "application/octet-stream", false},
		{"PNG", []byte("cut off"), "image/png", false}, {"", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "image/webp", false},
		{"", []byte("GIF89a\x03\x00\x02\x00\x00\x00\x00"), "image/gif", true}, {"", []byte("\xFF\xD8\xFF"), "image/jpeg", false},
	} {
		p := newPicture(c.mime, "other", c.data)
		if p.MIME != c.want || p.Size != len(c.data) || c.pixels != (p.Width == 3 && p.Height == 2) {
			t.Errorf("%q %.12q: %s %dx%d", c.mime, c.data, p.MIME, p.Width, p.Height)
		}
	}
}

func TestPictureBounds(t *testing.T) {
	var f Found
	for range 200 {
		f.addPicture(audio.Picture{Size: 1 << 20})
	}
	if len(f.Pictures) != 32 || f.room() != 0 {
		t.Errorf("%d pictures of 1 MiB kept", len(f.Pictures))
	}
	var g Found
	for range 200 {
		g.addPicture(audio.Picture{Size: 1})
	}
	g.addPicture(audio.Picture{Size: 20 << 20})
	if len(g.Pictures) != maxPictures {
		t.Errorf("%d pictures kept", len(g.Pictures))
	}
}

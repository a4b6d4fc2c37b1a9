package format

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"secstream/pkg/audio"
)

// TestTaggedByTools writes tags and a cover with the usual programs, and reads
// them back through every parser.
func TestTaggedByTools(t *testing.T) {
	dir := t.TempDir()
	cover := filepath.Join(dir, "cover.png")
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cover, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	src := "../../testdata/audio/speech-librivox-16k.wav"
	mp3 := "../../testdata/audio/speech-english-16k-mono.mp3"
	meta := []string{
		"-metadata", "title=Tïtle", "-metadata", "artist=Ärtist", "-metadata", "album=Album", "-metadata", "album_artist=Band",
		"-metadata", "track=3/12", "-metadata", "date=2001", "-metadata", "genre=Rock", "-metadata", "comment=Words",
	}
	ff := func(extra ...string) []string {
		return append(append([]string{"ffmpeg", "-v", "error", "-y", "-i", src}, meta...), extra...)
	}
	for _, c := range []struct {
		file   string
		run    []string
		cover  string // its kind, "" for none
		sparse bool   // the tag kind has no album artist or total
	}{
		{"v3.mp3", []string{"ffmpeg", "-v", "error", "-y", "-i", mp3, "-i", cover, "-map", "0:a", "-map", "1", "-c", "copy", "-id3v2_version", "3",
			"-metadata:s:v", "comment=Cover (front)"}, "front cover", false},
		{"v4.mp3", []string{"ffmpeg", "-v", "error", "-y", "-i", mp3, "-c", "copy", "-id3v2_version", "4"}, "", false},
		{"lame.mp3", []string{"lame", "--quiet", "--tt", "Tïtle", "--ta", "Ärtist", "--tl", "Album", "--tn", "3/12", "--ty", "2001", "--tg", "Rock",
			"--tc", "Words", "--tv", "TPE2=Band", "--ti", cover, src}, "other", false},
		{"a.wav", ff(), "", true},
		{"id3.wav", ff("-write_id3v2", "1"), "", true},
		{"a.flac", []string{"flac", "--silent", "--force", "--picture", cover, "-T", "TITLE=Tïtle", "-T", "ARTIST=Ärtist", "-T", "ALBUM=Album", "-T", "ALBUMARTIST=Band",
			"-T", "TRACKNUMBER=3", "-T", "TRACKTOTAL=12", "-T", "DATE=2001", "-T", "GENRE=Rock", "-T", "COMMENT=Words", src, "-o"}, "front cover", false},
		{"a.ogg", ff("-c:a", "libvorbis"), "", false},
		{"a.opus", []string{"opusenc", "--quiet", "--picture", cover, "--title", "Tïtle", "--artist", "Ärtist", "--album", "Album", "--comment", "ALBUMARTIST=Band",
			"--tracknumber", "3", "--comment", "TRACKTOTAL=12", "--date", "2001", "--genre", "Rock", "--comment", "COMMENT=Words",
			"--comment", "R128_TRACK_GAIN=-512", src}, "front cover", false},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join(dir, c.file)
			args := c.run[1:]
			if c.file == "v3.mp3" || c.file == "v4.mp3" {
				args = append(args, meta...)
			}
			if out, err := exec.Command(tool(t, c.run[0]), append(args, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openBytes(file)
			if err != nil {
				t.Fatal(err)
			}
			checkTags(t, s.Info(), c.cover, c.sparse)
		})
	}
}

func checkTags(t *testing.T, i audio.Info, cover string, sparse bool) {
	t.Helper()
	want := audio.Tags{Title: "Tïtle", Artist: "Ärtist", Album: "Album", AlbumArtist: "Band", Track: 3, TrackTotal: 12, Date: "2001", Genre: "Rock", Comment: "Words"}
	got := i.Tags
	if sparse {
		want.AlbumArtist, got.AlbumArtist = "", ""
	}
	got.TrackGain = nil
	if got != want {
		t.Errorf("%+v", got)
	}
	if i.Container == audio.Ogg && i.Codec == audio.Opus && (i.Tags.TrackGain == nil || *i.Tags.TrackGain != 3) {
		t.Errorf("R128 gain became %v", i.Tags.TrackGain)
	}
	if i.DamageN != 0 {
		t.Errorf("damage %v", i.Damage)
	}
	if cover == "" {
		return
	}
	if len(i.Pictures) != 1 {
		t.Fatalf("%d pictures", len(i.Pictures))
	}
	if p := i.Pictures[0]; p.MIME != "image/png" || p.Width != 30 || p.Height != 20 || p.Kind != cover {
		t.Errorf("%s %s %dx%d", p.MIME, p.Kind, p.Width, p.Height)
	}
}

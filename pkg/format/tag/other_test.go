package tag

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func apeItem(key string, flags int, value string) string {
	return le32(len(value)) + le32(flags) + key + "\x00" + value
}

// apeTag is a tag of version 2; header says whether it has one.
func apeTag(header bool, items ...string) []byte {
	body := strings.Join(items, "")
	end := func(flags int) string {
		return "APETAGEX" + le32(2000) + le32(len(body)+32) + le32(len(items)) + le32(flags) + "\x00\x00\x00\x00\x00\x00\x00\x00"
	}
	if !header {
		return []byte(body + end(0))
	}
	return []byte(end(1<<31|1<<29) + body + end(1<<31))
}

func TestAPE(t *testing.T) {
	items := []string{
		apeItem("Title", 0, "Tïtle"), apeItem("Artist", 0, "A\x00B"), apeItem("Album Artist", 0, "AA"), apeItem("Track", 0, "3/12"),
		apeItem("Disc", 0, "1"), apeItem("Year", 0, "2001"), apeItem("Genre", 0, "Rock"), apeItem("replaygain_track_gain", 0, "-1.5 dB"),
		apeItem("Cover Art (Front)", 2, "cover.png\x00"+string(encoded(t, "png"))), apeItem("Unknown", 0, "x"),
	}
	for _, header := range []bool{false, true} {
		b := apeTag(header, items...)
		f, n, err := new(File).APE(bytes.NewReader(append([]byte("sound"), b...)), int64(len(b)+5))
		if err != nil || n != int64(len(b)) {
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		}
		g := f.Tags
		if g.Title != "Tïtle" || g.Artist != "A; B" || g.AlbumArtist != "AA" || g.Track != 3 || g.TrackTotal != 12 || g.Date != "2001" || *g.TrackGain != -1.5 {
			t.Errorf("%+v", g)
		}
		if len(f.Pictures) != 1 || f.Pictures[0].MIME != "image/png" || f.Pictures[0].Kind != "front cover" || f.Pictures[0].Width != 3 {
			t.Errorf("%+v", f.Pictures)
		}
	}
	if _, n, err := new(File).APE(strings.NewReader(strings.Repeat("no tag", 20)), 120); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	b := apeTag(false, items...)
	copy(b[len(b)-20:], "\xFF\xFF\xFF\x7F")
	if _, n, err := new(File).APE(bytes.NewReader(b), int64(len(b))); n != 0 || !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("lying size: %d %v", n, err)
	}
	b = apeTag(false, "\xFF\xFF\xFF\x7F\x00\x00\x00\x00Title\x00x")
	if _, n, err := new(File).APE(bytes.NewReader(b), int64(len(b))); n != int64(len(b)) || !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("lying item: %d %v", n, err)
	}
}

func flacPicture(mime string, data []byte, lie int) []byte {
	be := func(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
	return []byte(be(3) + be(len(mime)) + mime + be(5) + "words" + be(30) + be(20) + be(24) + be(0) + be(len(data)+lie) + string(data))
}

func comments(vendor string, entries ...string) []byte {
	b := le32(len(vendor)) + vendor + le32(len(entries))
	for _, e := range entries {
		b += le32(len(e)) + e
	}
	return []byte(b)
}

func TestVorbisComment(t *testing.T) {
	pic := base64.StdEncoding.EncodeToString(flacPicture("image/png", encoded(t, "png"), 0))
	bare := base64.RawStdEncoding.EncodeToString(flacPicture("image/jpeg", encoded(t, "jpeg"), 0))
	b := comments("Maker", "title=T", "ARTIST=A", "artist=B", "ALBUM=Al", "YEAR=2001", "DATE=2001-02-03", "TRACKNUMBER=3", "TOTALTRACKS=12",
		"GENRE=Rock", "COMMENT=c\x1b[0m", "R128_TRACK_GAIN=-256", "METADATA_BLOCK_PICTURE="+pic, "METADATA_BLOCK_PICTURE="+bare,
		"METADATA_BLOCK_PICTURE=!!!!", "METADATA_BLOCK_PICTURE=", "COVERART="+base64.StdEncoding.EncodeToString(encoded(t, "jpeg")), "no equals sign", "=", "")
	f, err := new(File).VorbisComment(b)
	if err != nil {
		t.Fatal(err)
	}
	g := f.Tags
	if *g.TrackGain != 4 {
		t.Errorf("gain %v", *g.TrackGain)
	}
	g.TrackGain = nil
	want := audio.Tags{Title: "T", Artist: "A; B", Album: "Al", Date: "2001-02-03", Track: 3, TrackTotal: 12, Genre: "Rock", Comment: "c[0m"}
	if g != want || f.Encoder != "Maker" {
		t.Errorf("%+v, encoder %q", g, f.Encoder)
	}
	if len(f.Pictures) != 3 || f.Pictures[0].Width != 3 || f.Pictures[1].MIME != "image/jpeg" {
		t.Errorf("%d pictures", len(f.Pictures))
	}
	for name, b := range map[string][]byte{
		"empty": nil, "vendor too long": []byte("\xFF\xFF\xFF\x7Fx"), "no count": []byte(le32(1) + "x"),
		"entry too long": []byte(le32(0) + le32(1) + "\xFF\xFF\xFF\xFFx"), "entries missing": comments("x")[:4+1],
		"count lies": []byte(le32(0) + "\xFF\xFF\xFF\xFF" + le32(7) + "title=T"),
	} {
		f, err := new(File).VorbisComment(b)
		if !errors.Is(err, audio.ErrCorrupt) || name == "count lies" && f.Tags.Title != "T" {
			t.Errorf("%s: %+v %v", name, f.Tags, err)
		}
	}
}

func TestFLACPicture(t *testing.T) {
	p, err := FLACPicture(flacPicture("image/png", encoded(t, "png"), 0))
	if err != nil || p.MIME != "image/png" || p.Kind != "front cover" || p.Width != 3 || p.Height != 2 {
		t.Errorf("%+v %v", p, err)
	}
	if p, err = FLACPicture(flacPicture("image/webp", []byte("no header"), 0)); err != nil || p.Width != 30 || p.Height != 20 || p.MIME != "image/webp" {
		t.Errorf("%+v %v", p, err)
	}
	if _, err = FLACPicture(flacPicture("-->", []byte("http://x/"), 0)); !errors.Is(err, audio.ErrUnsupported) {
		t.Errorf("link: %v", err)
	}
	if _, err = FLACPicture(flacPicture("image/png", make([]byte, maxPicture+1), 0)); !errors.Is(err, audio.ErrUnsupported) {
		t.Errorf("large: %v", err)
	}
	whole := flacPicture("image/png", []byte("data"), 0)
	for n := range whole {
		if _, err := FLACPicture(whole[:n]); !errors.Is(err, audio.ErrCorrupt) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err = FLACPicture(flacPicture("image/png", []byte("data"), 1)); !errors.Is(err, audio.ErrCorrupt) {
		t.Errorf("lie: %v", err)
	}
}

func infoEntry(id, value string) string {
	b := id + le32(len(value)) + value
	if len(value)&1 != 0 {
		b += "\x00"
	}
	return b
}

func TestInfo(t *testing.T) {
	f, err := Info([]byte(infoEntry("INAM", "Title\x00junk") + infoEntry("IART", "Bj\xF6rk") + infoEntry("IPRD", "Álbum") + infoEntry("ICRD", "2001") +
		infoEntry("ITRK", "3/9") + infoEntry("ISFT", "Maker") + infoEntry("IXXX", "?") + infoEntry("IGNR", "(17)")))
	want := audio.Tags{Title: "Title", Artist: "Björk", Album: "Álbum", Date: "2001", Track: 3, TrackTotal: 9, Genre: "Rock"}
	if err != nil || f.Tags != want || f.Encoder != "Maker" {
		t.Errorf("%+v %q %v", f.Tags, f.Encoder, err)
	}
	if f, err := Info([]byte(infoEntry("INAM", "T") + "IART\xFF\xFF\xFF\xFFx")); !errors.Is(err, audio.ErrCorrupt) || f.Tags.Title != "T" {
		t.Errorf("%+v %v", f.Tags, err)
	}
}

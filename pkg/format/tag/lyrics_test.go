package tag

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"secstream/pkg/audio"
)

// A verse of our own, in letters that every encoding treats differently.
const verse = "Füße im Gras\nund Ÿ am Bach"

func TestID3v2Lyrics(t *testing.T) {
	const latin = "F\xfc\xdfe im Gras\r\nund bald am Bach"
	at := func(text string, ms int) string { return text + be32(ms) }
	sylt := func(enc, kind, content, rest string) string { return enc + "eng" + kind + content + rest }
	for _, c := range []struct {
		name   string
		tag    []byte
		want   string
		synced bool
	}{
		{"Latin-1", tagOf(3, 0, v3("USLT", 0, "\x00engwords\x00"+latin)), "Füße im Gras\nund bald am Bach", false},
		{"UTF-16", tagOf(3, 0, v3("USLT", 0, "\x01eng"+utf16le("about")+"\x00\x00"+utf16le(verse))), verse, false},
		{"UTF-16BE", tagOf(4, 0, v4("USLT", 0, "\x02eng\x00\x00"+utf16be(verse))), verse, false},
		{"UTF-8", tagOf(4, 0, v4("USLT", 0, "\x03eng\x00"+verse+"\x00")), verse, false},
		{"2.2", tagOf(2, 0, v2("ULT", "\x00eng\x00"+latin)), "Füße im Gras\nund bald am Bach", false},
		{"compressed", tagOf(4, 0, v4("USLT", 9, safe(99)+deflated("\x03eng\x00"+verse))), verse, false},
		{"unsynchronised", tagOf(3, 0x80, unsynced(v3("USLT", 0, "\x01eng"+utf16le("")+"\x00\x00"+utf16le(verse)))), verse, false},
		{"LRC in the text", tagOf(3, 0, v3("USLT", 0, "\x00eng\x00[00:01.00]One")), "[00:01.00]One", true},
		{"lines with times", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x02", "\x01", "\x00"+at("One\x00", 1000)+at("Two\x00", 62345)))), "[00:01.00]One\n[01:02.345]Two", true},
		{"syllables", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x02", "\x01", "\x00"+at("\nHal\x00", 1000)+at("le\x00", 1500)+at("\nlu jah\x00", 2000)))),
			"[00:01.00]Hal<00:01.50>le\n[00:02.00]lu jah", true},
		{"lines in UTF-16", tagOf(3, 0, v3("SYLT", 0, sylt("\x01", "\x02", "\x01", utf16le("")+"\x00\x00"+at(utf16le("Ÿ")+"\x00\x00", 5000)))), "[00:05.00]Ÿ", true},
		{"2.2 with times", tagOf(2, 0, v2("SLT", sylt("\x00", "\x02", "\x01", "\x00"+at("One\x00", 0)))), "[00:00.00]One", true},
		{"times win", tagOf(4, 0, v4("USLT", 0, "\x03eng\x00plain")+v4("SYLT", 0, sylt("\x03", "\x02", "\x01", "\x00"+at("One\x00", 0)))), "[00:00.00]One", true},
		{"and stay", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x02", "\x01", "\x00"+at("One\x00", 0)))+v4("USLT", 0, "\x03eng\x00plain")), "[00:00.00]One", true},
		{"frames as times", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x01", "\x01", "\x00"+at("One\x00", 0)))), "", false},
		{"chords", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x02", "\x05", "\x00"+at("C\x00", 0)))), "", false},
		{"named text", tagOf(4, 0, v4("TXXX", 0, "\x03SYNCEDLYRICS\x00[00:01.00]One\n[00:02.00]Two")), "[00:01.00]One\n[00:02.00]Two", true},
		{"cut", tagOf(4, 0, v4("SYLT", 0, sylt("\x03", "\x02", "\x01", "\x00"+at("One\x00", 0)+"Two\x00\x00"))), "[00:00.00]One", true},
		{"short", tagOf(4, 0, v4("USLT", 0, "\x03en")+v4("SYLT", 0, "\x03eng\x02")), "", false},
		{"escapes", tagOf(4, 0, v4("USLT", 0, "\x03eng\x00a\x1b[31mb\u202Ec\r\rd\te")), "a[31mbc\n\nd e", false},
		{"too much", tagOf(4, 0, v4("USLT", 0, "\x03eng\x00"+strings.Repeat("la ", audio.MaxLyrics/3+1))), "", false},
	} {
		f, err := new(File).ID3v2(bytes.NewReader(c.tag), 0, int64(len(c.tag)))
		if err != nil || f.Lyrics.Text != c.want || f.Lyrics.Synced != c.synced || f.Lyrics.Size != len(c.want) {
			t.Errorf("%s: %+v, %v, want %q", c.name, f.Lyrics, err, c.want)
		}
	}
}

func TestLyricsOfOtherTags(t *testing.T) {
	for name, found := range map[string]func() (Found, error){
		"LYRICS":         func() (Found, error) { return new(File).VorbisComment(comments("v", "TITLE=t", "LYRICS="+verse)) },
		"UNSYNCEDLYRICS": func() (Found, error) { return new(File).VorbisComment(comments("v", "unsyncedlyrics="+verse)) },
		"with a blank":   func() (Found, error) { return new(File).VorbisComment(comments("v", "Unsynced Lyrics="+verse)) },
		"APE":            func() (Found, error) { b := apeTag(true, apeItem("Lyrics", 0, verse)); return tagAt(b) },
		"Lyrics3 v1":     func() (Found, error) { return new(File).Lyrics3([]byte("LYRICSBEGIN" + verse + "LYRICSEND")), nil },
		"Lyrics3 v2": func() (Found, error) {
			return new(File).Lyrics3([]byte("LYRICSBEGININD0000200" + fmt.Sprintf("LYR%05d", len(verse)) + verse + "000064LYRICS200")), nil
		},
	} {
		if f, err := found(); err != nil || f.Lyrics.Text != verse || f.Lyrics.Synced {
			t.Errorf("%s: %+v, %v", name, f.Lyrics, err)
		}
	}
	f, err := new(File).VorbisComment(comments("v", "LYRICS=plain", "SYNCEDLYRICS=[00:01.00]One"))
	if err != nil || f.Lyrics.Text != "[00:01.00]One" || !f.Lyrics.Synced {
		t.Errorf("times do not win: %+v, %v", f.Lyrics, err)
	}
	f.Merge(Found{Lyrics: audio.NewLyrics("plain")})
	if !f.Lyrics.Synced {
		t.Error("a merge took the times away")
	}
}

// TestLyricsOfAnotherWriter reads tags that node-id3 wrote.
func TestLyricsOfAnotherWriter(t *testing.T) {
	for name, want := range map[string]string{
		"uslt":      verse,
		"sylt":      "[00:01.00]Füße im Gras\n[01:02.34]und Ÿ am Bach",
		"syllables": "[00:01.00]Fü<00:01.25>ße\n[00:02.00]und Ÿ<00:02.50> am Bach",
	} {
		b, err := os.ReadFile("testdata/" + name + ".id3")
		if err != nil {
			t.Fatal(err)
		}
		f, err := new(File).ID3v2(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil || f.Lyrics.Text != want || f.Lyrics.Synced != (want != verse) {
			t.Errorf("%s: %+v, %v, want %q", name, f.Lyrics, err, want)
		}
	}
}

func tagAt(b []byte) (Found, error) {
	f, _, err := new(File).APE(bytes.NewReader(b), int64(len(b)))
	return f, err
}

// Many large frames must not cost more than a few.
func TestLyricsBomb(t *testing.T) {
	frame := v4("USLT", 0, "\x03eng\x00"+strings.Repeat("\x01", maxWords-10))
	var body strings.Builder
	for range 12 {
		body.WriteString(frame)
	}
	b := tagOf(4, 0, body.String())
	var file File
	for range 3 { // as many tags of one file
		f, err := file.ID3v2(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil || f.Lyrics.Size != 0 {
			t.Fatal(f.Lyrics, err)
		}
	}
	if file.worded > maxAllWords+len(frame) {
		t.Errorf("%d bytes of lyrics were read of one file", file.worded)
	}
}

// TestManyLyrics: texts without number cost no more than a few, whatever kind of
// tag they are in and however small they make themselves.
func TestManyLyrics(t *testing.T) {
	texts := make([]string, maxItems)
	for i := range texts {
		texts[i] = "LYRICS=["
	}
	texts[0] = "LYRICS=plain"
	vorbis := comments("v", texts...)
	apes := make([]string, maxItems)
	for i := range apes {
		apes[i] = apeItem("Lyrics", 0, "[")
	}
	ape := apeTag(true, apes...)
	named := v4("TXXX", 9, safe(99)+deflated("\x03LYRICS\x00"+strings.Repeat("[", maxValue-8)))
	id3 := tagOf(4, 0, v4("USLT", 0, "\x03eng\x00plain")+strings.Repeat(named, 200))
	three := []byte("LYRICSBEGINLYR00005plain" + strings.Repeat("LYR00001[", 20_000) + "LYRICS200")
	for name, read := range map[string]func(*File) (Found, error){
		"vorbis": func(file *File) (Found, error) { return file.VorbisComment(vorbis) },
		"ape": func(file *File) (f Found, err error) {
			f, _, err = file.APE(bytes.NewReader(ape), int64(len(ape)))
			return f, err
		},
		"id3v2":   func(file *File) (Found, error) { return file.ID3v2(bytes.NewReader(id3), 0, int64(len(id3))) },
		"lyrics3": func(file *File) (Found, error) { return file.Lyrics3(three), nil },
	} {
		var before, after runtime.MemStats
		var file File
		runtime.ReadMemStats(&before)
		for i := range 3 { // as many tags of one file
			f, err := read(&file)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if i == 0 && f.Lyrics.Text == "" {
				t.Errorf("%s: nothing is left", name)
			}
		}
		runtime.ReadMemStats(&after)
		if file.texts != maxTexts || file.worded > maxAllWords {
			t.Errorf("%s: %d texts of %d bytes were looked at", name, file.texts, file.worded)
		}
		if took := after.TotalAlloc - before.TotalAlloc; name != "id3v2" && took > 16<<20 || took > 200<<20 { // of ID3v2 13 MB a time are expanded
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
	}
}

// TestManyComments: of a block of comments without end a beginning is read.
func TestManyComments(t *testing.T) {
	all := make([]string, maxItems+1)
	for i := range all {
		all[i] = "X=y"
	}
	all[maxItems-1], all[maxItems] = "TITLE=last", "ARTIST=too late"
	if f, err := new(File).VorbisComment(comments("v", all...)); err != nil || f.Tags.Title != "last" || f.Tags.Artist != "" {
		t.Errorf("%+v, %v", f.Tags, err)
	}
}

func FuzzLyrics3(f *testing.F) { fuzz(f, "lyrics3") }

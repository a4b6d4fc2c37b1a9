package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
)

// seeds are short files of every layout.
func seeds(t testing.TB) [][]byte {
	var all [][]byte
	for _, file := range corpus(t, ".wav") {
		all = append(all, file[:4000])
	}
	sound := strings.Repeat("abcdefgh", 100)
	tags := ck("LIST", "INFO"+ck("INAM", "Title")) + ck("id3 ", "ID3\x03\x00\x00\x00\x00\x00\x11TIT2\x00\x00\x00\x07\x00\x00\x00Title!")
	b := append(binary.LittleEndian.AppendUint64(nil, 0), 0x20, 3, 0, 0, 0, 0, 0, 0)
	b = append(b, make([]byte, 12)...)
	wave := id64("wave")
	form, data := id64("fmt "), id64("data")
	w64 := string(riff64[:]) + "\x00\x00\x00\x00\x01\x00\x00\x00" + string(wave[:]) +
		string(form[:]) + "\x28\x00\x00\x00\x00\x00\x00\x00" + fm(1, 2, 44100, 4, 16) +
		string(data[:]) + "\x38\x03\x00\x00\x00\x00\x00\x00" + sound
	return append(all,
		riff(stereo16, tags, ck("odd ", "123"), ck("data", sound)),
		riff(ck("fmt ", ext(2, 48000, 16, 64, 64, 3, "\x03\x00"+mediaGUID)), ck("bext", strings.Repeat("x", 602)), ck("data", sound)),
		[]byte(sized("RF64", 0xFFFFFFFF, "WAVE"+ck("ds64", string(b))+stereo16+sized("data", 0xFFFFFFFF, sound))),
		[]byte(w64))
}

// mutate damages a copy of file.
func mutate(rng *rand.Rand, file []byte) []byte {
	b := bytes.Clone(file)
	head := func() int { return rng.Intn(min(len(b), 200)) }
	switch at := rng.Intn(len(b)); rng.Intn(7) {
	case 0:
		b[at] ^= 1 << rng.Intn(8)
	case 1:
		b = b[:at]
	case 2:
		b = append(b[:at], b[min(len(b), at+1+rng.Intn(20)):]...)
	case 3:
		b = append(b[:at], append(make([]byte, 1+rng.Intn(20)), b[at:]...)...)
	case 4:
		clear(b[at:min(len(b), at+rng.Intn(400))])
	case 5:
		b[head()] = byte(rng.Intn(256))
	case 6: // a lying number
		lie := [...]uint32{0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, uint32(len(b)), rng.Uint32()}
		if h := head(); h+4 <= len(b) {
			binary.LittleEndian.PutUint32(b[h:], lie[rng.Intn(len(lie))])
		}
	}
	return b
}

// check opens, indexes and carves a file of any bytes, and asserts what holds
// for all of them.
func check(t testing.TB, file []byte) {
	tr, err := open(file)
	if err != nil {
		var e *audio.Error
		if !errors.As(err, &e) {
			t.Fatalf("%T %v is no *audio.Error", err, err)
		}
		return
	}
	i := tr.Info()
	if i.SampleRate < 1 || i.Channels < 1 || i.Channels > 255 || i.Sample.Bytes() == 0 || i.Frames < 1 ||
		i.AudioOff+i.AudioBytes > int64(len(file)) || i.AudioBytes != int64(i.Frames)*int64(i.Channels*i.Sample.Bytes()) {
		t.Fatalf("figures do not agree: %+v", i)
	}
	if got := whole(t, tr, file); !bytes.Equal(got, file[i.AudioOff:i.AudioOff+i.AudioBytes]) {
		t.Fatal("carved bytes are not those of the file")
	}
	if tr := Compatible(tr); len(whole(t, tr, file)) != int(tr.Info().AudioBytes) {
		t.Fatal("conversion loses sound")
	}
}

func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	all := seeds(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	const n = 2000
	for i := range n {
		file := all[i%len(all)]
		for range 1 + rng.Intn(3) {
			if len(file) > 0 {
				file = mutate(rng, file)
			}
		}
		check(t, file)
	}
	runtime.ReadMemStats(&after)
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("%d files took %v", n, d)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 1<<20 {
		t.Errorf("%d bytes allocated for a file of 4 kB", each)
	}
}

// TestManyChunks holds the walk to a bounded number of reads.
func TestManyChunks(t *testing.T) {
	file := riff(strings.Repeat(ck("JUNK", ""), 1<<20), stereo16, ck("data", "abcd"))
	r := &counting{r: bytes.NewReader(file)}
	_, err := Open(r, int64(len(file)))
	isError(t, err, audio.ErrCorrupt)
	if r.n > 3*maxChunks {
		t.Errorf("%d reads", r.n)
	}
}

type counting struct {
	r io.ReaderAt
	n int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.r.ReadAt(p, off)
}

func FuzzOpen(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file []byte) { check(t, file) })
}

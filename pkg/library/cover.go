package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"secstream/pkg/audio"
)

// ErrNoCover means that a track has no picture, in it or beside it.
var ErrNoCover = errors.New("no cover picture")

// MaxCover bounds a picture that is handed out, in bytes.
const MaxCover = 16 << 20

// Cover returns the track's cover picture and its MIME type, which is taken
// from the bytes and is always that of a bitmap: JPEG, PNG, GIF, WebP or BMP.
// The front cover in the file comes first, then another picture in it, then
// one beside it named cover, folder, front, album or albumart. A track that is
// served as a single file has no folder to look in. Pictures of more than
// MaxPixels are none. Errors are ErrNoCover and
// those of Open, wrapped; the caller owns data.
func (l *Library) Cover(ctx context.Context, id string) (data []byte, mime string, err error) {
	select {
	case l.covers <- struct{}{}:
		defer func() { <-l.covers }()
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	file, err := l.openListed(ctx, id)
	if err != nil {
		return nil, "", err
	}
	defer file.Close() //nolint:errcheck // only read from
	if p := frontCover(l.inside(ctx, file).Pictures); p != nil {
		return p.Data, imageType(p.Data), nil
	}
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if data, mime = file.e.folder.root.picture(file.e.art); data != nil {
		return data, mime, nil
	}
	return nil, "", fmt.Errorf("cover of %q: %w", file.path, ErrNoCover)
}

// inside returns what the headers of the file say, pictures and lyrics
// included: nothing where they cannot be read, or where ctx ends before they are.
func (l *Library) inside(ctx context.Context, file *listedFile) (info audio.Info) {
	var err error // with a parser that fails, what lies beside the file will do
	step := readingHeaders
	defer l.survive(file.e.path, &step, &err)
	stream, err := l.open(wanted{ctx, file.f}, file.stamp.size)
	if err != nil {
		return audio.Info{}
	}
	return stream.Info()
}

// wanted is a file that is read for as long as somebody wants it.
type wanted struct {
	ctx context.Context
	r   io.ReaderAt
}

func (w wanted) ReadAt(b []byte, off int64) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.ReadAt(b, off)
}

// hasPicture says whether a file whose pictures lost their data has one that
// frontCover might return.
func hasPicture(pics []audio.Picture) bool {
	for _, p := range pics {
		if p.Size > 0 && p.Size <= MaxCover && strings.HasPrefix(p.MIME, "image/") && coverRank(p) > 0 {
			return true
		}
	}
	return false
}

// frontCover picks the picture to show, nil if there is none.
func frontCover(pics []audio.Picture) *audio.Picture {
	var best *audio.Picture
	for i := range pics {
		p := &pics[i]
		if len(p.Data) > MaxCover || imageType(p.Data) == "" || pixels(p.Data) > MaxPixels {
			continue
		}
		if coverRank(*p) > 0 && (best == nil || coverRank(*p) > coverRank(*best)) {
			best = p
		}
	}
	return best
}

// coverRank orders the kinds of pictures; 0 is not to be shown. Most files
// with one picture say "front cover" or, out of carelessness, "other".
func coverRank(p audio.Picture) int {
	switch {
	case p.Kind == "front cover":
		return 3
	case strings.Contains(p.Kind, "icon"), p.MIME == "-->": // a link, not a picture
		return 0
	case p.Kind == "other", p.Kind == "":
		return 2
	}
	return 1
}

// artRank orders the file names of folder art; 0 is none. The stem counts
// first, then the extension.
func artRank(name string) int {
	ext := path.Ext(name)
	stems := []string{"albumart", "album", "front", "folder", "cover"}
	exts := []string{".webp", ".png", ".jpeg", ".jpg"}
	for i, stem := range stems {
		if !strings.EqualFold(strings.TrimSuffix(name, ext), stem) {
			continue
		}
		for k, e := range exts {
			if strings.EqualFold(ext, e) {
				return 1 + i*len(exts) + k
			}
		}
	}
	return 0
}

// picture reads the picture file at name, nil if there is none.
func (r *root) picture(name string) (data []byte, mime string) {
	if name == "" {
		return nil, ""
	}
	f, fi, err := r.open(name)
	if err != nil {
		return nil, ""
	}
	defer f.Close() //nolint:errcheck // only read from
	if fi.Size() > MaxCover {
		return nil, ""
	}
	data, err = io.ReadAll(io.LimitReader(f, MaxCover+1))
	if mime = imageType(data); err != nil || len(data) > MaxCover || mime == "" || pixels(data) > MaxPixels {
		return nil, ""
	}
	return data, mime
}

// imageType recognises the bitmaps that browsers show. Types with scripts in
// them, as SVG has, are not among them.
func imageType(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "image/gif"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	case len(b) >= 26 && string(b[:2]) == "BM" && bytes.Equal(b[6:10], []byte{0, 0, 0, 0}):
		return "image/bmp"
	}
	return ""
}

package cert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"time"
)

// maxFile is the most bytes of a file that are read: a chain takes some 6 kB.
const maxFile = 1 << 20

// Files serves the certificate chain in one PEM file with the private key in
// another, and follows them as they are replaced: by a look at the files every
// few seconds when there are handshakes, and by Reload. Both files may be
// replaced one after the other; until they fit each other the pair before stays.
// A key that everybody on the machine may read is warned of. A nil log is for
// nobody.
func Files(certFile, keyFile string, log *slog.Logger) (*Source, error) {
	p := &pair{paths: [2]string{certFile, keyFile}, log: orNobody(log)}
	first, err := p.renew(true)
	if err != nil {
		return nil, err
	}
	return newSource(p, first, p.log), nil
}

// pair is a keeper of two files: certificate and key.
type pair struct {
	paths [2]string
	log   *slog.Logger
	seen  [2]fs.FileInfo // as they were last read, or tried to; nil where one was not there
}

func (p *pair) renew(force bool) (*tls.Certificate, error) {
	var now [2]fs.FileInfo
	for i, path := range p.paths {
		if info, err := os.Stat(path); err == nil {
			now[i] = info
		}
	}
	if !force && same(now[0], p.seen[0]) && same(now[1], p.seen[1]) {
		return nil, nil
	}
	p.seen = now // before reading: what is written meanwhile shows at the next look
	c, err := loadPair(p.paths[0], p.paths[1])
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && now[1] != nil && now[1].Mode().Perm()&0o007 != 0 { // there the bits are made up
		p.log.Warn("everybody on this machine may use the private key", "path", p.paths[1], "mode", fmt.Sprintf("%#o", now[1].Mode().Perm()),
			"hint", "chmod o-rwx "+p.paths[1])
	}
	if time.Now().After(c.Leaf.NotAfter) {
		p.log.Warn("the certificate has ended: clients will refuse it", "path", p.paths[0], "until", c.Leaf.NotAfter.Format(time.DateOnly))
	}
	return c, nil
}

// same says whether two looks at a file saw one and the same content.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// loadPair reads a certificate and its key. Errors never show what is in the
// key's file.
func loadPair(certFile, keyFile string) (*tls.Certificate, error) {
	chain, err := read(certFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := read(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	defer clear(key)
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("use %q with the key in %q: %w", certFile, keyFile, err)
	}
	return &c, nil
}

// read reads a whole file that must be one.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait
		return nil, fmt.Errorf("%q is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("it is too large for a certificate or a key")
	}
	return text, err
}

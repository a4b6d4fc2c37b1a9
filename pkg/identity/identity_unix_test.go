//go:build unix

package identity_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"secstream/pkg/identity"
)

// TestPrivateWhateverTheUmask. The umask is the process's: no test of this
// package runs beside another.
func TestPrivateWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o002, 0o022, 0o027, 0o077, 0o177, 0o277} {
		func() {
			home := t.TempDir()
			dir := filepath.Join(home, "config", "identity")
			defer syscall.Umask(syscall.Umask(mask))
			if mask&0o700 != 0 { // what lies above is made by the user
				if err := errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), os.Chmod(filepath.Dir(dir), 0o700)); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := identity.Create(t.Context(), dir); err != nil {
				t.Fatalf("umask %#o: %v", mask, err)
			}
			_, kept, err := identity.Replace(t.Context(), dir)
			if err != nil {
				t.Fatalf("umask %#o: %v", mask, err)
			}
			pins, err := identity.Open(filepath.Join(filepath.Dir(dir), "pins"))
			if err != nil {
				t.Fatalf("umask %#o: %v", mask, err)
			}
			if err := pins.Remember(t.Context(), "h", key(t, someKey)); err != nil {
				t.Fatalf("umask %#o: %v", mask, err)
			}
			for path, want := range map[string]fs.FileMode{
				filepath.Dir(dir): fs.ModeDir | 0o700, dir: fs.ModeDir | 0o700, filepath.Join(dir, "key.pem"): 0o600, kept: 0o600, pins.Path(): 0o600,
			} {
				if info, err := os.Lstat(path); err != nil || info.Mode() != want {
					t.Errorf("umask %#o: %s is %v, want %v: %v", mask, path, info.Mode(), want, err)
				}
			}
			names, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range names {
				if info, err := os.Lstat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
					t.Errorf("umask %#o: %s is %v: %v", mask, path, info.Mode(), err)
				}
			}
		}()
	}
}

func TestIdentityOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can give a file away
	}
	dir := filepath.Join(t.TempDir(), "identity")
	create(t, dir)
	path := filepath.Join(dir, "key.pem")
	if err := os.Chown(path, 12, 34); err != nil {
		t.Fatal(err)
	}
	refused(t, "another user's key", dir, identity.ErrExposed)
	if err := errors.Join(os.Chown(path, 0, 34), os.Chown(dir, 12, 34)); err != nil {
		t.Fatal(err)
	}
	refused(t, "another user's folder", dir, identity.ErrExposed)
}

// TestPipeForAKey: to open it would wait for somebody to write.
func TestPipeForAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "identity")
	if err := errors.Join(os.Mkdir(dir, 0o700), syscall.Mkfifo(filepath.Join(dir, "key.pem"), 0o600)); err != nil {
		t.Fatal(err)
	}
	e := new(identity.Error)
	if _, _, err := identity.Create(t.Context(), dir); !errors.As(err, &e) || fmt.Sprint(e.Err) != "it is not a file" {
		t.Fatal(err)
	}
}

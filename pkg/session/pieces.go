package session

import (
	"fmt"

	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
)

// pieces fills in protocol v1's where nothing else is wished, and tries the
// cipher. Errors tell of a level out of range and of a cipher that does not
// fit slices.
func (cfg *Config) pieces() error {
	deflate, err := compress.NewDeflater(cfg.Deflate)
	if err != nil {
		return err
	}
	if cfg.Compression == nil {
		cfg.Compression = deflate
	}
	if cfg.Cipher == nil {
		cfg.Cipher = seal.AES256GCM{}
	}
	if cfg.Exchange == nil {
		cfg.Exchange = handshake.P256{}
	}
	trial, err := seal.NewKey(make([]byte, seal.KeySize))
	if err != nil {
		return err
	}
	if _, err = seal.NewBoxWith(cfg.Cipher, trial); err != nil {
		return fmt.Errorf("the cipher does not fit slices: %w", err)
	}
	return nil
}

// other is name, or "" for protocol v1's, which goes without saying.
func other(name, v1 string) string {
	if name == v1 {
		return ""
	}
	return name
}

package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"secstream/pkg/wire"
)

// maxCover bounds a picture that is taken, in bytes: servers send no larger.
const maxCover = 16 << 20

// Cover fetches the cover picture of a track of the library: the bytes of a
// JPEG, PNG, GIF, WebP or BMP file, nil where it has none. It is as safe as the
// connection: nothing seals it. Whoever decodes it must expect anything.
func (c *Client) Cover(ctx context.Context, id string) ([]byte, error) {
	data, err := c.beside(ctx, id, "/cover", wire.NoCover, maxCover)
	if err != nil {
		return nil, fmt.Errorf("fetch the cover of a track: %w", err)
	}
	return data, nil
}

// beside fetches what a track of the library has besides its sound, nil where
// the server says by code that there is none, or is too old to have the route.
func (c *Client) beside(ctx context.Context, id, what string, none wire.Code, limit int64) (data []byte, err error) {
	path := wire.LibraryPath + "/" + url.PathEscape(id) + what
	err = c.retry(ctx, func() (err error) {
		data, err = c.fetch(ctx, http.MethodGet, path, nil, limit)
		return err
	})
	var refused *wire.Error
	if errors.As(err, &refused) && (refused.Code == none || refused.Code == wire.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

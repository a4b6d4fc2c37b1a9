package client

import (
	"context"
	"fmt"

	"secstream/pkg/audio"
	"secstream/pkg/wire"
)

// Lyrics fetches the words of a track of the library: LRC or plain text, valid
// UTF-8 without control characters but \n, "" where it has none. They are as
// safe as the connection: nothing seals them.
func (c *Client) Lyrics(ctx context.Context, id string) (string, error) {
	data, err := c.beside(ctx, id, "/lyrics", wire.NoLyrics, audio.MaxLyrics)
	if err != nil {
		return "", fmt.Errorf("fetch the lyrics of a track: %w", err)
	}
	return audio.NewLyrics(string(data)).Text, nil
}

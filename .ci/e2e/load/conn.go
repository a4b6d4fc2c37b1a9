package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerTime is how long any answer may take.
const answerTime = 30 * time.Second

// conn is one connection, kept alive: what a crowd of listeners is made of. It
// has no goroutine and takes little memory. One request at a time.
type conn struct {
	host string
	net  net.Conn
	r    *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	c := &conn{host: rooted(address)}
	var d net.Dialer
	var err error
	if c.net, err = d.DialContext(ctx, "tcp", c.host); err != nil {
		return nil, err
	}
	c.r = bufio.NewReader(c.net)
	return c, nil
}

func (c *conn) close() { _ = c.net.Close() } // what it was for is done

// ask sends a request. The answer's body is read before the next one.
func (c *conn) ask(method, path, kind string, body []byte) (*http.Response, error) {
	if err := c.net.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	head := method + " " + path + " HTTP/1.1\r\nHost: " + c.host + "\r\n"
	if body != nil {
		head += fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", kind, len(body))
	}
	if _, err := c.net.Write(append([]byte(head+"\r\n"), body...)); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.r, nil)
}

func (c *conn) do(ctx context.Context, method, path string, in, out any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kind, text, err := encode(in)
	if err != nil {
		return err
	}
	resp, err := c.ask(method, path, kind, text)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

// pass asks for path and reads the answer past, n bytes of it.
func (c *conn) pass(path string, room []byte, n int) error {
	resp, err := c.ask(http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got := 0
	for {
		k, err := resp.Body.Read(room)
		got += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if resp.StatusCode != http.StatusOK || got != n {
		return fmt.Errorf("%s: status %d, %d bytes of %d", path, resp.StatusCode, got, n)
	}
	return nil
}

package output

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// paceEnv makes the test binary a reader that copies stdin to a file at a
// number of bytes a second, as a sound card would take it: "RATE FILE".
const paceEnv = "SECSTREAM_TEST_PACE"

func pace(how string) error {
	rate, name, _ := strings.Cut(how, " ")
	n, err := strconv.Atoi(rate)
	if err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for begin, done := time.Now(), 0; ; {
		k, err := io.CopyN(f, os.Stdin, int64(n/100))
		done += int(k)
		if errors.Is(err, io.EOF) {
			return f.Close()
		}
		if err != nil {
			return err
		}
		time.Sleep(time.Until(begin.Add(time.Duration(done) * time.Second / time.Duration(n))))
	}
}

// Command secstream packages and plays protected audio.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"secstream/cmd"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that left shows as a failed write, which cleans up
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := cmd.Main(ctx, os.Args, cmd.SystemEnv())
	stop()
	os.Exit(code)
}

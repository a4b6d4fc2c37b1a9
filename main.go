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
	ctx, end := context.WithCancel(context.Background())
	first := make(chan os.Signal, 1)
	signal.Notify(first, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-first
		signal.Stop(first) // before anything shows that it ends: the second one ends the process at once
		end()
	}()
	os.Exit(cmd.Main(ctx, os.Args, cmd.SystemEnv()))
}

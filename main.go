// Command secstream packages and plays protected audio.
package main

import (
	"os"

	"secstream/cmd"
)

func main() { os.Exit(cmd.Run()) }

package cmd

import "secstream/pkg/format"

// openFormat is the parser table the library uses.
var openFormat = format.Open

// Command pylee puts secrets into a process: it reads a config, resolves every
// reference in it through providers, and becomes the command it was given.
package main

import (
	"os"

	"github.com/pyleeai/pylee/internal/cli"
)

// version is stamped by the release build.
var version string

func main() {
	os.Exit(cli.Main(os.Args, os.Environ(), version, cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

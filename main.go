// Command pylee puts secrets into a process: it reads a config, resolves every
// reference in it through providers, and becomes the command it was given.
package main

import (
	"os"
	"runtime"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/cli"
)

// version is stamped by the release build.
var version string

func main() {
	runtime.LockOSThread() // orphans fall to the first thread; see exec.SpawnerOptions
	if code, is := exec.Shim(os.Args, os.Environ()); is {
		os.Exit(code)
	}
	os.Exit(cli.Main(os.Args, os.Environ(), version, cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

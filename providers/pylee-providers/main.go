// Command pylee-providers speaks to the sources of secrets that need an SDK or the
// network. It is started by pylee, which sends requests to its standard input; it is of
// no use to anybody else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/providers/cloud"
	"github.com/pyleeai/pylee/providers/remote"
)

// version is stamped by the release build.
var version string

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, remote.Name+": "+err.Error()) //nolint:errcheck // nowhere else to say it
		os.Exit(1)
	}
}

func serve() error {
	debug.SetTraceback("none") // a dump of the stacks has values in it
	if _, err := exec.Harden(); err != nil {
		return fmt.Errorf("hardening: %w", err)
	}
	if os.Getenv("GODEBUG") != "" {
		return errors.New("GODEBUG is set: it can make the network code print secrets")
	}
	if !isPipe(0) || !isPipe(1) {
		return errors.New("this program is started by pylee, and by nothing else")
	}
	// Pylee decides when this ends, also if somebody signals everything that runs. They
	// are not ignored, because the tools that an SDK starts would inherit that.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGHUP, unix.SIGTERM, unix.SIGPIPE)
	return remote.Serve(context.Background(), os.Stdin, os.Stdout, stamped(), cloud.Drivers())
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}

// stamped follows pylee, whose builds by go install have no stamp either.
func stamped() string {
	if version != "" {
		return strings.TrimPrefix(version, "v")
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return "0.0.0-dev"
}

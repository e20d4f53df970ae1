// Package cli is the command line: it reads flags, asks the other packages to do
// the work, and turns what they say into messages and exit codes. It decides
// nothing about references, stores or children.
package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strings"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/urfave/cli/v2"
)

// Stdio are the three standard streams.
type Stdio struct {
	In  *os.File
	Out *os.File
	Err *os.File
}

// Main runs the command that args name and returns the exit code. It returns only
// if pylee did not become another program.
func Main(args, environ []string, version string, stdio Stdio) int {
	guard := runner.NewGuard(context.Background()) // early: until then a signal dumps goroutines
	environ, code, over, unscrubbed := runner.Scrub(args, environ, guard)
	if over {
		if unscrubbed != nil {
			fmt.Fprintf(stdio.Err, "pylee: start: %v\n", unscrubbed)
		}
		return code
	}
	calm(environ)
	inv := newInvocation(environ, stampedVersion(version), stdio)
	inv.guard = guard
	inv.noteScrub(unscrubbed)
	restore, err := exec.Harden()
	if err != nil {
		inv.debugf("hardening: %v", err)
	}
	inv.restore = restore
	inv.command = commandName(args)
	app := newApp(inv)
	err = app.Run(permute(app, args))
	if ended, ok := guard.Interrupted(); ok {
		return runner.End(ended)
	}
	return inv.finish(err, inv.command)
}

// noteScrub tells why what unlocks stays visible to root in /proc/PID/environ.
func (inv *invocation) noteScrub(err error) {
	if err != nil {
		inv.debugf("environment: not cleaned: %v", err)
	}
}

// calm undoes settings in the environment that are meant for the child but reached
// this process's runtime too: a small GOMEMLIMIT makes the collector run all the time.
func calm(environ []string) {
	for _, entry := range environ {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "GOMEMLIMIT":
			debug.SetMemoryLimit(math.MaxInt64)
		case "GOGC":
			debug.SetGCPercent(100)
		}
	}
}

// stampedVersion falls back to what the go command recorded, for builds by
// go install.
func stampedVersion(version string) string {
	if version != "" {
		return strings.TrimPrefix(version, "v")
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return "0.0.0-dev"
}

// commandName returns the first word that is not a flag, for messages of the table
// of exit codes: usage errors of run have a status of their own.
func commandName(args []string) string {
	for _, arg := range args[min(1, len(args)):] {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

func newApp(inv *invocation) *cli.App {
	app := &cli.App{
		Name:                      "pylee",
		Usage:                     "run a command with its secrets",
		UsageText:                 "pylee run [flags] [--] COMMAND [ARG...]\npylee COMMAND --help",
		Description:               appDescription(),
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Writer:                    inv.stdio.Out,
		ErrWriter:                 io.Discard, // messages are finish's work
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Action:                    unknownCommand,
		Flags:                     commonFlags(inv),
		Commands: []*cli.Command{
			runCommand(inv), checkCommand(inv), explainCommand(inv), envCommand(inv), renderCommand(inv),
			secretCommand(inv), policyCommand(inv), allowCommand(inv), denyCommand(inv), initCommand(inv), schemaCommand(inv),
			completionCommand(inv), doctorCommand(inv), statusCommand(inv), refreshCommand(inv), rollbackCommand(inv), planCommand(inv),
			cacheCommand(inv), namesCommand(inv), versionCommand(inv),
			unlockCommand(inv), lockCommand(inv),
		},
	}
	prepare(app.Commands)
	return app
}

// prepare sets on every command what the library does not inherit.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		prepare(c.Subcommands)
		if len(c.Subcommands) > 0 && c.Action == nil {
			c.Action = unknownCommand
		}
	}
}

// unknownCommand is reached when the first word names no command. Without a word it
// shows the help.
func unknownCommand(c *cli.Context) error {
	word := c.Args().First()
	commands := c.Command.Subcommands
	if word == "" || word == "help" {
		if named := find(commands, c.Args().Get(1)); named != nil {
			return cli.ShowCommandHelp(c, named.Name)
		}
		return cli.ShowSubcommandHelp(c)
	}
	var known []string
	for _, command := range commands {
		if !command.Hidden {
			known = append(known, command.Name)
		}
	}
	return unknownWord("command", word, known)
}

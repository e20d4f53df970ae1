package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// permute moves the flags of a command before its other words, since the flag
// package stops at the first of these: pylee secret get NAME --reveal. It leaves run
// alone, where the words behind the command are the child's, and all behind "--".
func permute(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	head, rest := args[:1:1], args[1:]
	if len(rest) == 1 && rest[0] == "--version" { // what everybody tries
		return append(head, "version")
	}
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") { // all of these are switches
		head, rest = append(head, rest[0]), rest[1:]
	}
	commands := app.Commands
	var found *cli.Command
	for len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		next := find(commands, rest[0])
		if next == nil {
			break
		}
		found, commands = next, next.Subcommands
		head, rest = append(head, rest[0]), rest[1:]
	}
	if found == nil || found.Name == "run" {
		return args
	}
	var flags, words []string
	for i := 0; i < len(rest); i++ {
		arg := rest[i]
		if arg == "--" {
			words = append(words, rest[i+1:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			words = append(words, arg)
			continue
		}
		flags = append(flags, arg)
		if strings.Contains(arg, "=") || !takesValue(found, strings.TrimLeft(arg, "-")) {
			continue
		}
		if i++; i == len(rest) {
			return append(head, flags...) // the flag package says that the value is missing
		}
		flags = append(flags, rest[i])
	}
	return append(append(append(head, flags...), "--"), words...)
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func takesValue(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		for _, n := range f.Names() {
			if n != name {
				continue
			}
			switch f.(type) {
			case *cli.BoolFlag, *cli.GenericFlag: // the only generic flag is --env-refs
				return false
			}
			return true
		}
	}
	return false
}

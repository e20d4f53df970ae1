package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// commonFlags are understood by every command, and before its name.
func commonFlags(inv *invocation) []cli.Flag {
	return []cli.Flag{
		switchFlag(&inv.debug, "debug", "print names, versions and times, never a value (PYLEE_DEBUG=1)"),
		switchFlag(&inv.quiet, "quiet", "no hints and notes; errors stay", "q"),
	}
}

// jsonFlag is for commands that print data.
func jsonFlag(inv *invocation) cli.Flag {
	return switchFlag(&inv.json, "json", "print JSON, errors too")
}

func switchFlag(to *bool, name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true, Action: func(c *cli.Context, on bool) error {
		// It is called for what the other place said too, and then sees false.
		if slices.Contains(c.LocalFlagNames(), name) {
			*to = on
		}
		return nil
	}}
}

func boolFlag(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

// configFlags choose the config and its environment.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "config `FILE` (PYLEE_CONFIG; else the first of pylee.yaml, pylee.yml, pylee.json, pylee.config.json upwards)"},
		environmentFlag(),
	}
}

func environmentFlag() cli.Flag {
	return &cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "environment `NAME` of the config and the store (PYLEE_ENV)"}
}

// sourceFlags say what is resolved; run, check, env and explain share them.
func sourceFlags() []cli.Flag {
	return append(configFlags(),
		&cli.StringFlag{Name: "target", Aliases: []string{"t"}, Usage: "a `NAME` under commands: in the config"},
		&cli.StringFlag{Name: "server", Usage: "a `NAME` under mcpServers: in the config"},
		&cli.StringSliceFlag{Name: "env-file", Usage: "read a .env `FILE` (may be repeated)"},
		&cli.StringSliceFlag{Name: "set", Usage: "set `NAME=TEMPLATE` in the child (may be repeated)"},
		&cli.GenericFlag{Name: "env-refs", Value: &envRefs{}, Usage: "resolve references in inherited variables: all, or those named with `[=A,B]` (PYLEE_ENV_REFS)"},
		&cli.StringFlag{Name: "timeout", Value: "30s", Usage: "`DURATION` for all fetches together"},
		&cli.StringFlag{Name: "identity", Usage: "open the local store with `FILE`, or fd:N (PYLEE_IDENTITY_FILE)"},
	)
}

// envRefs is --env-refs: absent, bare (all), a list or false. It is a boolean flag to the
// flag parser, so that a bare one does not take the next word.
type envRefs struct {
	all   bool
	names []string
	none  bool // whatever the config says
}

// Set is called by the flag parser; "true" stands for the bare flag.
func (e *envRefs) Set(value string) error {
	switch value {
	case "true":
		e.all, e.none = true, false
	case "false":
		*e = envRefs{none: true}
	default:
		e.none = false
		for _, name := range strings.Split(value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				e.names = append(e.names, name)
			}
		}
	}
	return nil
}

// String returns the flag as it would be written.
func (e *envRefs) String() string {
	if e == nil || e.all {
		return ""
	}
	return strings.Join(e.names, ",")
}

// IsBoolFlag makes a bare --env-refs complete.
func (e *envRefs) IsBoolFlag() bool { return true }

func (e *envRefs) wants(name string) bool {
	if e.all {
		return true
	}
	for _, n := range e.names {
		if n == name {
			return true
		}
	}
	return false
}

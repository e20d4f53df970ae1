package cli

import (
	"fmt"
	"time"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/urfave/cli/v2"
)

func secretGetCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "get",
		Usage:       "print a secret to a pipe, or with --reveal to a terminal",
		ArgsUsage:   "NAME[@N]",
		Description: secretGetDescription,
		Flags: append(storeFlags(inv),
			&cli.IntFlag{Name: "version", Usage: "version `N` instead of the active one"},
			boolFlag("reveal", "print to a terminal"),
			boolFlag("copy", "put it on the clipboard instead, and clear that again"),
			&cli.StringFlag{Name: "clear-after", Usage: "`DURATION` that --copy leaves it there", Value: "45s"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret get takes one name")
			}
			name, version, err := versioned(c.Args().First())
			switch {
			case err != nil:
				return err
			case c.IsSet("version") && c.Int("version") < 0:
				return usagef("--version takes the number of a version")
			case c.IsSet("version") && version != 0:
				return usagef("secret get: one version, NAME@N or --version N")
			case c.IsSet("version"):
				version = c.Int("version")
			}
			after, err := parseDuration("clear-after", c.String("clear-after"))
			if err != nil {
				return err
			}
			return inv.secretGet(c, name, version, after)
		},
	}
}

func (inv *invocation) secretGet(c *cli.Context, name string, version int, after time.Duration) error {
	toClipboard := c.Bool("copy")
	if isTerminal(inv.stdio.Out) && !c.Bool("reveal") && !toClipboard {
		return &failure{message: "values are not shown on a terminal without being asked", hint: "pylee secret get " + name + " --reveal", code: exitFailed}
	}
	var tool clipboard
	if toClipboard {
		var err error
		if tool, err = inv.clipboard(); err != nil {
			return err
		}
	}
	if _, err := inv.permitStore(c.String("env"), policy.Read, policy.Stdout, name); err != nil {
		return err
	}
	opened, err := inv.openStore(c)
	if err != nil {
		return err
	}
	secret, err := opened.Lookup(name, version)
	if err != nil {
		return err
	}
	if toClipboard {
		return inv.copyFor(tool, name, secret.Value, after)
	}
	_, err = inv.stdio.Out.Write(secret.Value.Reveal())
	if err == nil && isTerminal(inv.stdio.Out) {
		_, err = fmt.Fprintln(inv.stdio.Out)
	}
	return err
}

package cli

import (
	"github.com/pyleeai/pylee/internal/config"
	"github.com/urfave/cli/v2"
)

func schemaCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of the config, for editors",
		Description: "Example:\n\n    pylee schema > pylee.schema.json\n\n" +
			"and as the first line of pylee.yaml:\n\n    # yaml-language-server: $schema=./pylee.schema.json",
		Flags: commonFlags(inv),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("schema takes no argument")
			}
			_, err := inv.stdio.Out.Write(config.Schema())
			return err
		},
	}
}

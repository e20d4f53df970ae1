package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretMergeCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "merge",
		Usage:       "merge two stores that come from one: a merge driver of git",
		ArgsUsage:   "BASE OURS THEIRS",
		Description: secretMergeDescription,
		Flags: append(storeFlags(inv),
			&cli.StringFlag{Name: "path", Usage: "the `FILE` of the store in the work tree; OURS becomes the result"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 3 {
				return usagef("secret merge takes three files, BASE OURS THEIRS, and makes OURS the result")
			}
			if err := refuseEmpty(c, "path"); err != nil {
				return err
			}
			return inv.secretMerge(c)
		},
	}
}

func (inv *invocation) secretMerge(c *cli.Context) error {
	choice, args := choiceOf(c, inv), c.Args()
	named := c.String("path")
	if choice.path == "" {
		choice.path = named
	}
	if choice.path == "" {
		choice.path = args.Get(1)
	}
	if base, ok := strings.CutSuffix(filepath.Base(choice.path), ".age"); ok && !c.IsSet("env") && store.ValidEnvironment(base) {
		choice.env = base // one file per environment, wherever git runs the driver
	}
	closeIdentity(choice.identity)
	file := inv.storeFile(choice, "")
	var err error
	if file.Keys, err = inv.heldKeys(file.Keys); err != nil {
		return err
	}
	change, conflicts, err := file.MergeFiles(c.Context, inv.absolute(args.Get(0)), inv.absolute(args.Get(1)), inv.absolute(args.Get(2)))
	if err != nil {
		return err
	}
	if named == "" {
		named = args.Get(1)
	}
	inv.sayRecipients("can", change)
	for _, conflict := range conflicts {
		inv.message("", fmt.Sprintf("%s: conflict: %s: %s; ours is active%s", named, conflict.Name, conflict.Reason, theirVersion(conflict)))
	}
	if len(conflicts) == 0 {
		return nil
	}
	first := conflicts[0]
	inv.hint("chmod 600 %s; pylee secret history %s%s; keep ours, or activate theirs; then: git add %s", shellWord(named), first.Name, envOf(choice), shellWord(named))
	return status(exitFailed)
}

func theirVersion(c store.Conflict) string {
	if c.Theirs == 0 {
		return ""
	}
	return fmt.Sprintf(", theirs is version %d", c.Theirs)
}

func envOf(choice storeChoice) string {
	if choice.env == "" || choice.env == "default" {
		return ""
	}
	return " --env " + shellWord(choice.env)
}

package cli

import (
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func unlockCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "unlock",
		Usage: "keep the identity in the kernel's keyring for a while",
		Description: "For an identity that has a passphrase, or comes from a tool that asks: it is read once\n" +
			"and found in the keyring by all your processes until the time is over.\n\n   pylee unlock\n   pylee unlock --for 1h",
		Flags: append(commonFlags(inv), identityFlag(),
			&cli.StringFlag{Name: "for", Usage: "keep it for `DURATION`", Value: store.UnlockFor.String()}),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("unlock takes no argument")
			}
			if err := refuseEmpty(c, "identity"); err != nil {
				return err
			}
			wait, err := parseDuration("for", c.String("for"))
			if err != nil {
				return err
			}
			if wait < time.Second {
				return usagef("--for takes a second or more")
			}
			closeIdentity(c.String("identity"))
			keys, err := inv.heldKeys(inv.storeFile(storeChoice{identity: c.String("identity")}, "").Keys)
			if err != nil {
				return err
			}
			source, err := keys.Unlock(wait)
			if err != nil {
				return err
			}
			inv.say("%s is in the kernel's keyring for %s; pylee lock removes it", source, wait)
			return nil
		},
	}
}

func lockCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "lock",
		Usage:       "remove the identity from the kernel's keyring",
		Description: "   pylee lock",
		Flags:       commonFlags(inv),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("lock takes no argument")
			}
			was, err := inv.storeFile(storeChoice{}, "").Keys.Lock()
			if err != nil {
				return err
			}
			if was {
				inv.say("removed the identity from the kernel's keyring")
			} else {
				inv.say("there was no identity in the kernel's keyring")
			}
			return nil
		},
	}
}

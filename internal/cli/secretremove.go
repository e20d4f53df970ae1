package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

// change works on the chosen store, on the secrets with these names.
func (inv *invocation) change(c *cli.Context, names []string, change func(*store.Edit) error) (store.File, error) {
	if _, err := inv.permitStore(c.String("env"), policy.Write, "", names...); err != nil {
		return store.File{}, err
	}
	file, err := inv.chosenStore(c)
	if err != nil {
		return file, err
	}
	return file, file.Update(c.Context, change)
}

// versioned takes NAME@N apart; without @N the version is 0.
func versioned(text string) (name string, version int, err error) {
	name, number, found := strings.Cut(text, "@")
	if !found {
		return name, 0, nil
	}
	version, err = strconv.Atoi(number)
	if err != nil || version < 1 {
		return "", 0, usagef("a version is named as in %s@3", printable(name))
	}
	return name, version, nil
}

// oneVersion reads the only argument of a command as NAME@N.
func oneVersion(c *cli.Context) (name string, version int, err error) {
	if c.NArg() != 1 {
		return "", 0, usagef("secret %s takes NAME@N", c.Command.Name)
	}
	if name, version, err = versioned(c.Args().First()); err == nil && version == 0 {
		err = &failure{message: "secret " + c.Command.Name + ": which version? NAME@N", hint: "pylee secret history " + shellWord(name) + sameStore(c), code: exitUsage}
	}
	return name, version, err
}

func secretRemoveCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Aliases:     []string{"rm"},
		Usage:       "remove secrets with all their versions",
		ArgsUsage:   "NAME...",
		Description: "   pylee secret remove db_password",
		Flags:       storeFlags(inv),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("secret remove takes the names of secrets")
			}
			names := c.Args().Slice()
			file, err := inv.change(c, names, func(e *store.Edit) error {
				var errs []error
				for _, name := range names {
					errs = append(errs, e.Remove(name))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				return err
			}
			for _, name := range names {
				inv.say("removed %s from %s", name, file.Path)
			}
			return nil
		},
	}
}

func secretActivateCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "activate",
		Usage:       "use a version that is kept, such as a staged one",
		ArgsUsage:   "NAME@N",
		Description: secretActivateDescription,
		Flags:       storeFlags(inv),
		Action: func(c *cli.Context) error {
			name, version, err := oneVersion(c)
			if err != nil {
				return err
			}
			if _, err := inv.change(c, []string{name}, func(e *store.Edit) error { return e.Activate(name, version) }); err != nil {
				return err
			}
			inv.say("version %d of %s is active", version, name)
			return nil
		},
	}
}

func secretRollbackCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "rollback",
		Usage:       "go back to the version before, or to an older one",
		ArgsUsage:   "NAME",
		Description: secretRollbackDescription,
		Flags:       append(storeFlags(inv), &cli.IntFlag{Name: "to", Usage: "go back to version `N`"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret rollback takes one name")
			}
			if c.IsSet("to") && c.Int("to") < 1 {
				return usagef("--to takes the number of a version")
			}
			name, active := c.Args().First(), 0
			_, err := inv.change(c, []string{name}, func(e *store.Edit) (err error) {
				active, err = e.Rollback(name, c.Int("to"))
				return err
			})
			if err != nil {
				return err
			}
			inv.say("version %d of %s is active again", active, name)
			return nil
		},
	}
}

func secretRevokeCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "revoke",
		Usage:       "never use a version again",
		ArgsUsage:   "NAME@N",
		Description: secretRevokeDescription,
		Flags:       storeFlags(inv),
		Action: func(c *cli.Context) error {
			name, version, err := oneVersion(c)
			if err != nil {
				return err
			}
			file, err := inv.change(c, []string{name}, func(e *store.Edit) error { return e.Revoke(name, version) })
			if err != nil {
				return err
			}
			inv.say("revoked version %d of %s", version, name)
			if opened, err := file.Open(); err == nil {
				defer opened.Close()
				if _, err := opened.Lookup(name, 0); err != nil {
					inv.say("%s has no value to use now", name)
					inv.hint("pylee secret set %s%s, or activate one of: pylee secret history %s%s", name, sameStore(c), name, sameStore(c))
				}
			}
			return nil
		},
	}
}

func secretExpireCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "expire",
		Usage:       "say when a version expires, or when a secret should be rotated",
		ArgsUsage:   "NAME[@N] [WHEN]",
		Description: secretExpireDescription,
		Flags:       append(storeFlags(inv), &cli.StringFlag{Name: "rotate-after", Usage: "warn after `PERIOD`: a number and m, h, d or w; or never"}),
		Action: func(c *cli.Context) error {
			if err := refuseEmpty(c, "rotate-after"); err != nil {
				return err
			}
			if c.NArg() < 1 || c.NArg() > 2 || c.NArg() == 1 && !c.IsSet("rotate-after") {
				return usagef("secret expire takes NAME and WHEN, or --rotate-after")
			}
			return inv.secretExpire(c)
		},
	}
}

func (inv *invocation) secretExpire(c *cli.Context) error {
	name, version, err := versioned(c.Args().First())
	if err != nil {
		return err
	}
	when, now := c.Args().Get(1), time.Now()
	var at time.Time
	switch when {
	case "", "never":
	case "now":
		at = now
	default:
		var ok bool
		if at, ok = parseWhen(when, now); !ok {
			return usagef("WHEN is a duration such as 90d, a date, a time (RFC 3339), now or never")
		}
	}
	_, err = inv.change(c, []string{name}, func(e *store.Edit) error {
		var errs []error
		if when != "" {
			errs = append(errs, e.Expire(name, version, at))
		}
		if period := c.String("rotate-after"); period != "" {
			errs = append(errs, e.RotateAfter(name, strings.TrimPrefix(period, "never")))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	switch {
	case when == "never":
		inv.say("%s never expires", c.Args().First())
	case when != "":
		inv.say("%s expires at %s", c.Args().First(), at.UTC().Format(time.RFC3339))
	}
	if c.IsSet("rotate-after") {
		inv.say("%s is to be rotated after: %s", name, c.String("rotate-after"))
	}
	return nil
}

func secretPurgeCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "purge",
		Usage:       "destroy old versions",
		ArgsUsage:   "NAME...",
		Description: secretPurgeDescription,
		Flags: append(storeFlags(inv), jsonFlag(inv),
			&cli.IntFlag{Name: "keep", Usage: "leave the newest `N` besides the active one"},
			boolFlag("all", "of all secrets")),
		Action: func(c *cli.Context) error {
			if c.Bool("all") == c.Args().Present() {
				return usagef("secret purge takes the names of secrets, or --all")
			}
			if c.Int("keep") < 0 {
				return usagef("--keep takes a number from 0 on")
			}
			return inv.secretPurge(c)
		},
	}
}

func (inv *invocation) secretPurge(c *cli.Context) error {
	names, removed := c.Args().Slice(), map[string]int{}
	if c.Bool("all") {
		opened, err := inv.openStore(c)
		if err != nil {
			return err
		}
		names = listed(opened)
		opened.Close()
	}
	_, err := inv.change(c, names, func(e *store.Edit) error {
		var errs []error
		for _, name := range names {
			n, err := e.Purge(name, c.Int("keep"))
			removed[name] = n
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	if inv.json {
		return inv.writeJSON(removed)
	}
	total := 0
	for _, name := range names {
		if n := removed[name]; n > 0 {
			inv.say("destroyed %s of %s", plural(n, "version"), name)
			total += n
		}
	}
	if total == 0 {
		inv.say("there was nothing to destroy")
	}
	return nil
}

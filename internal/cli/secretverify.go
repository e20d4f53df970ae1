package cli

import (
	"fmt"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretVerifyCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "verify",
		Usage:       "check the store as a whole, its backup, its pin",
		Description: secretVerifyDescription,
		Flags: append(storeFlags(inv), jsonFlag(inv),
			boolFlag("accept-rollback", "use the store from now on although it is older than the one that was seen"),
			boolFlag("accept-replaced", "use the store from now on although it is another one: rekeyed elsewhere, or replaced")),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret verify takes no argument")
			}
			file, err := inv.chosenStore(c)
			if err != nil {
				return err
			}
			found, err := file.Verify(c.Context, store.VerifyOptions{AcceptRollback: c.Bool("accept-rollback"), AcceptReplaced: c.Bool("accept-replaced")})
			if failed := inv.printVerified(found, err == nil); failed != nil {
				return failed
			}
			return err
		},
	}
}

// verified is what secret verify --json prints.
type verified struct {
	OK         bool     `json:"ok"`
	Store      string   `json:"store"`
	Env        string   `json:"env"`
	Generation uint64   `json:"generation"`
	Secrets    int      `json:"secrets"`
	Versions   int      `json:"versions"`
	Recipients int      `json:"recipients"`
	Pinned     uint64   `json:"pinned,omitempty"`
	Accepted   string   `json:"accepted,omitempty"`
	Backup     string   `json:"backup"`
	Leftovers  []string `json:"leftovers,omitempty"`
	Faults     []string `json:"faults,omitempty"`
}

func (inv *invocation) printVerified(v store.Verification, ok bool) error {
	if inv.json {
		return inv.writeJSON(verified{
			ok, v.Path, v.Env, v.Generation, v.Secrets, v.Versions, len(v.Recipients), v.Pinned, v.Accepted, v.Backup, v.Leftovers, v.Faults,
		})
	}
	for _, fault := range v.Faults {
		fmt.Fprintf(inv.stdio.Out, "%s\n", plain(fault)) //nolint:errcheck // the exit status tells
	}
	if !ok {
		return nil
	}
	_, err := fmt.Fprintf(inv.stdio.Out, "%s: %s, %s, %s, change %d; backup: %s\n", plain(v.Path),
		plural(v.Secrets, "secret"), plural(v.Versions, "version"), plural(len(v.Recipients), "recipient"), v.Generation, v.Backup)
	if v.Accepted != "" {
		inv.say("accepted, although it was %s: what is there counts from now on", map[string]string{"rollback": "rolled back", "replaced": "replaced"}[v.Accepted])
	}
	return err
}

func secretRekeyCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "rekey",
		Usage:       "encrypt the store anew, with a new store secret",
		Description: secretRekeyDescription,
		Flags:       append(storeFlags(inv), &cli.StringSliceFlag{Name: "recipient", Aliases: []string{"r"}, Usage: "an age `RECIPIENT` instead of those there are (may be repeated)"}),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret rekey takes no argument")
			}
			if err := refuseEmpty(c, "recipient"); err != nil {
				return err
			}
			file, err := inv.chosenStore(c)
			if err != nil {
				return err
			}
			var o store.RekeyOptions
			for _, r := range c.StringSlice("recipient") {
				o.Recipients = append(o.Recipients, store.RecipientInfo{Recipient: r})
			}
			done, err := file.Rekey(c.Context, o)
			if err != nil {
				return err
			}
			inv.sayRecipients("can", done)
			inv.say("%s has a new store secret; where else it is used: pylee secret verify --accept-replaced", file.Path)
			return nil
		},
	}
}

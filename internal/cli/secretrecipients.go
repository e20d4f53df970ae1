package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretRecipientsCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "recipients",
		Usage:       "who can open the store: list, add, remove, accept",
		Description: secretRecipientsDescription,
		Subcommands: []*cli.Command{
			recipientsListCommand(inv), recipientsAddCommand(inv), recipientsRemoveCommand(inv), recipientsAcceptCommand(inv),
		},
	}
}

func recipientsListCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the recipients of the store",
		Description: "   pylee secret recipients list --env production",
		Flags:       append(storeFlags(inv), jsonFlag(inv)),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret recipients list takes no argument")
			}
			opened, err := inv.openStore(c)
			if err != nil {
				return err
			}
			defer opened.Close()
			return inv.printRecipients(opened.Recipients())
		},
	}
}

// listedRecipient is an element of secret recipients list --json.
type listedRecipient struct {
	Recipient string     `json:"recipient"`
	Name      string     `json:"name,omitempty"`
	Added     *time.Time `json:"added,omitempty"`
}

func (inv *invocation) printRecipients(list []store.RecipientInfo) error {
	out := make([]listedRecipient, len(list))
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for i, r := range list {
		added := ""
		out[i] = listedRecipient{Recipient: r.Recipient, Name: r.Name}
		if !r.Added.IsZero() {
			out[i].Added = &r.Added
			added = "added " + r.Added.Format(time.RFC3339)
		}
		if !inv.json {
			fmt.Fprintf(w, "%s\t%s\t%s\n", printable(r.Recipient), printable(r.Name), added) //nolint:errcheck // Flush tells
		}
	}
	if inv.json {
		return inv.writeJSON(out)
	}
	return w.Flush()
}

func recipientsAddCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "add",
		Usage:       "let somebody open the store from now on",
		ArgsUsage:   "RECIPIENT",
		Description: "   pylee secret recipients add age1... --name alice",
		Flags:       append(storeFlags(inv), &cli.StringFlag{Name: "name", Usage: "whose it is, a line of `TEXT`"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret recipients add takes one public key: age1...")
			}
			return inv.changeRecipients(c, func(f store.File) (store.RecipientChange, error) {
				return f.AddRecipient(c.Context, c.Args().First(), c.String("name"))
			})
		},
	}
}

func recipientsRemoveCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Aliases:     []string{"rm"},
		Usage:       "encrypt the store anew without somebody, and mark all secrets",
		ArgsUsage:   "RECIPIENT|NAME",
		Description: "What somebody has read stays known: every secret has to be set anew.\n\n   pylee secret recipients remove alice",
		Flags:       storeFlags(inv),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret recipients remove takes one public key, or its name")
			}
			return inv.changeRecipients(c, func(f store.File) (store.RecipientChange, error) {
				return f.RemoveRecipient(c.Context, c.Args().First())
			})
		},
	}
}

func recipientsAcceptCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "accept",
		Usage: "encrypt the store to the list that stands beside it",
		Description: "The list is ENV.recipients beside ENV.age: a public key in a line, its name in a\n" +
			"comment before it. While it differs from the list in the store, that is not used.\n\n   pylee secret recipients accept --dry-run\n   pylee secret recipients accept --yes",
		Flags: append(storeFlags(inv), boolFlag("yes", "do not ask", "y"), boolFlag("dry-run", "only show what would change")),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret recipients accept takes no argument")
			}
			if c.Bool("dry-run") {
				return inv.pendingRecipients(c)
			}
			return inv.changeRecipients(c, func(f store.File) (store.RecipientChange, error) {
				return f.AcceptRecipients(c.Context, func(change store.RecipientChange) error {
					inv.sayRecipients("would", change)
					return inv.confirm(c.Bool("yes"), "encrypt the store to this list?")
				})
			})
		},
	}
}

func (inv *invocation) pendingRecipients(c *cli.Context) error {
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	change, err := file.PendingRecipients()
	if err != nil {
		return err
	}
	inv.sayRecipients("would", change)
	if change.None() {
		inv.say("nothing would change")
		return nil
	}
	return status(exitFindings)
}

func (inv *invocation) changeRecipients(c *cli.Context, change func(store.File) (store.RecipientChange, error)) error {
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	done, err := change(file)
	if err != nil {
		return err
	}
	inv.sayRecipients("can", done)
	if done.None() {
		inv.say("nothing was changed")
	}
	return nil
}

// sayRecipients tells who comes and goes, and what that asks for. verb is can or would.
func (inv *invocation) sayRecipients(verb string, change store.RecipientChange) {
	refused := strings.Replace(verb+" not", "can not", "cannot", 1)
	who := func(r store.RecipientInfo) string {
		if r.Name != "" {
			return r.Name + " (" + r.Recipient + ")"
		}
		return r.Recipient
	}
	for _, r := range change.Added {
		inv.say("%s %s open the store", who(r), verb)
	}
	for _, r := range change.Removed {
		inv.say("%s %s open the store any more", who(r), refused)
	}
	if len(change.Rotate) == 0 {
		return
	}
	inv.say("who was removed has read the values until now; these have to be set anew, and are marked until then:")
	for _, name := range change.Rotate {
		inv.say("  %s", name)
	}
	inv.hint("get new values where they come from, then: pylee secret set %s", change.Rotate[0])
}

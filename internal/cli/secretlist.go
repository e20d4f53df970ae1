package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

func secretListCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the secrets of the store, without their values",
		ArgsUsage:   "[PREFIX]",
		Description: "Examples:\n\n    pylee secret list --env production\n    pylee secret list --provider aws prod/",
		Flags: append(append(storeFlags(inv), configFlags()[0], jsonFlag(inv)),
			&cli.StringFlag{Name: "provider", Usage: "list what the provider `NAME` of the config has, instead of the store"}),
		Action: func(c *cli.Context) error {
			if err := refuseEmpty(c, "provider"); err != nil {
				return err
			}
			if c.NArg() > 1 {
				return usagef("secret list takes one prefix")
			}
			if name := c.String("provider"); name != "" {
				return inv.listProvider(c, name, c.Args().First())
			}
			opened, err := inv.openStore(c)
			if err != nil {
				return err
			}
			list := slices.DeleteFunc(opened.List(), func(i store.Info) bool { return !strings.HasPrefix(i.Name, c.Args().First()) })
			return inv.printList(list)
		},
	}
}

func (inv *invocation) printList(list []store.Info) error {
	if inv.json {
		return inv.printListJSON(list)
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, info := range list {
		note := ""
		if !info.Expires.IsZero() {
			note = "\texpires " + info.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\tversion %d\t%s%s\n", info.Name, providers.Redacted, info.Version, info.Updated.Format(time.RFC3339), note) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// listedSecret is a line of secret list --json.
type listedSecret struct {
	Name        string     `json:"name"`
	Version     int        `json:"version"`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
	Expires     *time.Time `json:"expires,omitempty"`
	RotateAfter string     `json:"rotate_after,omitempty"`
}

func (inv *invocation) printListJSON(list []store.Info) error {
	out := make([]listedSecret, 0, len(list))
	for _, info := range list {
		l := listedSecret{Name: info.Name, Version: info.Version, Created: info.Created, Updated: info.Updated, RotateAfter: info.RotateAfter}
		if !info.Expires.IsZero() {
			l.Expires = &info.Expires
		}
		out = append(out, l)
	}
	return inv.writeJSON(out)
}

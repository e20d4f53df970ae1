package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

func secretListCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Aliases:     []string{"ls"},
		Usage:       "list the secrets of the store, without their values",
		ArgsUsage:   "[PREFIX]",
		Description: "   pylee secret list --env production\n   pylee secret list db/\n   pylee secret list --provider aws prod/",
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
			if list, err = visible(inv, c.String("env"), list, func(i store.Info) string { return i.Name }); err != nil {
				return err
			}
			return inv.printList(list)
		},
	}
}

// visible returns the items whose names the policies let be seen. Of the others nothing
// is said.
func visible[T any](inv *invocation, env string, list []T, name func(T) string) ([]T, error) {
	names := make([]string, len(list))
	for i, item := range list {
		names[i] = name(item)
	}
	verdicts, err := inv.permitStore(env, policy.List, "", names...)
	if err != nil && len(verdicts) == 0 {
		return nil, err
	}
	var seen []T
	for i, v := range verdicts {
		if v.Allowed {
			seen = append(seen, list[i])
		}
	}
	return seen, nil
}

func (inv *invocation) printList(list []store.Info) error {
	if inv.json {
		return inv.printListJSON(list)
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, info := range list {
		notes := []string{info.Updated.Format(time.RFC3339)}
		if !info.Expires.IsZero() {
			notes = append(notes, "expires "+info.Expires.Format(time.RFC3339))
		}
		if info.RotateAfter != "" {
			notes = append(notes, "rotate after "+info.RotateAfter)
		}
		for _, name := range slices.Sorted(maps.Keys(info.Labels)) {
			notes = append(notes, printable(name+"="+info.Labels[name]))
		}
		switch {
		case info.RotateNow:
			notes = append(notes, "rotation required")
		case rotationDue(info, time.Now()):
			notes = append(notes, "rotation due")
		}
		fmt.Fprintf(w, "%s\t%s\tversion %d\t%s\n", info.Name, providers.Redacted, info.Version, strings.Join(notes, "\t")) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// rotationDue tells whether the active version wants to be replaced.
func rotationDue(info store.Info, now time.Time) bool {
	return !info.RotateDue.IsZero() && !now.Before(info.RotateDue)
}

// listedSecret is an element of secret list --json.
type listedSecret struct {
	Name           string            `json:"name"`
	Version        int               `json:"version"`
	Created        time.Time         `json:"created"`
	Updated        time.Time         `json:"updated"`
	Expires        *time.Time        `json:"expires,omitempty"`
	RotateAfter    string            `json:"rotate_after,omitempty"`
	RotateRequired bool              `json:"rotate_required,omitempty"`
	RotateDue      bool              `json:"rotate_due,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
}

func (inv *invocation) printListJSON(list []store.Info) error {
	out := make([]listedSecret, 0, len(list))
	for _, info := range list {
		l := listedSecret{
			Name: info.Name, Version: info.Version, Created: info.Created, Updated: info.Updated,
			RotateAfter: info.RotateAfter, RotateRequired: info.RotateNow, RotateDue: rotationDue(info, time.Now()), Labels: info.Labels,
		}
		if !info.Expires.IsZero() {
			l.Expires = &info.Expires
		}
		out = append(out, l)
	}
	return inv.writeJSON(out)
}

func secretHistoryCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "history",
		Usage:       "list the versions of a secret, without their values",
		ArgsUsage:   "NAME",
		Description: secretHistoryDescription,
		Flags:       append(storeFlags(inv), jsonFlag(inv)),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret history takes one name")
			}
			if _, err := inv.permitStore(c.String("env"), policy.List, "", c.Args().First()); err != nil {
				return err
			}
			opened, err := inv.openStore(c)
			if err != nil {
				return err
			}
			defer opened.Close()
			list, err := opened.History(c.Args().First())
			if err != nil {
				return err
			}
			return inv.printHistory(list)
		},
	}
}

// pastVersion is an element of secret history --json.
type pastVersion struct {
	Version int        `json:"version"`
	State   string     `json:"state"`
	Active  bool       `json:"active"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	By      string     `json:"by,omitempty"`
	Note    string     `json:"note,omitempty"`
}

func (inv *invocation) printHistory(list []store.VersionInfo) error {
	out := make([]pastVersion, 0, len(list))
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, v := range list {
		p := pastVersion{Version: v.Version, State: v.State, Active: v.Active, Created: v.Created, By: v.By, Note: v.Note}
		if p.State == "" {
			p.State = "damaged"
		}
		state, notes := p.State, ""
		if v.Active && v.State != store.StateActive {
			state += ", active"
		}
		if !v.Expires.IsZero() {
			p.Expires = &v.Expires
			notes = "\texpires " + v.Expires.Format(time.RFC3339)
		}
		if v.Note != "" {
			notes += "\t" + printable(v.Note)
		}
		out = append(out, p)
		if !inv.json {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s%s\n", v.Version, state, v.Created.Format(time.RFC3339), printable(v.By), notes) //nolint:errcheck // Flush tells
		}
	}
	if inv.json {
		return inv.writeJSON(out)
	}
	return w.Flush()
}

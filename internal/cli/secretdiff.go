package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretDiffCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "diff",
		Usage:       "compare two environments or stores by names and equality",
		ArgsUsage:   "ENV|FILE ENV|FILE",
		Description: secretDiffDescription,
		Flags: append(commonFlags(inv), jsonFlag(inv),
			&cli.StringFlag{Name: "env", Aliases: []string{"e"}, Usage: "the environment `NAME` that a FILE is of"},
			&cli.StringFlag{Name: "identity", Usage: "open the stores with `FILE`, or fd:N (PYLEE_IDENTITY_FILE)"}),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usagef("secret diff takes two environments, or the files of two stores")
			}
			if err := refuseEmpty(c, "identity", "env"); err != nil {
				return err
			}
			return inv.secretDiff(c, c.Args().Get(0), c.Args().Get(1))
		},
	}
}

func (inv *invocation) secretDiff(c *cli.Context, from, to string) error {
	a, err := inv.openNamed(c, from)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := inv.openNamed(c, to)
	if err != nil {
		return err
	}
	defer b.Close()
	list := store.Diff(a, b)
	for _, what := range []string{from, to} {
		env := what
		if isStoreFile(what) {
			env = c.String("env")
		}
		if list, err = visible(inv, env, list, func(d store.Difference) string { return d.Name }); err != nil {
			return err
		}
	}
	if err := inv.printDiff(list); err != nil {
		return err
	}
	if len(list) > 0 {
		return status(exitFindings)
	}
	inv.say("%s and %s hold the same secrets", from, to)
	return nil
}

// isStoreFile tells a file from an environment.
func isStoreFile(what string) bool {
	return strings.Contains(what, "/") || strings.HasSuffix(what, ".age")
}

// openNamed opens the store of an environment, or a file.
func (inv *invocation) openNamed(c *cli.Context, what string) (*store.Store, error) {
	if isStoreFile(what) {
		return inv.inspect(c, inv.absolute(what), c.String("env"))
	}
	file := inv.storeFile(storeChoice{env: what, identity: c.String("identity")}, inv.projectDir(""))
	var err error
	if file.Keys, err = inv.heldKeys(file.Keys); err != nil {
		return nil, err
	}
	return file.Open()
}

func (inv *invocation) printDiff(list []store.Difference) error {
	if inv.json {
		type line struct {
			Name string `json:"name"`
			Kind string `json:"kind"`
		}
		lines := make([]line, len(list))
		for i, d := range list {
			lines[i] = line{d.Name, d.Kind}
		}
		return inv.writeJSON(lines)
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, d := range list {
		fmt.Fprintf(w, "%s\t%s\n", d.Name, d.Kind) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

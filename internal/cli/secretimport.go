package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

// incoming is a secret that is to be stored.
type incoming struct {
	name  string
	value []byte
	store.AddOptions
	status string // one of the constants
}

const (
	isNew     = "new"
	isChanged = "changed"
	isSame    = "same"
	isSkipped = "skipped"
)

func secretImportCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "import",
		Usage:       "take secrets over from a file, a directory, another store",
		ArgsUsage:   "FILE|DIRECTORY|-",
		Description: secretImportDescription,
		Flags: append(storeFlags(inv), jsonFlag(inv),
			&cli.StringFlag{Name: "from", Usage: strings.Join(importKinds, ", ") + "; else by the name"},
			&cli.StringFlag{Name: "prefix", Usage: "put `TEXT` before each name"},
			&cli.StringFlag{Name: "source-identity", Usage: "of a passage directory or a store: open it with `FILE`, or fd:N"},
			&cli.StringFlag{Name: "source-env", Usage: "of a store: the environment `NAME` that it is of"},
			boolFlag("skip-existing", "leave secrets alone that are stored already"),
			boolFlag("dry-run", "only show what would be done"),
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret import takes one file or directory, or - for stdin")
			}
			if err := refuseEmpty(c, "from", "source-identity", "source-env"); err != nil {
				return err
			}
			return inv.secretImport(c, c.Args().First())
		},
	}
}

func (inv *invocation) secretImport(c *cli.Context, source string) error {
	kind, err := inv.importKind(c.String("from"), source)
	if err != nil {
		return err
	}
	list, err := inv.readSource(c, kind, source)
	if err != nil {
		return sourceFailure(c, err)
	}
	for i := range list {
		list[i].name = c.String("prefix") + list[i].name
	}
	if err := checkIncoming(source, list); err != nil {
		return err
	}
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	if err := compareIncoming(file, list, c.Bool("skip-existing")); err != nil {
		return err
	}
	if !c.Bool("dry-run") {
		if err := inv.storeIncoming(c, file, list); err != nil {
			return err
		}
	}
	return inv.sayImported(c, kind, file, list)
}

// checkIncoming refuses what cannot be stored, all at once.
func checkIncoming(source string, list []incoming) error {
	var errs []error
	if len(list) == 0 {
		return &failure{message: source + ": holds no secret", hint: "what is it? pylee secret import --from KIND", code: exitFailed}
	}
	seen := map[string]bool{}
	for _, s := range list {
		switch err := store.CheckVersion(s.name, s.value, s.AddOptions); {
		case err != nil && !store.ValidName(s.name):
			errs = append(errs, &failure{place: source, message: fmt.Sprintf("%q cannot be the name of a secret: letters, digits and _ . / -, no \"..\"", printable(s.name)), hint: "rename it, or use --prefix", code: exitConfig})
		case err != nil:
			errs = append(errs, err)
		case seen[s.name]:
			errs = append(errs, &failure{place: source, message: s.name + " is there twice", code: exitConfig})
		}
		seen[s.name] = true
	}
	return errors.Join(errs...)
}

// compareIncoming says of each secret what storing it would do.
func compareIncoming(file store.File, list []incoming, skip bool) error {
	known := map[string]bool{}
	opened, err := file.Open()
	switch {
	case err == nil:
		defer opened.Close()
		for _, name := range listed(opened) {
			known[name] = true
		}
	case !missing(file.Path) || !errors.Is(err, providers.ErrNotFound):
		return err
	}
	for i := range list {
		s := &list[i]
		switch {
		case !known[s.name]:
			s.status = isNew
		case skip:
			s.status = isSkipped
		default:
			s.status = isChanged
			if found, err := opened.Lookup(s.name, 0); err == nil && found.Value.Equal(providers.NewValue(s.value)) {
				s.status = isSame
			}
		}
	}
	return nil
}

// storeIncoming stores what is new and what has changed, all or nothing.
func (inv *invocation) storeIncoming(c *cli.Context, file store.File, list []incoming) error {
	if !slices.ContainsFunc(list, incoming.stored) {
		return nil
	}
	var names []string
	for _, s := range list {
		if s.stored() {
			names = append(names, s.name)
		}
	}
	if _, err := inv.permitStore(c.String("env"), policy.Write, "", names...); err != nil {
		return err
	}
	return inv.updateNew(c.Context, file, func(e *store.Edit) error {
		var errs []error
		for _, s := range list {
			if s.stored() {
				_, err := e.Add(s.name, s.value, s.AddOptions)
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

func (s incoming) stored() bool { return s.status == isNew || s.status == isChanged }

func (inv *invocation) sayImported(c *cli.Context, kind string, file store.File, list []incoming) error {
	count := map[string]int{}
	references := 0
	for _, s := range list {
		count[s.status]++
		if strings.Contains(string(s.value), "${") {
			references++
		}
	}
	if err := inv.printImported(c.Bool("dry-run"), list); err != nil {
		return err
	}
	done := "imported into"
	if c.Bool("dry-run") {
		done = "nothing was stored; this would be, in"
	}
	inv.say("%s %s: %d new, %d changed, %d the same, %d skipped", done, file.Path, count[isNew], count[isChanged], count[isSame], count[isSkipped])
	if references > 0 && slices.Contains([]string{"dotenv", "json", "yaml"}, kind) {
		inv.say("%s with ${ in it: a secret is text, and references in it are not resolved", plural(references, "value"))
	}
	if source := c.Args().First(); !c.Bool("dry-run") && source != "-" && slices.Contains([]string{"dotenv", "json", "yaml", "dir"}, kind) {
		inv.hint("%s still holds the values in plaintext: once all works, rm -r %s", source, shellWord(source))
	}
	return nil
}

// printImported prints what happens to each name: with --dry-run or --json it is what
// was asked for.
func (inv *invocation) printImported(dry bool, list []incoming) error {
	type line struct {
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	lines := make([]line, len(list))
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for i, s := range list {
		lines[i] = line{s.name, s.status}
		if dry && !inv.json {
			fmt.Fprintf(w, "%s\t%s\n", s.name, s.status) //nolint:errcheck // Flush tells
		}
	}
	if inv.json {
		return inv.writeJSON(lines)
	}
	return w.Flush()
}

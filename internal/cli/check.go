package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

func checkCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "check",
		Usage:       "resolve everything, report every failure, run nothing",
		Description: checkDescription,
		Flags: append(append(append(commonFlags(inv), jsonFlag(inv)), sourceFlags()...),
			boolFlag("access", "print what the policies say about each secret, of the command behind --"),
			boolFlag("cost", "print how many calls to providers a month of watching takes")),
		Action: func(c *cli.Context) error {
			if c.Args().Present() && !c.Bool("access") {
				return usagef("check takes no argument; with --access the command that run would execute")
			}
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			s.everything, s.hold, s.returns = true, true, true
			return inv.check(s, checkOptions{cost: c.Bool("cost"), access: c.Bool("access"), argv: c.Args().Slice()})
		},
	}
}

// checkOptions say what check prints besides what is wrong.
type checkOptions struct {
	cost, access bool
	argv         []string // of the command that access is about
}

// checkReport is what check --json prints.
type checkReport struct {
	OK          bool         `json:"ok"`
	Environment string       `json:"environment,omitempty"`
	Configs     []string     `json:"configs"`
	Values      []checkValue `json:"values"`
	Errors      []report     `json:"errors"`
	Cost        []costLine   `json:"cost,omitempty"`
	Access      []verdict    `json:"access,omitempty"`
}

type checkValue struct {
	Name       string           `json:"name"`
	Secret     bool             `json:"secret"`
	References []checkReference `json:"references,omitempty"`
}

type checkReference struct {
	Reference string     `json:"reference"`
	Provider  string     `json:"provider"`
	Version   string     `json:"version,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
}

func (inv *invocation) check(s source, o checkOptions) error {
	a, snapshot, err := inv.resolve(s)
	if a != nil {
		defer inv.closeSources(a)
		err = errors.Join(err, refuseSecretArgs(a, snapshot), a.checkFiles(snapshot))
	}
	var verdicts []verdict
	if o.access && a != nil && a.sources != nil {
		asked, refused := inv.access(a, a.sources.plan, o.argv)
		verdicts, err = asked, errors.Join(err, refused)
	}
	if err != nil && (a == nil || !inv.json) {
		return err
	}
	r := checkReport{OK: err == nil, Configs: []string{}, Values: []checkValue{}, Errors: []report{}}
	r.Environment = a.cfg.Environment
	for _, source := range a.cfg.Sources {
		r.Configs = append(r.Configs, source.Path)
	}
	references := map[string]bool{}
	for _, entry := range snapshot.Entries() {
		r.Values = append(r.Values, checkedValue(entry, references))
	}
	for _, failed := range reportsOf(err) {
		failed.Reason, failed.Hint = inv.err.veil.cover(failed.Reason), inv.err.veil.cover(failed.Hint)
		r.Errors = append(r.Errors, failed)
	}
	r.Access = verdicts
	if o.cost {
		r.Cost = a.cost(snapshot)
	}
	if !inv.json {
		_, err = fmt.Fprintf(inv.stdio.Out, "ok: %s from %s\n", plural(len(r.Values), "value"), plural(len(references), "reference"))
		if err == nil && o.cost {
			err = inv.printCost(r.Cost)
		}
		if err == nil && o.access {
			err = inv.printAccess(verdicts)
		}
		return err
	}
	if failed := inv.writeJSON(r); failed != nil {
		return failed
	}
	if err != nil {
		return status(exitCode(r.Errors))
	}
	return nil
}

func checkedValue(entry resolve.Entry, references map[string]bool) checkValue {
	v := checkValue{Name: entry.Name, Secret: entry.Secret}
	for _, source := range entry.Sources {
		references[source.Reference] = true
		ref := checkReference{Reference: source.Reference, Provider: source.Provider, Version: source.Version}
		if !source.Expires.IsZero() {
			ref.Expires = &source.Expires
		}
		v.References = append(v.References, ref)
	}
	return v
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

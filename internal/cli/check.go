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
			boolFlag("cost", "print how many calls to providers a month of watching takes")),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("check takes no argument")
			}
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			s.everything, s.hold, s.returns = true, true, true
			return inv.check(s, c.Bool("cost"))
		},
	}
}

// checkReport is what check --json prints.
type checkReport struct {
	OK          bool         `json:"ok"`
	Environment string       `json:"environment,omitempty"`
	Configs     []string     `json:"configs"`
	Values      []checkValue `json:"values"`
	Errors      []report     `json:"errors"`
	Cost        []costLine   `json:"cost,omitempty"`
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

func (inv *invocation) check(s source, cost bool) error {
	a, snapshot, err := inv.resolve(s)
	if a != nil {
		defer inv.closeSources(a)
		err = errors.Join(err, refuseSecretArgs(a, snapshot), a.checkFiles(snapshot))
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
	if cost {
		r.Cost = a.cost(snapshot)
	}
	if !inv.json {
		_, err = fmt.Fprintf(inv.stdio.Out, "ok: %s from %s\n", plural(len(r.Values), "value"), plural(len(references), "reference"))
		if err == nil && cost {
			err = inv.printCost(r.Cost)
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

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

// withProvider opens a provider by the name of its instance or scheme, with the settings
// of the config, and lets use have it.
func (inv *invocation) withProvider(s source, name string, use func(context.Context, *assembly, providers.Provider) error) error {
	s.provider, s.hold = name, true
	a, _, err := inv.resolve(s)
	if a != nil {
		defer inv.closeSources(a)
	}
	if err != nil {
		return err
	}
	ctx := inv.guard.Context()
	p, err := a.sources.resolver.Provider(ctx, a.sources.plan, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return use(ctx, a, p)
}

// listProvider prints the secrets of a provider whose names begin with prefix.
func (inv *invocation) listProvider(c *cli.Context, name, prefix string) error {
	s := source{config: c.String("config"), env: c.String("env"), identity: c.String("identity"), timeout: resolve.DefaultTimeout.String()}
	return inv.withProvider(s, name, func(ctx context.Context, a *assembly, p providers.Provider) error {
		lister, ok := p.(providers.Lister)
		if !ok {
			return &failure{message: "the provider " + name + " cannot list its secrets", code: exitFailed}
		}
		front := "" // that of the instance, which references do not write
		for _, p := range a.cfg.Providers {
			if p.Name == name {
				front = p.Prefix
			}
		}
		list, err := lister.List(ctx, front+prefix)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range list {
			list[i].Name = strings.TrimPrefix(list[i].Name, front)
		}
		return inv.printInfos(list)
	})
}

// listedInfo is a line of secret list --provider --json.
type listedInfo struct {
	Name    string     `json:"name"`
	Version string     `json:"version,omitempty"`
	Created *time.Time `json:"created,omitempty"`
	Updated *time.Time `json:"updated,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func (inv *invocation) printInfos(list []providers.Info) error {
	if inv.json {
		known := func(t time.Time) *time.Time {
			if t.IsZero() {
				return nil
			}
			return &t
		}
		out := make([]listedInfo, 0, len(list))
		for _, i := range list {
			out = append(out, listedInfo{i.Name, i.Version, known(i.Created), known(i.Updated), known(i.Expires)})
		}
		return inv.writeJSON(out)
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, i := range list {
		version, updated := "", ""
		if i.Version != "" {
			version = "version " + plain(i.Version)
		}
		if !i.Updated.IsZero() {
			updated = i.Updated.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain(i.Name), providers.Redacted, version, updated) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// providerChecks are the checks of the providers that the config uses. They contact
// them, so only an allowed config has any.
type providerChecks struct {
	inv *invocation
	o   doctorOptions
}

// Check asks each provider how it would reach its source, and as whom.
func (c providerChecks) Check(context.Context) []finding {
	inv := c.inv
	f := findings{subject: "providers"}
	s := source{config: c.o.config, env: c.o.store.env, identity: c.o.store.identity, timeout: "10s", everything: true}
	a, err := inv.assemble(s)
	if a == nil || err != nil {
		f.ok("not asked: the config is not allowed, or has faults")
		return f.list
	}
	a.sources = inv.openSources(10 * time.Second)
	defer inv.closeSources(a)
	plan, err := resolve.Compile(a.inputs, resolve.Options{Scope: a.scope, Instances: inv.instances(a.cfg, s), Environment: a.cfg.Environment})
	if err != nil {
		f.ok("not asked: the config has faults")
		return f.list
	}
	kinds := map[string]string{}
	for _, r := range plan.References() {
		kinds[r.Provider] = r.Kind
	}
	for _, p := range a.cfg.Providers {
		kinds[p.Name] = p.Kind
	}
	names := slices.DeleteFunc(usedProviders(a.cfg, plan), func(name string) bool {
		return slices.Contains([]string{"env", "var", "file", "dir", "cred", "local"}, cmp.Or(kinds[name], name))
	})
	if len(names) == 0 {
		f.ok("no reference needs one that has to be asked")
	}
	for _, name := range names {
		err := inv.withProvider(s, name, func(ctx context.Context, _ *assembly, p providers.Provider) error {
			d, ok := p.(providers.Doctor)
			if !ok {
				f.ok("%s: has no checks of its own", name)
				return nil
			}
			for _, found := range d.Check(ctx) {
				f.list = append(f.list, finding{Level: found.Level, Subject: f.subject, Detail: name + ": " + found.Subject + ": " + found.Detail, Hint: found.Hint})
			}
			return nil
		})
		f.errors(levelFail, err)
	}
	return f.list
}

package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

// usedProviders returns names of providers, first, and those of references, each followed by
// the ones that may answer for it.
func usedProviders(cfg *config.Config, plan *resolve.Plan, first ...string) []string {
	names := slices.Clone(first)
	for _, reference := range plan.References() {
		names = append(names, reference.Provider)
	}
	var used []string
	for i := 0; i < len(names); i++ {
		if slices.Contains(used, names[i]) {
			continue
		}
		used = append(used, names[i])
		for _, p := range cfg.Providers {
			if p.Name == names[i] {
				names = slices.Insert(names, i+1, p.Fallback...)
			}
		}
	}
	return used
}

// settings are the texts of provider blocks, resolved.
type settings []*resolve.Snapshot

// Entry returns the entry of the input called name.
func (s settings) Entry(name string) (resolve.Entry, bool) {
	for _, snapshot := range s {
		if entry, ok := snapshot.Entry(name); ok {
			return entry, ok
		}
	}
	return resolve.Entry{}, false
}

// resolveSettings resolves the texts of provider blocks. They decide which program runs
// and who is spoken to, so ${NAME} in one never means what a .env file says, and in one
// of the user's own configs nothing that a config says which was found in a directory.
func (a *assembly) resolveSettings(ctx context.Context, inputs []resolve.Input, o resolve.Options) (settings, error) {
	var trusted, found []resolve.Input
	for _, in := range inputs {
		if in.Confine == "" {
			trusted = append(trusted, in)
		} else {
			found = append(found, in)
		}
	}
	own, all := resolve.Scope{}, resolve.Scope{}
	for _, layer := range o.Scope {
		if layer.Name == layerDotenv {
			continue
		}
		all = append(all, layer)
		texts := map[string]resolve.Input{}
		for name, in := range layer.Texts {
			if in.Confine == "" {
				texts[name] = in
			}
		}
		layer.Texts = texts
		own = append(own, layer)
	}
	var resolved settings
	for _, part := range []struct {
		inputs []resolve.Input
		scope  resolve.Scope
	}{{trusted, own}, {found, all}} {
		o.Scope = part.scope
		plan, err := resolve.Compile(part.inputs, o)
		if err != nil {
			return nil, err
		}
		snapshot, err := a.sources.resolver.Resolve(ctx, plan)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, snapshot)
	}
	return resolved, nil
}

// setUp gives the providers their settings, unless one is shown and holds a secret.
func (inv *invocation) setUp(a *assembly, s source, instances map[string]resolve.Instance, needed []resolve.Input, resolved settings) error {
	for _, in := range needed {
		if entry, ok := resolved.Entry(in.Name); ok {
			inv.err.veil.hide(in.Text, string(entry.Value.Reveal()))
		}
	}
	if errs := refuseSecretSettings(needed, resolved); len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, p := range a.cfg.Providers {
		fillSettings(instances, p, resolved)
		if block := instances[p.Name].Settings; s.returns && block["lease"] == "unmanaged" {
			block["lease"] = "managed"
		}
	}
	return nil
}

// fillSettings lays the block of p, with its texts resolved, over what pylee itself
// has to tell the provider.
func fillSettings(instances map[string]resolve.Instance, p config.Provider, resolved settings) {
	instance := instances[p.Name]
	settings := settingsOf(p, resolved)
	for key, value := range instance.Settings {
		if _, own := settings[key]; !own {
			settings[key] = value
		}
	}
	instance.Settings = settings
	instances[p.Name] = instance
}

func settingInputs(cfg *config.Config, p config.Provider) []resolve.Input {
	var inputs []resolve.Input
	for path, node := range config.Strings("providers."+p.Name, p.Settings) {
		inputs = append(inputs, textInput(path, cfg.Text(node), resolve.ForSetting))
	}
	return inputs
}

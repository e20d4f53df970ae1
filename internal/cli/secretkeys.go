package cli

import (
	"encoding/json"
	"strconv"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
)

// configured lays over keys what opens stores besides an identity in a file: what the
// environment says, else the block providers.local of the user's, the system's or the
// named config. That of a project is not asked: it would have programs run that nobody
// allowed. keep is how many versions the block wants kept; 0: it does not say.
func (inv *invocation) configured(keys store.Keys) (_ store.Keys, keep int, err error) {
	o := inv.configOptions("", "")
	o.Own, o.Env = true, ""
	cfg, err := config.Load(o)
	if err != nil {
		return keys, 0, err
	}
	env := store.Keys{}.FromEnviron(inv.env)
	keys.Command, keys.Plugins, keys.SSH = env.Command, env.Plugins, env.SSH
	for _, p := range cfg.Providers {
		if p.Name == "local" && p.Kind == "local" {
			block, _ := config.Plain(p.Settings).(map[string]any) //nolint:errcheck // another shape was refused above
			return fromBlock(keys, block)
		}
	}
	return keys, 0, nil
}

func fromBlock(keys store.Keys, block map[string]any) (_ store.Keys, keep int, err error) {
	for _, list := range []struct {
		name string
		of   *[]string
	}{{"identity_command", &keys.Command}, {"age_plugins", &keys.Plugins}} {
		v, there := block[list.name]
		words, ok := store.Words(v)
		if there && !ok {
			return keys, 0, &failure{message: "providers.local." + list.name + ": must be a list of strings", hint: "pylee explain providers", code: exitConfig}
		}
		if len(*list.of) == 0 {
			*list.of = words
		}
	}
	if file, ok := block["ssh_identity"].(string); ok && keys.SSH == "" {
		keys.SSH = file
	}
	if v, there := block["keep"]; there {
		n, _ := v.(json.Number)
		if keep, err = strconv.Atoi(string(n)); err != nil || keep < 1 || keep > 1000 {
			return keys, 0, &failure{message: "providers.local.keep: must be a number from 1 to 1000", hint: "keep: 10", code: exitConfig}
		}
	}
	return keys, keep, nil
}

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

const systemConfig = "/etc/pylee"

func (inv *invocation) uid() int { return os.Geteuid() }

// loadConfig reads the config that named, or PYLEE_CONFIG, or the working directory
// leads to, and lays the environment over it.
func (inv *invocation) loadConfig(named, env string) (*config.Config, error) {
	if err := inv.checkEnvironment(env); err != nil {
		return &config.Config{Dir: inv.dir}, err
	}
	cfg, err := config.Load(inv.configOptions(named, env))
	for _, s := range cfg.Sources {
		inv.debugf("config: %s (%s)", s.Path, s.Layer)
	}
	return cfg, err
}

func (inv *invocation) configOptions(named, env string) config.Options {
	if named == "" {
		named = inv.env["PYLEE_CONFIG"]
	}
	return config.Options{
		Named: named, Dir: inv.dir, Home: inv.home, System: systemConfig,
		Env: inv.environment(env), Schemes: schemeSettings(), UID: inv.uid(),
	}
}

// checkEnvironment refuses what cannot be the name of an environment.
func (inv *invocation) checkEnvironment(flag string) error {
	name := inv.environment(flag)
	if name != "" && !store.ValidEnvironment(name) {
		return &failure{message: "--env, PYLEE_ENV: the name of an environment has letters, digits, _, . and -", hint: "pylee run --env production -- COMMAND", code: exitConfig}
	}
	return nil
}

// environment is the active environment: the flag, else PYLEE_ENV.
func (inv *invocation) environment(flag string) string {
	if flag != "" {
		return flag
	}
	return inv.env["PYLEE_ENV"]
}

// schemeSettings tells the config which keys the block of a provider may have.
func schemeSettings() map[string][]string {
	m := make(map[string][]string, len(providers.Table))
	for _, s := range providers.Table {
		m[s.Kind] = append(append([]string{}, providers.CommonSettings...), s.Settings...)
	}
	return m
}

// inheritedReference returns the input for an inherited variable that holds
// references and was asked for with --env-refs. Others pass unchanged: in CI a
// branch name is a variable, and nobody is to spend pylee's credentials by naming a
// branch.
func inheritedReference(name, value string, refs envRefs, cfg *config.Config) (resolve.Input, bool) {
	if !refs.wants(name) || !resolve.HasReference(value, knownProvider(cfg)) {
		return resolve.Input{}, false
	}
	return resolve.Input{
		Name: name, Text: value, Use: resolve.ForEnv,
		Origin: flagOrigin{"environment", 0},
	}, true
}

func knownProvider(cfg *config.Config) func(string) bool {
	return func(name string) bool {
		if _, ok := providers.Find(name); ok {
			return true
		}
		for _, p := range cfg.Providers {
			if p.Name == name {
				return true
			}
		}
		return false
	}
}

// unserved refuses what a config asks for and this version does not do. Going on
// without it would start a child that lacks what its config promises.
func unserved(cfg *config.Config) error {
	var errs []error
	for _, part := range cfg.Unserved() {
		errs = append(errs, &format.Error{
			Pos: part.Pos, Message: part.Key + ": this version cannot do it",
			Hint: "remove the key, or set it to null in the environment at hand",
		})
	}
	return errors.Join(errs...)
}

// parseDuration reads a Go duration, or days: 90d, 1d12h.
func parseDuration(flag, text string) (time.Duration, error) {
	d, ok := config.ParseDuration(text)
	if !ok || d <= 0 {
		return 0, usagef("--%s takes a duration such as 30s or 2m", flag)
	}
	return d, nil
}

// settingsOf turns a provider block into plain data, with its texts replaced by
// what they resolved to.
func settingsOf(p config.Provider, resolved settings) map[string]any {
	plain, isMap := config.Plain(p.Settings).(map[string]any)
	if !isMap {
		return map[string]any{}
	}
	return replaceTexts("providers."+p.Name, plain, resolved).(map[string]any)
}

func replaceTexts(path string, v any, resolved settings) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = replaceTexts(path+"."+key, member, resolved)
		}
		return v
	case []any:
		for i, item := range v {
			v[i] = replaceTexts(fmt.Sprintf("%s[%d]", path, i), item, resolved)
		}
		return v
	case string:
		if entry, ok := resolved.Entry(path); ok {
			return string(entry.Value.Reveal())
		}
		return v
	case json.Number, bool, nil:
		return v
	}
	return v
}

// hintInherited tells of inherited variables that look like references.
func (inv *invocation) hintInherited(a *assembly) {
	known := knownProvider(a.cfg)
	var names []string
	for _, entry := range inv.environ {
		name, value, _ := strings.Cut(entry, "=")
		if !a.refs.wants(name) && resolve.HasReference(value, known) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		inv.hint("inherited variables hold references and were passed on as they are: %s; resolve them with --env-refs=%s",
			strings.Join(names, " "), strings.Join(names, ","))
	}
}

// hintArguments tells of arguments that look like references: they are no templates.
func (inv *invocation) hintArguments(a *assembly, argv []string) {
	known := knownProvider(a.cfg)
	for i, arg := range argv {
		if resolve.HasReference(arg, known) {
			inv.hint("argument %d holds a reference and was passed on as it is: every user of the machine can read arguments; use --set NAME='${...}', or files: in a config", i)
		}
	}
}

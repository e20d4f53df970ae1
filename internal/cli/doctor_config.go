package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/trust"
	"github.com/pyleeai/pylee/resolve"
)

// checkConfig tells which files were read and why, what is wrong with them, and
// whether they may be used.
func (inv *invocation) checkConfig(f *findings, o doctorOptions, cfg *config.Config, loaded error) {
	if inv.dir == "" {
		f.warn("cd /", "the working directory is gone or cannot be found out; no config is looked for")
	}
	for _, s := range cfg.Sources {
		f.ok("%s: %s", printable(s.Path), inv.whyRead(o, s))
	}
	for _, s := range cfg.Templates {
		f.ok("%s: a template of the config", printable(s.Path))
	}
	if len(cfg.Sources) == 0 && loaded == nil && inv.dir != "" {
		f.add(levelOK, "pylee init", "none was found from "+printable(inv.dir)+" upwards; run works without one")
	}
	f.errors(levelFail, loaded)
	_, err := blocksOf(cfg)
	if err := errors.Join(unserved(cfg), err); err != nil {
		f.errors(levelFail, err)
	}
	inv.checkCache(f, cfg)
	found, err := inv.dotenvOf(cfg)
	f.errors(levelFail, err)
	if len(cfg.Sources) > 0 {
		f.ok("%s", contents(cfg))
		checkActive(f, cfg)
	}
	if loaded == nil {
		inv.checkConsent(f, cfg, found)
	}
}

// whyRead tells how a file came to be read.
func (inv *invocation) whyRead(o doctorOptions, s config.Source) string {
	switch s.Layer {
	case "named":
		if o.config != "" {
			return "named with --config"
		}
		return "named by PYLEE_CONFIG"
	case "user":
		return "the config of the user"
	case "system":
		return "the config of the system"
	case "extends":
		return "extended by another"
	}
	if s.Dir == inv.dir {
		return "found in the working directory"
	}
	return "found above the working directory"
}

func contents(cfg *config.Config) string {
	parts := []string{plural(len(cfg.Env), "variable")}
	for _, p := range []struct {
		n    int
		noun string
	}{{len(cfg.Commands), "command"}, {len(cfg.Servers), "server"}, {len(cfg.Providers), "provider block"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.noun))
		}
	}
	return "it defines " + strings.Join(parts, ", ")
}

func checkActive(f *findings, cfg *config.Config) {
	defined := "it defines no environments"
	if len(cfg.Environments) > 0 {
		defined = "it defines " + printable(strings.Join(cfg.Environments, " "))
	}
	if cfg.Environment == "" {
		f.ok("no environment is active; %s", defined)
		return
	}
	f.ok("the environment %s is active; %s", printable(cfg.Environment), defined)
}

// checkConsent tells whether run would accept the config.
func (inv *invocation) checkConsent(f *findings, cfg *config.Config, found []named) {
	c, needed := consentFor(cfg, found)
	if !needed {
		if len(cfg.Sources) > 0 {
			f.ok("it needs no consent: it was named, or belongs to root or to your own configs")
		}
		return
	}
	for _, line := range sentLogins(cfg) {
		f.ok("%s: %s", printable(c.main.Shown), printable(line))
	}
	v := inv.records().Judge(c.Subject)
	if v.Warning != "" {
		f.warn("rm "+shellWord(inv.records().Path(c.Path))+"; "+allowCommandLine(c.Env), "a record of what is allowed is ignored: %s", printable(v.Warning))
	}
	if v.State == trust.Allowed {
		f.ok("%s was allowed %s", printable(c.main.Path), when(v.Since))
		return
	}
	r := reportOf(inv.refusal(c, v))
	detail := r.text
	if n := len(r.Changes); n > 0 {
		detail += fmt.Sprintf("; %s in what it can do", plural(n, "difference"))
	}
	f.fail(r.Hint, "%s", detail)
}

// usesStore tells whether a text of the config refers to the local store.
func usesStore(cfg *config.Config) bool {
	local := cfg.SecretProvider == nil || cfg.SecretProvider.Value == "local"
	for _, t := range (&facts{cfg: cfg}).texts() {
		if t == nil {
			continue
		}
		for _, ref := range referencesOf(t.Value) {
			provider, _, _ := strings.Cut(strings.TrimPrefix(ref, "${"), ":")
			if provider == "local" || provider == "secret" && local {
				return true
			}
		}
	}
	return false
}

// inherits returns the inherited variables that hold references.
func (inv *invocation) inherits(cfg *config.Config) []string {
	known := knownProvider(cfg)
	var names []string
	for _, entry := range inv.environ {
		if name, value, _ := strings.Cut(entry, "="); resolve.HasReference(value, known) {
			names = append(names, name)
		}
	}
	return names
}

// inProject is a directory beside the project's config, or empty.
func inProject(project string, names ...string) string {
	if project == "" {
		return ""
	}
	return filepath.Join(append([]string{project}, names...)...)
}

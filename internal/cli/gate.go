package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/internal/trust"
	"github.com/pyleeai/pylee/resolve"
)

// untrusted is the refusal of a config that was found in a directory and that nobody
// has allowed as it is.
type untrusted struct {
	path    string // as messages name it
	reason  string
	changes []string // below the message
	hint    string
}

func (u *untrusted) Error() string { return u.path + ": " + u.reason }

func (inv *invocation) records() trust.Records {
	dir := store.StateDir(inv.home, inv.env["XDG_STATE_HOME"])
	if dir != "" {
		dir = filepath.Join(dir, "allow")
	}
	return trust.Records{Dir: dir, UID: inv.uid()}
}

// consent is what has to be allowed, and the file that messages name.
type consent struct {
	trust.Subject
	main  config.Source
	facts func() []string // not looked at in the usual case
}

// consentFor returns what of cfg needs consent; false: nothing does. found are the
// variables of the .env files that cfg names.
func consentFor(cfg *config.Config, found []named) (consent, bool) {
	configs, templates := cfg.Discovered()
	if len(configs) == 0 {
		return consent{}, false
	}
	c := consent{main: configs[len(configs)-1]}
	c.Path, c.Env = c.main.Path, cfg.Environment
	for _, s := range append(configs[:len(configs):len(configs)], templates...) {
		c.Files = append(c.Files, trust.File{Path: s.Path, Real: s.Real, Hash: s.Hash})
	}
	for _, n := range found {
		// Values of .env files change all the time, and are not what a config does.
		// The references in them are: they spend the credentials of the user.
		if refs := referencesOf(n.input.Text); len(refs) > 0 {
			c.More = append(c.More, n.name+" "+strings.Join(refs, " "))
		}
	}
	c.More = append(c.More, decidingNames(cfg, found).fingerprint()...)
	c.More = append(c.More, sentLogins(cfg)...)
	c.facts = func() []string { return factsOf(cfg, found) }
	return c, true
}

// gate refuses a discovered config unless it is allowed as it was read. Nothing may be
// resolved, run or written before it has passed.
func (inv *invocation) gate(cfg *config.Config, found []named) error {
	c, needed := consentFor(cfg, found)
	if !needed {
		return nil
	}
	v := inv.judge(c)
	if v.State == trust.Allowed {
		inv.debugf("trust: %s was allowed %s", c.main.Path, when(v.Since))
		return nil
	}
	return inv.refusal(c, v)
}

// admit is gate for a config that was loaded with an error. One that has faults was
// not allowed as it is, and what it says is not even looked at until they are mended.
func (inv *invocation) admit(cfg *config.Config, found []named, loaded error) error {
	if configs, _ := cfg.Discovered(); len(configs) > 0 && loaded != nil {
		return loaded
	}
	return inv.gate(cfg, found)
}

func (inv *invocation) judge(c consent) trust.Verdict {
	v := inv.records().Judge(c.Subject)
	if v.Warning != "" {
		inv.say("a record of what is allowed was ignored: %s", printable(v.Warning))
	}
	return v
}

func (inv *invocation) refusal(c consent, v trust.Verdict) error {
	u := &untrusted{path: printable(c.main.Shown), hint: allowCommandLine(c.Env)}
	switch v.State {
	case trust.Changed:
		u.reason, u.changes = "changed since it was allowed "+when(v.Since), trust.Diff(v.Facts, c.facts())
		if len(u.changes) == 0 {
			u.reason += "; what it can do is the same"
		}
		u.hint += ", which shows what it can do and asks"
	case trust.Denied:
		u.reason = "denied " + when(v.Since)
		u.hint += ", if you changed your mind"
	default:
		u.reason = "not allowed yet: it was found in a directory, and may have come from anybody"
		if c.Env != "" {
			u.reason = "not allowed yet for the environment " + printable(c.Env) + ": it was found in a directory, and may have come from anybody"
		}
		u.hint += ", which shows what it can do and asks; --config FILE names one that you trust"
	}
	return u
}

// allowCommandLine is the command to paste.
func allowCommandLine(env string) string {
	if env == "" {
		return "pylee allow"
	}
	return "pylee allow --env " + shellWord(env)
}

// noteConsent tells that a config would be refused by the commands that use it.
func (inv *invocation) noteConsent(cfg *config.Config) {
	found, _ := inv.dotenvOf(cfg) //nolint:errcheck // what uses the files reports it
	c, needed := consentFor(cfg, found)
	if !needed {
		return
	}
	if v := inv.judge(c); v.State != trust.Allowed {
		inv.hint("%s is not allowed as it is: %s", printable(c.main.Shown), allowCommandLine(c.Env))
	}
}

func when(t time.Time) string { return "on " + t.Local().Format("2006-01-02 15:04:05") }

// dotenvOf reads the .env files that the config names.
func (inv *invocation) dotenvOf(cfg *config.Config) ([]named, error) {
	var paths []dotenvPath
	var errs []error
	for _, text := range cfg.EnvFiles {
		path := dotenvPath{path: text.Value, confine: text.Confine, by: text}
		if !filepath.IsAbs(path.path) {
			path.path = filepath.Join(text.Dir, path.path)
		}
		if path.confine != "" && !config.Below(path.confine, filepath.Clean(path.path)) {
			errs = append(errs, outsideProject(text.At(0), "env_files"))
			continue
		}
		paths = append(paths, path)
	}
	list, err := inv.readDotenv(paths)
	return list, errors.Join(append(errs, err)...)
}

// referencesOf returns the references to providers in a text, canonical and in order.
func referencesOf(text string) []string {
	t, err := resolve.Parse(text)
	if err != nil {
		return nil
	}
	var refs []string
	for x := range t.Exprs() {
		if x.Provider != "" && x.Provider != "env" && x.Provider != "var" {
			refs = append(refs, x.Canonical())
		}
	}
	return refs
}

func outsideProject(place, key string) error {
	return &failure{
		message: fmt.Sprintf("%s: %s: leads out of the directory of the config", place, key),
		hint:    "name the config with --config, or the file with --env-file", code: exitConfig,
	}
}

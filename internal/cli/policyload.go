package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// policyNames are the files of the machine's own policy, which no config takes away.
// Of more than one all count.
var policyNames = []string{"policy.yaml", "policy.yml", "policy.json"}

// guardrail is what the policies say about who runs pylee, with one config. Nil: there
// is no policy.
type guardrail struct {
	policies []*policy.Policy
	subject  policy.Subject
	cfg      *config.Config
}

// guardrail reads the policies: that of the machine and the one that cfg names. It is
// nil if there is none.
func (inv *invocation) guardrail(cfg *config.Config) (*guardrail, error) {
	paths, err := inv.policyPaths(cfg)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	g := &guardrail{subject: inv.self(), cfg: cfg}
	var errs []error
	for _, path := range paths {
		p, err := inv.readPolicy(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		g.policies = append(g.policies, p)
		inv.debugf("policy: %s (%s)", path, plural(len(p.Rules), "rule"))
	}
	return g, errors.Join(errs...)
}

// policyPaths returns the absolute paths of the policies at hand.
func (inv *invocation) policyPaths(cfg *config.Config) ([]string, error) {
	var paths []string
	for _, name := range policyNames {
		path := filepath.Join(systemConfig, name)
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) { // what cannot be seen may be there
			paths = append(paths, path)
		}
	}
	own, err := inv.namedPolicy(cfg)
	if own != "" && !slices.Contains(paths, own) {
		paths = append(paths, own)
	}
	return paths, err
}

// namedPolicy decodes the key policy of a config:
//
//	policy: FILE                   # relative to the config; ~/ is the home directory
//	policy: {file: FILE, enabled: true}
//	policy: off
func (inv *invocation) namedPolicy(cfg *config.Config) (string, error) {
	n := cfg.Policy
	if n == nil || n.Kind == format.Null || n.Kind == format.String && (n.Text == "off" || n.Text == "false") {
		return "", nil
	}
	d := &policyDecoder{}
	if n.Kind == format.Map {
		m := d.members(n, "policy: ", "file", "enabled")
		enabled := m["enabled"]
		if enabled != nil && enabled.Kind != format.Bool {
			d.fault(enabled.Pos, "", "policy.enabled: must be true or false")
		}
		off := enabled != nil && enabled.Text == "false"
		if m["file"] == nil && !off {
			d.fault(n.Pos, "policy: policy.yaml", "policy: names no file")
		}
		if n = m["file"]; n == nil || off {
			return "", errors.Join(d.errs...)
		}
	}
	path := d.text(n, "policy")
	if strings.Contains(path, "${") {
		d.fault(n.Pos, "write the path as it is", "policy: references are not resolved here")
	}
	if len(d.errs) > 0 {
		return "", errors.Join(d.errs...)
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok && inv.home != "" {
		return filepath.Join(inv.home, rest), nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.Text(n).Dir, path)
	}
	return path, nil
}

// readPolicy reads one policy. As with configs nobody but the user and root may be able
// to write it.
func (inv *invocation) readPolicy(path string) (*policy.Policy, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(inv.dir, path)
	}
	if ext := filepath.Ext(path); !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
		return nil, &failure{place: path, message: "a policy is a .yaml or a .json file", code: exitConfig}
	}
	data, err := config.ReadFile(path, path, inv.uid())
	if err != nil {
		return nil, err
	}
	return parsePolicy(path, data)
}

// names returns what the secret of a reference is called: as it is written, by the
// instance that answers, and by the kind of that with the prefix of the instance. A
// rule about any of them is about it. References that are asked elsewhere while an
// instance is down have the names of those too.
func (g *guardrail) names(canonical string) []string { return referenceNames(g.cfg, canonical) }

func referenceNames(cfg *config.Config, canonical string) []string {
	names := []string{canonical}
	scheme, rest, ok := strings.Cut(strings.TrimPrefix(canonical, "${"), ":")
	if !ok {
		return names
	}
	if scheme == "secret" {
		scheme = "local"
		if cfg.SecretProvider != nil {
			scheme = cfg.SecretProvider.Value
		}
	}
	if scheme == "local" && canonical != "${secret:"+rest && (cfg.SecretProvider == nil || cfg.SecretProvider.Value == "local") {
		names = append(names, "${secret:"+rest) // what it is called everywhere else
	}
	for _, name := range usedProviders(cfg, &resolve.Plan{}, scheme) {
		kind, prefix := name, ""
		for _, p := range cfg.Providers {
			if p.Name == name {
				kind, prefix = p.Kind, p.Prefix
			}
		}
		for _, other := range []string{"${" + name + ":" + rest, "${" + kind + ":" + providers.QuoteName(prefix) + rest} {
			if !slices.Contains(names, other) {
				names = append(names, other)
			}
		}
	}
	return names
}

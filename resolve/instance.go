package resolve

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Instance is a configured provider.
type Instance struct {
	Name     string // in references
	Kind     string // scheme; a name that is a scheme configures that scheme
	Prefix   string // put before every name that is asked for
	Settings map[string]any

	// Fallback names instances or schemes that are asked in turn when this one is
	// unavailable or throttles, never otherwise.
	Fallback []string

	Timeout time.Duration // for one fetch; zero: that of the resolver, or fallbackAfter with a fallback
	Origin  Origin        // may be nil
}

// fallbackAfter is how long an instance that has a fallback and no timeout of its own
// may take.
const fallbackAfter = 5 * time.Second

// target is what the name of a provider in a reference stands for.
type target struct {
	name     string // instance, or the scheme where nothing is configured
	scheme   providers.Scheme
	instance Instance
	secret   bool // may hold secrets
}

// fromScope tells whether the layers of the scope answer, and no driver.
func (t *target) fromScope() bool {
	return t != nil && (t.scheme.Kind == "env" || t.scheme.Kind == "var")
}

// key returns what the driver is asked for a name written in a text of the place at.
func (t *target) key(name string, at place, o providers.Options) providers.Key {
	name = t.instance.Prefix + name
	home := name == "~" || strings.HasPrefix(name, "~/")
	if t.scheme.Path && at.dir != "" && !home && !filepath.IsAbs(name) {
		name = filepath.Join(at.dir, name)
	}
	key := providers.Key{Name: name, Options: o}
	if t.scheme.Path {
		key.Below = at.confine
	}
	return key
}

// instances binds the names of providers, and reports instances that cannot be used.
func (c *compiler) instances() {
	c.plan.targets = make(map[string]*target)
	var configured []string
	for _, name := range sortedKeys(c.options.Instances) {
		in := c.options.Instances[name]
		in.Name = name
		if err := checkInstance(in); err != nil {
			c.blame(in, err)
		}
		s, ok := providers.Find(in.Kind)
		if !ok || s.Kind == "secret" {
			continue
		}
		c.plan.targets[name] = &target{name: name, scheme: s, instance: in, secret: !s.Public}
		if _, scheme := providers.Find(name); !scheme {
			configured = append(configured, name)
		}
	}
	for _, s := range providers.Table {
		if _, ok := c.plan.targets[s.Kind]; !ok && !s.Block {
			c.plan.targets[s.Kind] = &target{name: s.Kind, scheme: s, secret: !s.Public}
		}
		if _, ok := c.plan.targets[s.Kind]; ok {
			c.known = append(c.known, s.Kind)
		}
	}
	c.known = append(c.known, configured...)
	c.fallbacks()
	c.alias()
}

// blame reports what is wrong with an instance.
func (c *compiler) blame(in Instance, err error) {
	u := &unit{Input: Input{Name: "providers." + in.Name, Origin: in.Origin}}
	c.report(u, u.problem(err))
}

func checkInstance(in Instance) error {
	if !isProvider(in.Name) {
		return invalid("the name of a provider is a lower-case letter followed by lower-case letters, digits and _")
	}
	if in.Name == "secret" {
		return invalid("secret: is a name for another provider; set secret_provider")
	}
	s, ok := providers.Find(in.Kind)
	if !ok || s.Kind == "secret" {
		kinds := make([]string, 0, len(providers.Table))
		for _, s := range providers.Table {
			if s.Kind != "secret" {
				kinds = append(kinds, s.Kind)
			}
		}
		return invalid("unknown type %q %s", in.Kind, suggest(in.Kind, kinds))
	}
	if named, ok := providers.Find(in.Name); ok && named.Kind != in.Kind {
		return invalid("type %s under the name of another scheme; choose another name", in.Kind)
	}
	return nil
}

func (c *compiler) fallbacks() {
	for _, name := range sortedKeys(c.options.Instances) {
		in := c.options.Instances[name]
		in.Name = name
		for _, other := range in.Fallback {
			t, ok := c.plan.targets[other]
			switch {
			case other == name:
				c.blame(in, invalid("fallback to itself"))
			case other == "secret" || t.fromScope():
				c.blame(in, invalid("%s cannot be a fallback", other))
			case !ok:
				c.blame(in, invalid("unknown fallback %q %s", other, suggest(other, c.known)))
			}
		}
	}
}

// alias binds secret: to the provider that it stands for.
func (c *compiler) alias() {
	of := c.options.SecretProvider
	if of == "" {
		of = "local"
	}
	t, ok := c.plan.targets[of]
	if !ok || of == "secret" {
		delete(c.plan.targets, "secret")
		where := ""
		if c.options.Environment != "" {
			where = fmt.Sprintf(" of environment %s", c.options.Environment)
		}
		others := make([]string, 0, len(c.known))
		for _, name := range c.known {
			if name != "secret" {
				others = append(others, name)
			}
		}
		u := &unit{Input: Input{Name: "secret_provider"}}
		c.report(u, u.problem(invalid("unknown provider %q%s %s", of, where, suggest(of, others))))
		return
	}
	alias := *t
	alias.secret = true
	c.plan.targets["secret"] = &alias
}

package resolve

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// expr checks what can be known of one expression without resolving anything.
func (c *compiler) expr(u *unit, x *Expr) {
	if x.Name != "" {
		return
	}
	t, ok := c.plan.targets[x.Provider]
	if !ok {
		if x.Provider != "secret" { // reported once, as secret_provider
			c.report(u, c.unknown(u, x))
		} else {
			u.broken = append(u.broken, c.aliasProblem())
		}
		return
	}
	if !t.fromScope() {
		c.plan.references++
	}
	if u.Use == ForSetting && !inSetting(x) {
		c.report(u, u.problemAt(x, x.Offset, invalid("%s: %s", x.Label(), settingRule)))
	}
	if err := leaves(u, x, t); err != nil {
		c.report(u, u.problemAt(x, x.Offset, err))
	}
	for _, o := range x.Options {
		if err := checkOption(x, t, o); err != nil {
			c.report(u, u.problemAt(x, o.Offset, err))
		}
	}
	if x.Field != nil && x.Field.Pointer {
		if text, ok := plainText(x.Field.Parts); ok {
			if _, err := pointer(text); err != nil {
				c.report(u, u.problemAt(x, x.Field.Offset, err))
			}
		}
	}
}

// unknown is the problem of a provider that does not exist or cannot be used.
func (c *compiler) unknown(u *unit, x *Expr) *Problem {
	if s, ok := providers.Find(x.Provider); ok {
		return u.problemAt(x, x.Offset, &providers.Error{
			Kind:   providers.ErrInvalid,
			Detail: "provider " + s.Kind + " needs a block in the config, under providers",
		})
	}
	p := u.problemAt(x, x.Offset, invalid("unknown provider %q %s", x.Provider, suggest(x.Provider, c.known)))
	if nearest(x.Provider, c.known) == "" {
		p.Hint = "write $${" + x.Provider + ": for a literal ${" + x.Provider + ":"
	}
	return p
}

// aliasProblem is the problem that alias reported.
func (c *compiler) aliasProblem() *Problem {
	for _, p := range c.problems {
		if p.Name == "secret_provider" {
			return p
		}
	}
	return &Problem{Name: "secret_provider", Err: invalid("unknown provider")}
}

// commonOption returns the values that an option of pylee itself may have.
func commonOption(name string) (values []string, ok bool) {
	switch name {
	case "format":
		return []string{"json", "yaml", "dotenv"}, true
	case "newline":
		return []string{"keep"}, true
	}
	return nil, false
}

func checkOption(x *Expr, t *target, o Option) error {
	values, common := commonOption(o.Name)
	if common {
		if v, ok := plainText(o.Value); ok {
			return checkValue(x, o.Name, v, values)
		}
		return nil
	}
	if t.scheme.Any || slices.Contains(t.scheme.Options, o.Name) {
		return nil
	}
	known := slices.Concat(t.scheme.Options, providers.CommonOptions)
	return invalid("%s: unknown option %q of %s %s", x.Label(), o.Name, t.scheme.Kind, suggest(o.Name, known))
}

func checkValue(x *Expr, option, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return invalid("%s: %s is one of: %s", x.Label(), option, strings.Join(values, " "))
}

const settingRule = "the block of a provider may use only ${NAME}, ${env:}, ${file:} and ${cred:}"

func inSetting(x *Expr) bool {
	return x.Name != "" || x.Provider == "env" || x.Provider == "file" || x.Provider == "cred"
}

// settings reports settings of providers whose names lead to something that a setting
// may not use: it would need a provider to open a provider.
func (c *compiler) settings(units []unit) {
	for i := range units {
		u := &units[i]
		if u.Use != ForSetting || len(u.broken) > 0 {
			continue
		}
		for _, l := range c.plan.links(u) {
			if bad := c.plan.forbidden(l.to); bad != nil {
				c.report(u, u.problemAt(l.by, l.by.Offset, invalid("%s leads to %s: %s", l.by.Label(), bad.Label(), settingRule)))
			}
		}
	}
}

// forbidden returns an expression behind u that no setting may use, or nil.
func (p *Plan) forbidden(u *unit) *Expr {
	for _, v := range p.reachable(u) {
		for x := range v.template.Exprs() {
			if !inSetting(x) && x.Provider != "var" {
				return x
			}
		}
	}
	return nil
}

// leaves returns why a path may not be read, as far as its text tells: the provider
// knows where the home directory is and where symlinks lead.
func leaves(u *unit, x *Expr, t *target) error {
	path, ok := plainText(x.Path)
	if u.Confine == "" || !ok || !t.scheme.Path {
		return nil
	}
	key := t.key(path, place{u.Dir, u.Confine}, nil)
	rel, err := filepath.Rel(u.Confine, key.Name)
	if !filepath.IsAbs(key.Name) || err == nil && filepath.IsLocal(rel) {
		return nil
	}
	return fmt.Errorf("%s: %w", x.Label(), key.Outside())
}

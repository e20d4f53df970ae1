package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

func explainCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "explain",
		Usage:       "show where each value comes from, layer by layer",
		ArgsUsage:   "[KEY]",
		Description: explainDescription,
		Flags: append(append(commonFlags(inv), configFlags()...),
			boolFlag("reveal", "print the texts as they are written"),
			boolFlag("yes", "do not ask before texts are shown on a terminal", "y"),
		),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("explain takes one key")
			}
			if c.Bool("reveal") {
				if err := inv.confirmReveal(c.Bool("yes")); err != nil {
					return err
				}
			}
			cfg, err := inv.loadConfig(c.String("config"), c.String("env"))
			if err != nil {
				return err
			}
			inv.noteConsent(cfg)
			return inv.explain(cfg, c.Args().First(), c.Bool("reveal"))
		},
	}
}

// explained is a text of the config under its full key.
type explained struct {
	key  string
	text *config.Text
}

func (inv *invocation) explain(cfg *config.Config, key string, reveal bool) error {
	all := explainable(cfg)
	var known []string
	found := false
	var b strings.Builder
	for _, e := range all {
		known = append(known, e.key)
		if key != "" && e.key != key && !strings.HasSuffix(e.key, "."+key) {
			continue
		}
		found = true
		b.WriteString(explainText(e, reveal))
	}
	if key != "" && !found {
		err := unknownWord("key", key, known)
		var f *failure
		if errors.As(err, &f) {
			f.code, f.hint = exitNotFound, "pylee explain"
		}
		return err
	}
	if len(all) == 0 {
		inv.say("no config was found above %s", inv.dir)
	}
	_, err := inv.stdio.Out.Write([]byte(b.String()))
	return err
}

func explainText(e explained, reveal bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", plain(e.key))
	fmt.Fprintf(&b, "  %s: %s\n", plain(e.text.At(0)), shown(e.text.Value, reveal))
	for _, said := range e.text.Said {
		fmt.Fprintf(&b, "  overrides %s: %s\n", plain(said.Pos.String()), shown(said.Value, reveal))
	}
	return b.String()
}

// shown is a text as explain prints it: its references, with literals hidden.
func shown(text string, reveal bool) string {
	if reveal {
		return fmt.Sprintf("%q", text)
	}
	t, err := resolve.Parse(text)
	if err != nil {
		return providers.Redacted + " (not a valid template: " + err.Error() + ")"
	}
	var parts []string
	for _, p := range t.Parts {
		if p.Expr == nil {
			parts = append(parts, providers.Redacted)
			continue
		}
		parts = append(parts, plain(p.Expr.Label()))
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, " ")
}

// explainable lists the texts of a config in the order of its keys.
func explainable(cfg *config.Config) []explained {
	var all []explained
	add := func(key string, t *config.Text) {
		if t != nil {
			all = append(all, explained{key, t})
		}
	}
	add("secret_provider", cfg.SecretProvider)
	for _, f := range cfg.Variables {
		add("variables."+f.Name, f.Text)
	}
	for _, f := range cfg.Env {
		add("env."+f.Name, f.Text)
	}
	all = append(all, explainFiles("files", cfg.Files)...)
	all = append(all, explainTargets("commands", cfg.Commands)...)
	return append(all, explainTargets("mcpServers", cfg.Servers)...)
}

func explainTargets(key string, targets []config.Target) []explained {
	var all []explained
	for _, t := range targets {
		prefix := key + "." + t.Name
		texts := []explained{{prefix + ".command", t.Command}, {prefix + ".cwd", t.Cwd}}
		for i, arg := range t.Args {
			texts = append(texts, explained{fmt.Sprintf("%s.args[%d]", prefix, i), arg})
		}
		for _, f := range t.Env {
			texts = append(texts, explained{prefix + ".env." + f.Name, f.Text})
		}
		texts = append(texts, explainFiles(prefix+".files", t.Files)...)
		for _, e := range texts {
			if e.text != nil {
				all = append(all, e)
			}
		}
	}
	return all
}

func explainFiles(prefix string, files []config.File) []explained {
	var all []explained
	add := func(key string, t *config.Text) {
		if t != nil {
			all = append(all, explained{key, t})
		}
	}
	for _, file := range files {
		key := prefix + "." + file.Name
		add(key+".dir", file.Dir)
		for _, entry := range file.Entries {
			if file.Set {
				add(key+".entries."+entry.Name, entry.Text)
			} else {
				add(key, entry.Text)
			}
		}
	}
	return all
}

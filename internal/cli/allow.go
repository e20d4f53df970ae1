package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/trust"
	"github.com/urfave/cli/v2"
)

const allowDescription = `Shows what the config that was found here can do, asks, and remembers the answer. It is
asked for once, and again after any change of the config, of a file that it extends or
uses as a template, of the references in its .env files, and of its place. Each
environment is allowed on its own.

Configs that are named with --config or PYLEE_CONFIG, and those of root outside of the
home directory, need no consent.

Examples:

    pylee allow
    pylee allow --env production
    pylee allow --dry-run            # only show it
    pylee allow --yes                # without a terminal`

func allowCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "allow",
		Usage:       "show what the config found here can do, and allow it",
		Description: allowDescription,
		Flags: append(commonFlags(inv), environmentFlag(),
			boolFlag("yes", "do not ask", "y"),
			boolFlag("dry-run", "show it and change nothing"),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("allow takes no argument: it is about the config that is found here")
			}
			return inv.allow(c.String("env"), c.Bool("yes"), c.Bool("dry-run"))
		},
	}
}

func denyCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "deny",
		Usage:       "refuse the config found here, whatever it says, until pylee allow",
		Description: "All that was allowed of it is forgotten.\n\nExamples:\n\n    pylee deny",
		Flags:       commonFlags(inv),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("deny takes no argument: it is about the config that is found here")
			}
			return inv.deny()
		},
	}
}

func (inv *invocation) allow(env string, yes, dryRun bool) error {
	if err := inv.needsDiscovered(); err != nil {
		return err
	}
	cfg, err := inv.loadConfig("", env)
	if err != nil {
		return err
	}
	found, _ := inv.dotenvOf(cfg) //nolint:errcheck // what uses the files reports it
	c, needed := consentFor(cfg, found)
	if !needed {
		return inv.sayTrusted(config.Project(inv.configOptions("", env)))
	}
	c.Facts = c.facts()
	v := inv.judge(c)
	if !yes || !inv.quiet {
		inv.show(c, v)
	}
	if v.State == trust.Allowed {
		inv.say("it was allowed %s", when(v.Since))
		return nil
	}
	if dryRun {
		return nil
	}
	if err := inv.confirmAllow(c, yes); err != nil {
		return err
	}
	if err := inv.records().Allow(c.Subject); err != nil {
		return &failure{message: "cannot be remembered: " + printable(err.Error()), code: exitFailed}
	}
	inv.say("allowed: %s", printable(c.main.Path))
	return nil
}

// needsDiscovered refuses to ask for consent where a config is named: it needs none.
func (inv *invocation) needsDiscovered() error {
	if named := inv.env["PYLEE_CONFIG"]; named != "" {
		return &failure{message: "PYLEE_CONFIG names a config, which needs no consent", hint: "unset PYLEE_CONFIG", code: exitFailed}
	}
	return nil
}

func (inv *invocation) sayTrusted(path string) error {
	if path == "" {
		return &failure{message: "no config of a project was found above " + printable(inv.dir), hint: "pylee init", code: exitNotFound}
	}
	inv.say("%s needs no consent: it is root's, and outside of the home directory", printable(path))
	return nil
}

// show prints what a config can do, and what of that is new.
func (inv *invocation) show(c consent, v trust.Verdict) {
	print := func(format string, args ...any) {
		inv.err.write(inv.stdio.Err, fmt.Sprintf("pylee: "+format+"\n", args...))
	}
	if c.Env == "" {
		print("%s can:", printable(c.main.Path))
	} else {
		print("%s can, in the environment %s:", printable(c.main.Path), printable(c.Env))
	}
	for _, line := range grouped(c.Facts) {
		print("  %s", line)
	}
	if len(c.Facts) == 0 {
		print("  do nothing")
	}
	switch v.State {
	case trust.Changed:
		print("changed since it was allowed %s:", when(v.Since))
		changes := trust.Diff(v.Facts, c.Facts)
		for _, change := range changes {
			print("  %s", change)
		}
		if len(changes) == 0 {
			print("  what it can do is the same")
		}
	case trust.Denied:
		print("it was denied %s", when(v.Since))
	}
}

// grouped puts the names of variables, of which there are many, on one line.
func grouped(facts []string) []string {
	var lines, names []string
	for _, fact := range facts {
		if name, isSet := strings.CutPrefix(fact, "set: "); isSet && !strings.Contains(name, " ") {
			names = append(names, name)
			continue
		}
		lines = append(lines, fact)
	}
	if len(names) > 0 {
		lines = append(lines, "set: "+strings.Join(names, " "))
	}
	return lines
}

func (inv *invocation) confirmAllow(c consent, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(inv.stdio.In) || !isTerminal(inv.stdio.Err) {
		return &failure{message: "not allowed: without a terminal nobody can be asked", hint: allowCommandLine(c.Env) + " --yes", code: exitFailed}
	}
	inv.err.write(inv.stdio.Err, "pylee: allow it? [y/N] ")
	answer, err := bufio.NewReader(inv.stdio.In).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return &failure{message: "not allowed", code: exitFailed}
	}
	return nil
}

// deny does not read the config: also a broken one can be denied.
func (inv *invocation) deny() error {
	if err := inv.needsDiscovered(); err != nil {
		return err
	}
	path := config.Project(inv.configOptions("", ""))
	if path == "" {
		return inv.sayTrusted("")
	}
	cfg, _ := inv.loadConfig("", "") //nolint:errcheck // only to tell what a denial is good for
	for _, s := range cfg.Sources {
		if s.Path == path && s.Confine == "" {
			return &failure{
				message: printable(path) + ": cannot be denied: it is root's, and outside of the home directory",
				hint:    "pylee run --config FILE uses another", code: exitFailed,
			}
		}
	}
	if err := inv.records().Deny(path); err != nil {
		return &failure{message: "cannot be remembered: " + printable(err.Error()), code: exitFailed}
	}
	inv.say("denied: %s", printable(path))
	return nil
}

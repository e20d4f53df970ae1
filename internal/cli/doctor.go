package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

const doctorDescription = `Looks at pylee itself, the config and whether it may be used, the identity, the store,
permissions, where secret files would go, the kernel, the environment and the clock.
It says what it found and what to do about it. It changes nothing and prints no value; of
variables it prints the names. If the config is allowed, the providers that its
references need are asked how they would reach their source, and as whom.

ok is fine or only good to know; warn works but should be looked at; fail keeps pylee run
from working or lets others in. The exit status is 3 if anything fails.

Examples:

    pylee doctor
    pylee doctor --env production
    pylee doctor --quiet             # only what is not ok
    pylee doctor --json | jq -r '.findings[] | select(.level == "fail") | .hint'`

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	config string
	store  storeChoice
}

func doctorCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "say what is set up here, and what to fix",
		Description: doctorDescription,
		Flags:       append(append(storeFlags(inv), configFlags()[:1]...), jsonFlag(inv)),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("doctor takes no argument")
			}
			if err := refuseEmpty(c, "config", "env", "store", "identity"); err != nil {
				return err
			}
			closeIdentity(c.String("identity"))
			return inv.doctor(c.Context, doctorOptions{config: c.String("config"), store: choiceOf(c, inv)})
		},
	}
}

// The levels of a finding.
const (
	levelOK   = "ok"   // as it should be, or only good to know
	levelWarn = "warn" // works, and should be looked at
	levelFail = "fail" // keeps pylee from working, or others can read or change what is secret
)

// finding is one thing that doctor found. Its fields are those that the check of a
// provider returns, so that one converts to the other.
type finding struct {
	Level   string `json:"level"`
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
	Hint    string `json:"hint,omitempty"` // best a command to paste
}

// checker looks at one subject. It holds for providers too.
type checker interface {
	Check(ctx context.Context) []finding
}

// inspection is a checker of doctor itself.
type inspection struct {
	subject string
	look    func(*findings)
}

// Check returns what look finds.
func (i inspection) Check(context.Context) []finding {
	f := findings{subject: i.subject}
	i.look(&f)
	return f.list
}

// findings collects what is found about one subject.
type findings struct {
	subject string
	list    []finding
}

func (f *findings) add(level, hint, detail string) {
	f.list = append(f.list, finding{Level: level, Subject: f.subject, Detail: detail, Hint: hint})
}

func (f *findings) ok(format string, args ...any) { f.add(levelOK, "", fmt.Sprintf(format, args...)) }

func (f *findings) warn(hint, format string, args ...any) {
	f.add(levelWarn, hint, fmt.Sprintf(format, args...))
}

func (f *findings) fail(hint, format string, args ...any) {
	f.add(levelFail, hint, fmt.Sprintf(format, args...))
}

// errors adds what err joins.
func (f *findings) errors(level string, err error) {
	for _, r := range reportsOf(err) {
		f.add(level, r.Hint, r.text)
	}
}

// doctor checks everything and prints what it found.
func (inv *invocation) doctor(ctx context.Context, o doctorOptions) error {
	var all []finding
	for _, c := range inv.checkers(o) {
		all = append(all, c.Check(ctx)...)
	}
	failed, err := inv.printFindings(all)
	if err != nil {
		return err
	}
	if failed {
		return status(exitFindings)
	}
	return nil
}

// checkers returns the checks in the order in which their findings are shown. The
// config is read once for all of them; whatever is wrong with it, the others go on.
func (inv *invocation) checkers(o doctorOptions) []checker {
	cfg, loaded := inv.loadConfig(o.config, o.store.env)
	project := inv.projectDir(o.config)
	file := inv.storeFile(o.store, project)
	var held error
	if keys, err := file.Keys.Held(); err == nil { // a descriptor can be read once, and two checks need it
		file.Keys = keys
	} else {
		held = err
	}
	named, _, err := inv.configured(file.Keys) // what is wrong with a config is told above
	if err != nil {
		named = file.Keys
	}
	file.Keys.SSH = named.SSH
	return []checker{
		inspection{"pylee", inv.checkProgram},
		inspection{"config", func(f *findings) { inv.checkConfig(f, o, cfg, loaded) }},
		inspection{"identity", func(f *findings) { checkIdentity(f, named) }},
		inspection{"store", func(f *findings) { inv.checkStore(f, o.store, file, cfg, held) }},
		inspection{"permissions", func(f *findings) { inv.checkPermissions(f, project, file.StateDir) }},
		inspection{"secret files", func(f *findings) { inv.checkPlaces(f, cfg) }},
		inspection{"kernel", inv.checkKernel},
		inspection{"environment", func(f *findings) { inv.checkEnviron(f, cfg) }},
		providerChecks{inv, o},
		inspection{"clock", func(f *findings) { checkClock(f, clockFiles(file, cfg)) }},
	}
}

// clockFiles are files whose times tell something about the clock.
func clockFiles(file store.File, cfg *config.Config) []string {
	paths := []string{file.Path}
	for _, s := range cfg.Sources {
		paths = append(paths, s.Path)
	}
	return paths
}

// doctorReport is what doctor --json prints.
type doctorReport struct {
	OK       bool      `json:"ok"` // nothing fails
	Findings []finding `json:"findings"`
}

// printFindings prints to stdout, which is where data goes that was asked for.
func (inv *invocation) printFindings(all []finding) (failed bool, err error) {
	count := map[string]int{}
	for _, f := range all {
		count[f.Level]++
	}
	failed = count[levelFail] > 0
	for i, f := range all {
		all[i].Detail, all[i].Hint = inv.err.veil.cover(f.Detail), inv.err.veil.cover(f.Hint)
	}
	if inv.json {
		return failed, inv.writeJSON(doctorReport{OK: !failed, Findings: append([]finding{}, all...)})
	}
	var b strings.Builder
	subject := ""
	for _, f := range all {
		if inv.quiet && f.Level == levelOK {
			continue
		}
		if f.Subject != subject {
			subject = f.Subject
			fmt.Fprintf(&b, "%s\n", plain(subject))
		}
		fmt.Fprintf(&b, "  %-5s %s\n", plain(f.Level), plain(f.Detail))
		if f.Hint != "" {
			fmt.Fprintf(&b, "        hint: %s\n", plain(f.Hint))
		}
	}
	if !inv.quiet {
		fmt.Fprintf(&b, "%d ok, %d to look at, %d to fix\n", count[levelOK], count[levelWarn], count[levelFail])
	}
	_, err = inv.stdio.Out.WriteString(b.String())
	return failed, err
}

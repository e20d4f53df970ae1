package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

// runOptions are the flags of run that are not about what is resolved.
type runOptions struct {
	source
	exec, supervise bool
	allowDisk       bool
	mask            *bool // nil: the config decides
	user            string
	subreaper       bool
	signalGroup     *bool // nil: the config decides
	forward         string
	killAfter       string   // empty: the config decides
	argv            []string // of the command line; behind the target's own
}

func runCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "resolve, inject, and become the command",
		ArgsUsage:   "[--] COMMAND [ARG...]",
		Description: runDescription,
		Flags: append(append(commonFlags(inv), sourceFlags()...),
			boolFlag("exec", "become the command, or fail with the reason why not"),
			boolFlag("supervise", "stay as the parent of the command"),
			boolFlag("watch", "react when a secret changes"),
			boolFlag("mask", "replace the values of secrets in the output of the command by [redacted]"),
			boolFlag("no-stale", "fail where the offline cache would stand in for a provider"),
			boolFlag("allow-disk", "write secret files to a disk if no directory in memory is found"),
			&cli.StringFlag{Name: "user", Usage: "run the command as `USER[:GROUP]`, by name or number"},
			boolFlag("subreaper", "adopt and reap the orphans below the command"),
			boolFlag("signal-group", "send signals to the process group of the command"),
			&cli.StringFlag{Name: "forward-signals", Value: "auto", Usage: "hand on INT, QUIT and WINCH: auto (not if a terminal has sent them to the command already), always or never"},
			&cli.StringFlag{Name: "kill-after", Usage: "SIGKILL, `DURATION` after a signal to stop was handed on; 0: never"},
		),
		Action: func(c *cli.Context) error {
			o, err := runOptionsOf(c, inv)
			if err != nil {
				return err
			}
			return inv.run(o)
		},
	}
}

func runOptionsOf(c *cli.Context, inv *invocation) (runOptions, error) {
	if err := refuseEmpty(c, "user", "kill-after"); err != nil {
		return runOptions{}, err
	}
	s, err := sourceOf(c, inv)
	if err != nil {
		return runOptions{}, err
	}
	o := runOptions{
		source: s, exec: c.Bool("exec"), supervise: c.Bool("supervise"),
		allowDisk: c.Bool("allow-disk"), argv: c.Args().Slice(),
		user: c.String("user"), subreaper: c.Bool("subreaper"),
		forward: c.String("forward-signals"), killAfter: c.String("kill-after"),
	}
	o.memory, o.cache, o.noStale = resolve.NewMemory(), true, c.Bool("no-stale")
	if c.IsSet("watch") {
		o.watch = new(c.Bool("watch"))
	}
	if c.IsSet("mask") {
		o.mask = new(c.Bool("mask"))
	}
	if c.IsSet("signal-group") {
		o.signalGroup = new(c.Bool("signal-group"))
	}
	return o, nil
}

func (inv *invocation) run(o runOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	o.place = &filePlace{user: o.user, SecretDirOptions: exec.SecretDirOptions{
		Runtime: inv.env["RUNTIME_DIRECTORY"], XDG: inv.env["XDG_RUNTIME_DIR"], AllowDisk: o.allowDisk, UID: -1, GID: -1,
	}}
	o.hold, o.purpose = true, &purpose{action: policy.Run, argv: o.argv}
	a, snapshot, err := inv.resolve(o.source)
	if a != nil {
		defer inv.closeSources(a) // of what comes to nothing
		defer inv.removeFiles(a)
	}
	if err != nil {
		return err
	}
	m, err := inv.runMode(o, a)
	if err != nil {
		return err
	}
	spec, err := inv.spec(o, a, snapshot)
	if err != nil {
		return err
	}
	if err := inv.permitRun(a, snapshot, spec); err != nil {
		return err
	}
	inv.hintInherited(a)
	inv.hintArguments(a, o.argv)
	inv.warnDue(snapshot, time.Now())
	inv.debugf("mode: %s", m.why)
	ended, err := m.start(spec, snapshot)
	if err != nil {
		return err
	}
	inv.removeFiles(a)
	inv.closeSources(a)
	return status(runner.End(ended))
}

// removeFiles takes the files of the command away, and tells if that failed.
func (inv *invocation) removeFiles(a *assembly) {
	if err := a.files.remove(); err != nil {
		inv.printReports(reportsOf(err))
	}
}

func (o runOptions) validate() error {
	if _, ok := exec.ParseForward(o.forward); !ok {
		return usagef("--forward-signals takes one of auto, always, never")
	}
	if d, ok := config.ParseDuration(o.killAfter); o.killAfter != "" && (!ok || d < 0) {
		return usagef("--kill-after takes a duration such as 30s, or 0 for never")
	}
	switch {
	case o.exec && o.supervise:
		return usagef("--exec and --supervise exclude each other")
	case len(o.argv) == 0 && o.target == "" && o.server == "":
		return usagef("run: no command; pylee run -- COMMAND [ARG...]")
	}
	return nil
}

// spec returns what to execute.
func (inv *invocation) spec(o runOptions, a *assembly, snapshot *resolve.Snapshot) (exec.Spec, error) {
	env, err := inv.childEnv(a, snapshot)
	argv, argErr := childArgv(a, snapshot, o.argv)
	if err = errors.Join(err, argErr, a.checkFiles(snapshot)); err != nil {
		return exec.Spec{}, err
	}
	spec := exec.Spec{Argv: argv, Env: env, Ignore: a.child().IgnoreSignals, Restore: inv.restore, User: a.user}
	if a.cwd != "" {
		if entry, ok := snapshot.Entry(a.cwd); ok {
			spec.Dir = string(entry.Value.Reveal())
		}
		if spec.Dir != "" && !filepath.IsAbs(spec.Dir) {
			spec.Dir = filepath.Join(a.target.Cwd.Dir, spec.Dir)
		}
		if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
			return exec.Spec{}, &format.Error{Pos: a.target.Cwd.Node.At(0), Message: a.cwd + ": " + spec.Dir + ": no such directory", Hint: "mkdir -p " + shellWord(spec.Dir)}
		}
		spec.Env = withPWD(spec.Env, spec.Dir)
	}
	return spec, nil
}

// withPWD keeps PWD true where there is one, as a shell's cd does.
func withPWD(env []string, dir string) []string {
	for i, entry := range env {
		if strings.HasPrefix(entry, "PWD=") {
			env[i] = "PWD=" + dir
		}
	}
	return env
}

// childEnv builds the environment: what was inherited less what is pylee's, and the
// resolved variables in their place.
func (inv *invocation) childEnv(a *assembly, snapshot *resolve.Snapshot) ([]string, error) {
	env := exec.NewEnv(inv.environ)
	child := a.child()
	env.Drop(runner.DropEnv, slices.Concat(runner.KeepEnv, child.KeepEnv))
	env.Drop(child.DropEnv, child.KeepEnv)
	env.Drop(append(a.removed, "PYLEE_IDENTITY"), nil) // whatever is kept, no child gets the key itself
	var errs []error
	if a.env != "" {
		errs = append(errs, env.Set("PYLEE_ENV", []byte(a.env))) // what was inherited is not the environment at hand
	}
	for _, v := range a.vars {
		entry, ok := snapshot.Entry(v.input)
		if !ok || entry.Absent {
			continue
		}
		if err := env.Set(v.name, entry.Value.Reveal()); err != nil {
			errs = append(errs, &failure{message: fmt.Sprintf("%s: %v", v.input, err), code: exitConfig})
		}
	}
	for _, v := range a.files.variables(snapshot) {
		errs = append(errs, env.Set(v.name, v.value))
	}
	return env.List(), errors.Join(errs...)
}

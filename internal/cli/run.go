package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

// runOptions are the flags of run that are not about what is resolved.
type runOptions struct {
	source
	exec      bool
	supervise bool
	watch     bool
	allowDisk bool
	argv      []string // of the command line; behind the target's own
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
			boolFlag("allow-disk", "write secret files to a disk if no directory in memory is found"),
		),
		Action: func(c *cli.Context) error {
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			return inv.run(runOptions{
				source: s, exec: c.Bool("exec"), supervise: c.Bool("supervise"),
				watch: c.Bool("watch"), allowDisk: c.Bool("allow-disk"), argv: c.Args().Slice(),
			})
		},
	}
}

func (inv *invocation) run(o runOptions) error {
	if err := o.validate(); err != nil {
		return err
	}
	o.place = &exec.SecretDirOptions{
		Runtime: inv.env["RUNTIME_DIRECTORY"], XDG: inv.env["XDG_RUNTIME_DIR"], AllowDisk: o.allowDisk, UID: -1, GID: -1,
	}
	a, spec, err := inv.prepareRun(o)
	if a != nil {
		defer inv.removeFiles(a)
	}
	if err != nil {
		return err
	}
	inv.hintInherited(a)
	inv.hintArguments(a, o.argv)
	supervise, why := superviseMode(o, !a.files.none())
	inv.debugf("mode: %s", why)
	if o.exec && os.Getpid() == 1 {
		inv.say("as process 1 the command does not get signals that it has no handler for; without --exec pylee hands them on")
	}
	start := runner.Replace
	if supervise {
		start = runner.Supervise
	}
	ended, err := start(spec, inv.guard)
	if err != nil {
		return err
	}
	inv.removeFiles(a)
	return status(runner.End(ended))
}

// removeFiles takes the files of the command away, and tells if that failed.
func (inv *invocation) removeFiles(a *assembly) {
	if err := a.files.remove(); err != nil {
		inv.printReports(reportsOf(err))
	}
}

func (o runOptions) validate() error {
	switch {
	case o.exec && o.supervise:
		return usagef("--exec and --supervise exclude each other")
	case o.watch:
		return &failure{message: "--watch: this version does not watch secrets yet", hint: "run without --watch, and restart the command when a secret changes", code: exitRun}
	case len(o.argv) == 0 && o.target == "" && o.server == "":
		return usagef("run: no command; pylee run -- COMMAND [ARG...]")
	}
	return nil
}

// superviseMode chooses between becoming the command and staying its parent. Only a
// parent can forward signals that the kernel discards for a process 1 without a
// handler.
func superviseMode(o runOptions, files bool) (supervise bool, why string) {
	switch {
	case o.exec:
		return false, "exec, because of --exec"
	case o.supervise:
		return true, "supervise, because of --supervise"
	case files:
		return true, "supervise, because the secret files have to go when the command ends"
	case os.Getpid() == 1:
		return true, "supervise, because pylee is process 1"
	}
	return false, "exec, because nothing has to stay"
}

// prepareRun resolves everything and returns what to execute.
func (inv *invocation) prepareRun(o runOptions) (*assembly, exec.Spec, error) {
	a, snapshot, err := inv.resolve(o.source)
	if err != nil {
		return a, exec.Spec{}, err
	}
	if o.exec && !a.files.none() {
		return a, exec.Spec{}, &failure{message: "--exec: the secret files would stay behind, for nobody is there to remove them", hint: "run without --exec", code: exitRun}
	}
	env, err := inv.childEnv(a, snapshot)
	argv, argErr := childArgv(a, snapshot, o.argv)
	if err = errors.Join(err, argErr, a.checkFiles(snapshot)); err != nil {
		return a, exec.Spec{}, err
	}
	spec := exec.Spec{Argv: argv, Env: env, Ignore: a.cfg.Child.IgnoreSignals, Restore: inv.restore}
	if a.cwd != "" {
		if entry, ok := snapshot.Entry(a.cwd); ok {
			spec.Dir = string(entry.Value.Reveal())
		}
		if spec.Dir != "" && !filepath.IsAbs(spec.Dir) {
			spec.Dir = filepath.Join(a.target.Cwd.Dir, spec.Dir)
		}
		if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
			return a, exec.Spec{}, &format.Error{Pos: a.target.Cwd.Node.At(0), Message: a.cwd + ": " + spec.Dir + ": no such directory", Hint: "mkdir -p " + spec.Dir}
		}
		spec.Env = withPWD(spec.Env, spec.Dir)
	}
	return a, spec, a.files.write(snapshot, *o.place)
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
	env.Drop(runner.DropEnv, slices.Concat(runner.KeepEnv, a.cfg.Child.KeepEnv))
	env.Drop(a.cfg.Child.DropEnv, a.cfg.Child.KeepEnv)
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

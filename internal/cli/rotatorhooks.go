package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/probe"
	"github.com/pyleeai/pylee/internal/runner"
)

// changing is how long a program of on_change may take.
const changing = time.Minute

// Try runs the verify hooks with the values of c, one after the other. Their files are
// in a directory of their own.
func (r *rotator) Try(ctx context.Context, c *runner.Candidate) error {
	rotation := r.m.a.rotation()
	if len(rotation.Verify) == 0 {
		return nil
	}
	env, done, err := r.trial(c)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, rotation.ReadyWithin)
	defer cancel()
	for _, hook := range rotation.Verify {
		if err := probe.Exec(ctx, hook.Argv, env, hook.Dir); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	return nil
}

// trial returns the environment of the command with the values of c and with its files
// elsewhere than the command's. done removes them.
func (r *rotator) trial(c *runner.Candidate) (env []string, done func(), err error) {
	a := r.m.a
	if a.files.dir == nil {
		return c.Spec.Env, func() {}, nil
	}
	o := a.files.place.SecretDirOptions
	o.UID, o.GID, o.Owners = -1, -1, nil
	dir, err := exec.NewSecretDir(o)
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		if err := dir.Remove(); err != nil {
			r.m.inv.say("verify: %v", err)
		}
	}
	var files []exec.SecretFile
	for _, file := range a.files.list {
		if file.set == nil && !file.inMemory() {
			f := file.finished(valuesOf(c).snapshot)
			f.UID, f.GID = -1, -1
			files = append(files, f)
		}
	}
	if err := dir.Write(files); err != nil {
		done()
		return nil, nil, err
	}
	from, to := a.files.dir.Path(), dir.Path()
	for _, entry := range c.Spec.Env {
		name, value, _ := strings.Cut(entry, "=")
		if value == from || strings.HasPrefix(value, from+"/") {
			entry = name + "=" + to + value[len(from):]
		}
		env = append(env, entry)
	}
	return env, done, nil
}

// Run runs the programs of on_change, each once, also if one fails.
func (r *rotator) Run(ctx context.Context, c *runner.Candidate) error {
	ctx, cancel := context.WithTimeout(ctx, changing)
	defer cancel()
	var errs []error
	for _, hook := range valuesOf(c).programs {
		if err := probe.Exec(ctx, hook.Argv, c.Spec.Env, hook.Dir); err != nil {
			errs = append(errs, fmt.Errorf("on_change: %w", err))
		}
	}
	return errors.Join(errs...)
}

// ready returns one look whether the command is ready; nil if there is nothing to look
// at.
func (r *rotator) ready(ready *config.Ready) func(ctx context.Context, pid int) error {
	if ready == nil {
		return nil
	}
	switch ready.Kind {
	case "tcp":
		return func(ctx context.Context, _ int) error { return probe.TCP(ctx, ready.TCP) }
	case "http":
		return func(ctx context.Context, _ int) error { return probe.HTTP(ctx, ready.HTTP) }
	case "exec":
		return func(ctx context.Context, _ int) error {
			r.mu.Lock()
			env := r.inUse.Spec.Env
			r.mu.Unlock()
			return probe.Exec(ctx, ready.Exec.Argv, env, ready.Exec.Dir)
		}
	}
	return nil
}

// policy returns what the config says about rotations.
func (r *rotator) policy() runner.Policy {
	a := r.m.a
	child, rotation := a.child(), a.rotation()
	p := runner.Policy{
		Ready: r.ready(child.Ready), ReadyWithin: rotation.ReadyWithin, MinInterval: rotation.MinInterval, Splay: a.watch().Splay,
		StopSignal: child.StopSignal, Rollback: rotation.Rollback, Overlap: child.Overlap || r.activated(),
		Restarts: 5, Window: 10 * time.Minute, BackoffLow: time.Second, BackoffTop: time.Minute,
	}
	if child.Ready != nil {
		p.Notify, p.Alive = child.Ready.Kind == "notify", child.Ready.Alive
	}
	if child.StopGrace != nil {
		p.StopGrace = *child.StopGrace
	}
	if restart := child.Restart; restart != nil {
		set(&p.Restarts, restart.Max)
		set(&p.Window, restart.Window)
		set(&p.BackoffLow, restart.BackoffLow)
		set(&p.BackoffTop, restart.BackoffTop)
	}
	if child.ReloadSignalIsRefresh {
		p.RefreshSignal = reloadSignal
	}
	return p
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// activated tells whether the service manager holds the sockets of the command: then two
// of it can run at the same time, and no connection is refused.
func (r *rotator) activated() bool {
	env := r.m.inv.env
	sockets, err := strconv.Atoi(env["LISTEN_FDS"])
	return err == nil && sockets > 0 && env["LISTEN_PID"] == strconv.Itoa(os.Getpid()) && exec.ChooseTerminal() == exec.TerminalGroup
}

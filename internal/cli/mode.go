package cli

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/metrics"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
)

// mode is one of the two ways to run a command: to become it, or to stay its parent.
type mode struct {
	inv     *invocation
	a       *assembly
	o       runOptions
	stay    bool
	why     string // for debug
	watched bool   // its secrets

	masking *masking // nil: the output is the command's own

	killAfter   time.Duration
	signalGroup bool
}

// runMode chooses the way, by need.
func (inv *invocation) runMode(o runOptions, a *assembly) (*mode, error) {
	m := &mode{inv: inv, a: a, o: o, watched: o.memory != nil && a.watches(o.watch)}
	m.settle()
	need := m.need()
	switch {
	case o.exec && need != "":
		return nil, &failure{message: "--exec: impossible, because " + need, hint: "run without --exec", code: exitRun}
	case o.exec:
		m.why = "exec, because of --exec"
		if os.Getpid() == 1 {
			inv.say("as process 1 the command does not get signals that it has no handler for; without --exec pylee hands them on")
		}
	case o.supervise:
		m.stay, m.why = true, "supervise, because of --supervise"
	case need != "":
		m.stay, m.why = true, "supervise, because "+need
	case os.Getpid() == 1:
		// Only a parent can forward signals that the kernel discards for a process 1
		// without a handler.
		m.stay, m.why = true, "supervise, because pylee is process 1"
	default:
		m.why = "exec, because nothing has to stay"
	}
	return m, nil
}

// settle decides between the flags and the config: a flag that is there wins, also one
// that says no.
func (m *mode) settle() {
	child := m.a.child()
	m.signalGroup = child.SignalGroup
	if m.o.signalGroup != nil {
		m.signalGroup = *m.o.signalGroup
	}
	if m.o.killAfter != "" {
		m.killAfter, _ = config.ParseDuration(m.o.killAfter) // validate has looked at it
	} else if child.KillAfter != nil {
		m.killAfter = *child.KillAfter
	}
}

// need returns why a parent has to stay; empty: there is no need.
func (m *mode) need() string {
	switch {
	case m.watched:
		return "its secrets are watched"
	case m.a.files.stay():
		return "the secret files have to go when the command ends"
	case len(m.a.sources.loans) > 0:
		return "what is lent has to be prolonged, and given back at the end"
	case m.a.masks(m.o.mask):
		return "its output is masked"
	case m.inv.metrics != nil:
		return "there are metrics to show"
	case m.o.subreaper:
		return "of --subreaper"
	case m.killAfter > 0:
		return "the command is to be killed after a time"
	case m.signalGroup:
		return "signals are for the process group"
	case m.a.child().Notify == "on_start" && m.inv.env["NOTIFY_SOCKET"] != "":
		return "somebody has to say that the command is ready"
	}
	return ""
}

// start delivers the files and runs the command. In exec mode it returns only if that
// failed or a signal came first.
func (m *mode) start(spec exec.Spec, snapshot *resolve.Snapshot) (exec.Status, error) {
	if m.stay {
		if m.inv.metrics != nil {
			exporter, err := metrics.Start(m.inv.metrics, m.a.blocks.metrics, m.inv.say)
			if err != nil {
				return exec.Status{}, &failure{message: err.Error(), code: exitRun}
			}
			defer exporter.Close()
			m.inv.showSecrets(m.a, snapshot, snapshot)
		}
		return m.supervise(spec, snapshot)
	}
	m.inv.closeSources(m.a)
	runtime.LockOSThread() // with files of its own the thread has its own mounts
	here := func(f func() error) error { return f() }
	if err := m.a.files.write(snapshot, m.a.user, here, m.inv.debugf); err != nil {
		return exec.Status{}, err
	}
	return runner.Replace(spec, m.inv.guard)
}

func (m *mode) supervise(spec exec.Spec, snapshot *resolve.Snapshot) (exec.Status, error) {
	init, child := os.Getpid() == 1, m.a.child()
	subreaper := (m.o.subreaper || m.watched) && !init // without it a restart could not tell what is left of the command
	if err := m.checkUnit(); err != nil {
		return exec.Status{}, err
	}
	spawner, err := exec.NewSpawner(exec.SpawnerOptions{Reap: init || subreaper, Subreaper: subreaper})
	if err != nil {
		return exec.Status{}, err
	}
	if m.a.masks(m.o.mask) {
		m.masking = newMasking(m, snapshot)
	}
	// It ends with this process: to close it would take longer than all else at the end.
	rotation, after, err := m.attend(spec, snapshot, spawner.Do)
	if err != nil {
		return exec.Status{}, err
	}
	forward, _ := exec.ParseForward(m.o.forward)
	s := runner.Supervision{
		Spec: spec, Forward: forward, Group: m.signalGroup, KillAfter: m.killAfter,
		Subreaper: subreaper, Init: init, StopSignal: child.StopSignal, Spawner: spawner,
		After: after, Rotation: rotation, Watchdog: exec.WatchdogTimeout(m.inv.environ, os.Getpid()),
		Debug: func(line string) { m.inv.debugf("%s", line) }, Warn: func(line string) { m.inv.say("%s", line) },
	}
	if rotation == nil && m.inv.metrics != nil {
		s.Child = m.inv.showChild()
	}
	if m.masking != nil {
		s.Output = m.masking.output
	}
	own := rotation != nil && rotation.Policy.Notify
	if socket := m.inv.env["NOTIFY_SOCKET"]; socket != "" || own {
		s.Listen = exec.InheritedListen(m.inv.environ, os.Getpid())
		if s.Notifier, err = exec.NewNotifier(exec.NotifyOptions{Socket: socket, Own: own, Listen: s.Listen, OnStart: child.Notify == "on_start"}); err != nil {
			if after != nil {
				err = errors.Join(err, after())
			}
			return exec.Status{}, err
		}
		defer s.Notifier.Close()
	}
	return runner.Supervise(s, m.inv.guard)
}

// attend delivers the files, looks after what was lent and after what may change, and
// returns what is to be done when the command is gone. Without any of that nothing is
// left open.
func (m *mode) attend(spec exec.Spec, snapshot *resolve.Snapshot, private func(func() error) error) (rotation *runner.Rotation, after func() error, err error) {
	if m.watched {
		w, err := m.watch(spec, snapshot, private)
		if err != nil {
			w.close()
			return nil, nil, err
		}
		return w.rotation(), m.leave(w.close), nil
	}
	if err := m.a.files.write(snapshot, m.a.user, private, m.inv.debugf); err != nil {
		return nil, nil, err
	}
	if len(m.a.sources.loans) == 0 {
		m.inv.closeSources(m.a)
		if len(m.a.files.open) == 0 {
			return nil, nil, nil
		}
		return nil, m.a.files.remove, nil
	}
	keeper, err := m.a.sources.keep(m.inv.say)
	if err != nil {
		keeper.Close()
		return nil, nil, err
	}
	return nil, m.leave(keeper.Close), nil
}

// leave returns what is done when the command is gone.
func (m *mode) leave(end func()) func() error {
	return func() error {
		err := m.a.files.remove()
		end()
		m.inv.closeSources(m.a)
		return err
	}
}

// checkUnit looks at the service of systemd that pylee is the main process of.
func (m *mode) checkUnit() error {
	if m.inv.env["SYSTEMD_EXEC_PID"] != strconv.Itoa(os.Getpid()) {
		return nil
	}
	unit := exec.OwnUnit("", m.inv.environ)
	if unit.Type == "forking" {
		return &failure{message: "systemd: " + unit.Name + " has Type=forking: the command would leave pylee, which waits for it", hint: "use the foreground option of the command and Type=exec", code: exitRun}
	}
	if warning, hint := exec.KillModeWarning(m.inv.environ, os.Getpid(), true, unit); warning != "" {
		m.inv.say("warning: %s", warning)
		m.inv.hint("%s", hint)
	}
	return nil
}

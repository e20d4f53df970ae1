package runner

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

const (
	// linger is how long process 1 waits for what the command left behind, after it
	// was told to end.
	linger = 2 * time.Second
	// tidying is how long After may take: whoever stops pylee waits, and has a
	// deadline too.
	tidying = 5 * time.Second
)

// Supervision says how to be the parent of a command. The zero value of all but Spec
// is usable.
type Supervision struct {
	// Spec is the command. Its Terminal and Death are chosen here.
	Spec exec.Spec
	// Forward is about the signals of a terminal.
	Forward exec.Forward
	// Group sends signals to the whole process group of the child. On a terminal
	// that a shell shares out the group is not the child's own, and the child alone
	// gets them.
	Group bool
	// KillAfter is how long the child may run after a signal to stop was handed on;
	// then it gets SIGKILL, and its group with it. 0: for ever, because whoever
	// stops pylee has a deadline of its own.
	KillAfter time.Duration
	// Subreaper makes pylee the parent of orphans below it, and reaps them.
	Subreaper bool
	// Init says that pylee is process 1: it reaps all orphans, and when the command
	// has ended it ends the rest.
	Init bool
	// StopSignal is one more signal that stops the child, besides INT, QUIT and
	// TERM; 0: none.
	StopSignal syscall.Signal
	// Notifier is the socket of sd_notify(3) that the child gets; nil: none. It stays
	// open.
	Notifier *exec.Notifier
	// Listen are the sockets of socket activation; nil: none.
	Listen *exec.Listen
	// Watchdog is how often the service manager wants to hear of pylee at the latest, see
	// exec.WatchdogTimeout; 0: it does not. It matters to a Rotation, while no command
	// is there to say it.
	Watchdog time.Duration
	// Spawner starts the child, and stays open; nil: one is made for it, of which
	// Subreaper and Init decide the options.
	Spawner *exec.Spawner
	// Rotation makes the values change while the command runs; nil: they never do. The
	// command is Rotation.First.Spec then, and not Spec. Of what a command leaves behind
	// only Subreaper and Init let pylee find all before the next one is started.
	Rotation *Rotation
	// Output makes the streams of one start of the command and writes them into spec; nil:
	// it has those of pylee. An error keeps the command from being started.
	Output func(spec *exec.Spec) (Stream, error)
	// Child is called with the process id of each command that was started, and with 0 when
	// one has ended. It must not block. nil: nobody is told.
	Child func(pid int)
	// After is called once when the child is gone, or was never there, and is given
	// 5 seconds: to remove files and to revoke leases.
	After func() error
	// Debug is called with single lines about what happens; nil: nobody is told.
	Debug func(string)
	// Warn is called with a line about a failure that changes no status: that of
	// After.
	Warn func(string)
}

// Supervise runs the command as a child, hands on the signals that pylee gets until
// the child has ended, and returns how it ended. If a signal came before the child
// was there, it is not started and the status is that of the signal. An error is an
// *exec.Error: the command could not be started, or pylee ended it and its own status
// says nothing, as when values were too old.
//
// A signal never becomes a SIGKILL unless KillAfter asks for it: programs take a
// second INT or TERM for an order to hurry up. A stopped child is woken to hear a
// signal to stop.
//
// Known not to arrive are PROF, URG and, on Linux, the signals 32 to 34, which the Go
// runtime keeps; several equal real-time signals in a row arrive as fewer. A SIGSTOP
// of pylee does not stop the child.
func Supervise(s Supervision, g *Guard) (exec.Status, error) {
	g.leave()
	g.catch()
	defer s.tidy()
	if status, ended := g.drain(); ended {
		return status, nil
	}
	spawner, err := s.spawner()
	if err != nil {
		return exec.Status{}, err
	}
	if spawner != s.Spawner {
		defer spawner.Close()
	}
	l := &loop{Supervision: s, guard: g, spawner: spawner}
	return l.run()
}

func (s *Supervision) spawner() (*exec.Spawner, error) {
	if s.Spawner != nil {
		return s.Spawner, nil
	}
	return exec.NewSpawner(exec.SpawnerOptions{Reap: s.Init || s.Subreaper, Subreaper: s.Subreaper && !s.Init})
}

// prepare returns the command as it is to be started.
func (l *loop) prepare(spec exec.Spec) exec.Spec {
	s := &l.Supervision
	spec.Ignore = slices.Concat(spec.Ignore, l.guard.ignored)
	spec.Terminal = l.terminal
	if !s.Init {
		spec.Death = syscall.SIGKILL // the end of process 1 is that of its children anyway
	}
	if s.Notifier != nil || s.Listen != nil {
		spec.Env = s.environment(spec.Env)
	}
	if s.Listen != nil {
		spec.Files = s.Listen.Descriptors() // what the command stored is there for the next one
	}
	return spec
}

// environment returns list with what the child has to know about its sockets.
func (s *Supervision) environment(list []string) []string {
	env := exec.NewEnv(list)
	if s.Notifier != nil {
		if name, value, ok := s.Notifier.Env(); ok {
			_ = env.Set(name, []byte(value)) // neither holds what Set refuses
		}
	}
	if s.Listen != nil {
		s.Listen.Env(env)
	}
	return env.List()
}

// tidy calls After, for as long as it may take. Signals wait in the queue meanwhile.
func (s *Supervision) tidy() {
	if s.After == nil {
		return
	}
	done := make(chan error, 1)
	go func() { done <- s.After() }()
	timer := time.NewTimer(tidying)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			s.warnf("cleaning up: %v", err)
		}
	case <-timer.C:
		s.warnf("cleaning up: not done after %v; pylee ends without it", tidying)
	}
}

func (s *Supervision) debugf(format string, args ...any) { say(s.Debug, format, args...) }
func (s *Supervision) warnf(format string, args ...any)  { say(s.Warn, format, args...) }

// say must not be stopped by a terminal with tostop, see stty(1), on which pylee is in
// the background.
func say(to func(string), format string, args ...any) {
	if to != nil {
		exec.Unstopped(func() { to(fmt.Sprintf(format, args...)) })
	}
}

// clear ends what is left in the namespace of process 1. The kernel kills what does
// not end in time, together with pylee.
func (s *Supervision) clear(child *exec.Child) {
	if !s.Init || os.Getpid() != 1 { // elsewhere the call below means every process there is
		return
	}
	if !orphans() || syscall.Kill(-1, syscall.SIGTERM) != nil {
		return // nobody is left
	}
	_ = syscall.Kill(-1, syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(context.Background(), linger)
	defer cancel()
	if err := child.Gone(ctx); err != nil {
		s.debugf("process 1: what the command left behind did not end within %v", linger)
	}
}

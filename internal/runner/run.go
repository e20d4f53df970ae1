package runner

import (
	"slices"
	"syscall"

	"github.com/pyleeai/pylee/exec"
)

// Replace becomes the command. It returns only if a signal came first, with its
// status, or if that failed, with an *exec.Error.
//
// Only after Context was called a signal can get lost, if another thread has begun
// to receive it, and no more than begun, at the moment of execve.
func Replace(spec exec.Spec, g *Guard) (exec.Status, error) {
	g.leave()
	spec.Ignore = slices.Concat(spec.Ignore, g.ignored)
	if g.caught {
		// From here on the kernel deals with a signal at once; drain finds those
		// that came before.
		exec.ResetSignals(exec.Signals(), spec.Ignore)
	}
	if status, ended := g.drain(); ended {
		return status, nil
	}
	return exec.Status{}, exec.Replace(spec)
}

// Supervise runs the command as a child, hands on the signals that pylee gets
// until the child has ended, and returns how it ended. If a signal came before the
// child was there, it is not started and the status is that of the signal. An error
// is an *exec.Error: the command could not be started.
//
// Known not to arrive are PROF and, on Linux, the signals 32 to 34, which the Go
// runtime keeps, and several equal real-time signals in a row arrive as fewer.
func Supervise(spec exec.Spec, g *Guard) (exec.Status, error) {
	g.leave()
	g.catch()
	if status, ended := g.drain(); ended {
		return status, nil
	}
	spec.Ignore = slices.Concat(spec.Ignore, g.ignored)
	child, err := exec.Start(spec)
	if err != nil {
		return exec.Status{}, err
	}
	g.catch() // Start took back the signals that the child finds ignored
	for {
		select {
		case <-child.Done():
			return child.Status(), nil
		case s := <-g.signals:
			if sig := s.(syscall.Signal); exec.Forwards(sig) {
				_ = child.Signal(sig) // it may have ended meanwhile, which Done tells
			}
		}
	}
}

// catch has everything that can be forwarded sent to the queue. HUP and INT stay
// ignored if they were: a command under nohup(1) is not to see them.
func (g *Guard) catch() {
	g.notify(slices.DeleteFunc(exec.Signals(), func(sig syscall.Signal) bool {
		return (sig == syscall.SIGHUP || sig == syscall.SIGINT) && slices.Contains(g.ignored, sig)
	}))
	g.release()
}

// End makes status pylee's own: a signal ends pylee too. If that cannot be, as for
// process 1, or the command exited, it returns the status to exit with.
func End(status exec.Status) int {
	if sig, ok := status.Signal(); ok {
		exec.Die(sig)
	}
	return status.Code()
}

package runner

import (
	"slices"
	"syscall"

	"github.com/pyleeai/pylee/exec"
)

// Replace becomes the command. It returns only if a signal came first, with its
// status, or if that failed, with an *exec.Error.
func Replace(spec exec.Spec, g *Guard) (exec.Status, error) {
	g.leave()
	spec.Ignore = slices.Concat(spec.Ignore, g.ignored)
	if g.caught {
		// From here on the kernel deals with a signal at once; drain finds those
		// that came before.
		exec.ResetSignals(deadly(), spec.Ignore)
	}
	if g.caught || !onMain() {
		settle() // on the first thread the kernel would not have let this go on
	}
	if status, ended := g.drain(); ended {
		return status, nil
	}
	return exec.Status{}, exec.Replace(spec)
}

// deadly returns the signals that the kernel shall deal with from now on. PIPE is not
// among them: whatever is still said may find nobody to read it.
func deadly() []syscall.Signal {
	return slices.DeleteFunc(exec.Signals(), func(sig syscall.Signal) bool { return sig == syscall.SIGPIPE })
}

// catch has everything that can be forwarded sent to the queue, and what is in more.
// HUP and INT stay ignored if they were: a command under nohup(1) is not to see them.
func (g *Guard) catch(more ...syscall.Signal) {
	g.notify(slices.DeleteFunc(append(exec.Signals(), more...), func(sig syscall.Signal) bool {
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

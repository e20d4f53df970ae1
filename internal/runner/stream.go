package runner

import (
	"context"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// Stream is where a command writes to that does not write to the standard streams of
// pylee. Each start of the command has one of its own.
type Stream interface {
	// Started is called once the command is there and has its ends.
	Started()
	// Resize is called when the terminal may have another size, and tells whether the
	// command has to hear of it.
	Resize() bool
	// Drain returns when all that was written has come out, or with ctx. It is called
	// after the end of the command, and if it could not be started.
	Drain(ctx context.Context)
}

// glance is how often the size of a terminal is looked at whose signals do not come here.
const glance = 500 * time.Millisecond

// launch starts the command, with streams of its own where Output makes them.
func (l *loop) launch(spec exec.Spec) (*exec.Child, Stream, error) {
	spec = l.prepare(spec)
	if l.Output == nil {
		child, err := l.spawner.Start(spec)
		return child, nil, err
	}
	stream, err := l.Output(&spec)
	if err != nil {
		return nil, nil, &exec.Error{Code: exec.CodeFailed, Detail: err.Error(), Err: err}
	}
	child, err := l.spawner.Start(spec)
	if err != nil {
		stream.Drain(l.draining)
		return nil, nil, err
	}
	stream.Started()
	return child, stream, nil
}

// drain has everything come out that a command wrote, beside what else there is to do.
func (l *loop) drain(stream Stream) {
	if stream != nil {
		l.drains.Go(func() { stream.Drain(l.draining) })
	}
}

// heed takes from a signal what matters to streams.
func (l *loop) heed(sig syscall.Signal) {
	if sig == syscall.SIGWINCH {
		l.resize()
	}
	l.hurries = l.hurries || l.machine.stops(sig)
}

// drained waits until everything has come out. A command that waits for a reader can be
// stopped by a signal, and so can this: who has asked pylee to stop waits no more than for
// what is left of a command.
func (l *loop) drained() {
	if l.hurries {
		defer time.AfterFunc(linger, l.discard).Stop()
	}
	done := make(chan struct{})
	go func() {
		l.drains.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return
		case s := <-l.guard.signals:
			if sig, ok := s.(syscall.Signal); ok && (sig == syscall.SIGHUP || l.machine.stops(sig)) {
				l.discard()
			}
		}
	}
}

// resize gives the size of the terminal on to the commands that have another one.
func (l *loop) resize() {
	for _, id := range slices.Sorted(maps.Keys(l.streams)) {
		if child := l.children[id]; child != nil && l.streams[id].Resize() {
			_ = child.Signal(syscall.SIGWINCH) // it may have ended
		}
	}
}

// sizes tells when to look at the size of the terminal: its signals are for its foreground
// group, which may be the command's alone.
func (l *loop) sizes() (<-chan time.Time, func()) {
	if l.Output == nil || l.terminal != exec.TerminalForeground {
		return nil, func() {}
	}
	tick := time.NewTicker(glance)
	return tick.C, tick.Stop
}

// tell says that a command is there, or has ended.
func (l *loop) tell(pid int) {
	if l.Child != nil {
		l.Child(pid)
	}
}

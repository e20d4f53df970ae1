package mask

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// idle is how long what may be the beginning of a value is held back when nothing
// follows it: hardly seen by a human, and longer than a busy machine takes between the
// two halves of one line.
const idle = 100 * time.Millisecond

// Output is a pair of streams for a command whose output is masked: what the command
// writes to them comes out of the streams they were made for. It is used once.
//
// A stream is a pseudo-terminal where the one behind it is a terminal, so that the
// command goes on to write colours, progress bars and lines at once; else it is a pipe.
// Where both streams behind are the same file there is one stream for both, and what
// the command writes keeps its order. A slow reader slows the command down, as without
// a mask: little more than what a pipe holds is under way.
//
// The terminal itself is not touched, and the command's standard input is left to it:
// keys, echo and job control are as without a mask. The pseudo-terminal has the modes
// of the terminal, but does not process output, which is done once, behind it. It is no
// controlling terminal. Two things are different for the command: modes that it sets on
// its standard output, as curses does, have no effect on the keyboard, and what it writes
// to /dev/tty passes by. Where golang.org/x/sys has no pseudo-terminals (systems other
// than Linux) the streams are pipes.
type Output struct {
	streams []*stream
	stdout  *stream
	stderr  *stream
}

// Open makes the streams for what is to come out of stdout and stderr, which stay open
// and may be used by others meanwhile. Who calls it has to call Drain, whether a command
// was started or not.
func Open(m *Masker, stdout, stderr *os.File) (*Output, error) {
	first, err := open(m, stdout)
	if err != nil {
		return nil, fmt.Errorf("mask: standard output: %w", err)
	}
	o := &Output{streams: []*stream{first}, stdout: first, stderr: first}
	if !sameFile(stdout, stderr) {
		second, err := open(m, stderr)
		if err != nil {
			first.abandon()
			return nil, fmt.Errorf("mask: standard error: %w", err)
		}
		o.streams, o.stderr = append(o.streams, second), second
	}
	for _, s := range o.streams {
		go s.run()
	}
	return o, nil
}

func sameFile(a, b *os.File) bool {
	infoA, err := a.Stat()
	if err != nil {
		return false
	}
	infoB, err := b.Stat()
	return err == nil && os.SameFile(infoA, infoB)
}

// Stdout is the standard output of the command to be started; Stderr its standard error.
// They are in blocking mode and closed on exec. Both are the same file where those
// behind them are.
func (o *Output) Stdout() *os.File { return o.stdout.child }

// Stderr is the standard error of the command.
func (o *Output) Stderr() *os.File { return o.stderr.child }

// Started closes the command's ends in this process, once the command has its own.
// Without it Drain would not see the end of the streams.
func (o *Output) Started() {
	for _, s := range o.streams {
		s.child.Close() //nolint:errcheck // nothing was written by it
	}
}

// Use makes the streams look for other values from now on; see Filter.Use. Who rotates
// gives the old ones too, as long as a command knows them.
func (o *Output) Use(m *Masker) {
	for _, s := range o.streams {
		s.filter.Use(m)
	}
}

// Resize gives the pseudo-terminals the size of their terminals, and tells whether one
// changed. It is to be called at SIGWINCH. The kernel tells nobody of the new size, so
// the caller then sends the command a SIGWINCH; one of the terminal itself may have come
// to it too early.
func (o *Output) Resize() bool {
	changed := false
	for _, s := range o.streams {
		if s.terminal && s.resize() {
			changed = true
		}
	}
	return changed
}

// Drain returns when all that was written has come out. It is called after the end of
// the command. Others may keep the streams open, such as a daemon that it left behind:
// they are listened to until nobody has a stream open or limit has passed, and then
// once more for what they have written. Then writing fails for them.
//
// Drain waits for readers of the streams behind as long as they take, or until ctx ends.
// The errors are those of writing; without a reader (EPIPE) there is none, as there is
// none for the command, which got a SIGPIPE or an error of its own.
func (o *Output) Drain(ctx context.Context, limit time.Duration) error {
	o.Started()
	var errs []error
	for _, s := range o.streams {
		s.end(time.Now().Add(limit))
	}
	for _, s := range o.streams {
		select {
		case <-s.done:
			if s.err != nil && !errors.Is(s.err, unix.EPIPE) {
				errs = append(errs, fmt.Errorf("mask: %s: %w", s.to.Name(), s.err))
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

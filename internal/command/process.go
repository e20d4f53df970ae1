package command

import (
	"cmp"
	"errors"
	"os"
	osexec "os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a tool that runs. One goroutine owns it.
type process struct {
	cmd       *osexec.Cmd
	exited    chan struct{} // closed when the program has ended; end makes it be gone
	out, errs *capture
	in        *os.File // where it is fed; nil: not
	fed       chan struct{}
}

// start starts t.
func start(t Tool) (*process, error) {
	p := &process{exited: make(chan struct{}), fed: make(chan struct{})}
	p.cmd = &osexec.Cmd{
		Path: t.Argv[0], Args: t.Argv, Dir: cmp.Or(t.Dir, "/"),
		Env:         append([]string{}, t.Env...), // nil would be this process's own
		SysProcAttr: attributes(),
		ExtraFiles:  make([]*os.File, max(0, lastInherited()-2)), // nil: closed in the child
	}
	theirs, err := p.pipes(t)
	if err == nil {
		started := make(chan error)
		go p.keep(started)
		err = <-started
	}
	for _, f := range theirs {
		f.Close() //nolint:errcheck // the child has its own
	}
	if err != nil {
		for _, f := range p.ours() {
			f.Close() //nolint:errcheck // nothing was written
		}
		return nil, err
	}
	go p.out.read()
	go p.errs.read()
	go p.feed(t.Input)
	return p, nil
}

// pipes makes the standard files and returns the ends of the child.
func (p *process) pipes(t Tool) (theirs []*os.File, err error) {
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		r, w, err = os.Pipe()
		return r, w
	}
	limit := t.Limit
	if limit <= 0 {
		limit = MaxOutput
	}
	if r, w := pipe(); err == nil {
		p.out, theirs = newCapture(r, limit, t.Enough), append(theirs, w)
		p.cmd.Stdout = w
	}
	if r, w := pipe(); err == nil {
		p.errs, theirs = newCapture(r, maxErrors, nil), append(theirs, w)
		p.cmd.Stderr = w
	}
	if t.Input == nil {
		return theirs, err
	}
	if r, w := pipe(); err == nil {
		p.in, theirs = w, append(theirs, r)
		p.cmd.Stdin = r
	}
	return theirs, err
}

// ours returns our ends of the pipes.
func (p *process) ours() []*os.File {
	var files []*os.File
	for _, c := range []*capture{p.out, p.errs} {
		if c != nil {
			files = append(files, c.from)
		}
	}
	if p.in != nil {
		files = append(files, p.in)
	}
	return files
}

// keep starts the program and waits for its end. It stays on one thread, because the
// kernel kills the child when the thread that started it ends (go.dev/issue/27505).
func (p *process) keep(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		awaitExit(p.cmd.Process.Pid)
		close(p.exited)
	}
}

// feed writes the input. A tool that does not read it gets no error for that.
func (p *process) feed(input []byte) {
	defer close(p.fed)
	if p.in == nil {
		return
	}
	p.in.Write(input) //nolint:errcheck // see above
	p.in.Close()      //nolint:errcheck // a pipe
}

// end kills what is left of the group, waits for the program, and returns how it ended.
// Until the wait the program is at least a zombie, so that no other group can have its
// number.
func (p *process) end() syscall.WaitStatus {
	pid := p.cmd.Process.Pid
	unix.Kill(-pid, unix.SIGKILL) //nolint:errcheck // nobody left is fine, and no permission shows in the wait
	<-p.exited
	p.out.finish()
	p.errs.finish()
	if p.in != nil {
		p.in.Close() //nolint:errcheck // perhaps closed before
	}
	<-p.fed
	p.cmd.Wait() //nolint:errcheck // the state tells
	reapOrphans(pid)
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return status
}

// reapOrphans waits for killed processes of the group that became children of this one:
// those of process 1 do, and of a subreaper.
func reapOrphans(group int) {
	for {
		if _, err := unix.Wait4(-group, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// lastInherited returns the highest descriptor that a child would get without being
// meant to, or 0. Go opens none without O_CLOEXEC: they come from the parent of this
// process, for the command that it is going to run.
func lastInherited() int {
	last := 0
	for _, fd := range descriptors() {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			last = max(last, fd)
		}
	}
	if last <= 2 {
		return 0
	}
	return last
}

func descriptors() []int {
	var fds []int
	dir, err := os.Open("/dev/fd")
	if err != nil { // no /proc, as in a chroot
		for fd := range 256 {
			fds = append(fds, fd)
		}
		return fds
	}
	defer dir.Close() //nolint:errcheck // only read
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// name returns the name of a signal, as SIGTERM.
func name(sig syscall.Signal) string {
	if text := unix.SignalName(sig); text != "" {
		return text
	}
	return strconv.Itoa(int(sig))
}

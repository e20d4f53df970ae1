package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of Ask about whom to ask.
var (
	ErrNone    = errors.New("no pylee runs that could be asked")
	ErrSeveral = errors.New("several run")
)

// lockWithin is how long Listen waits for others that look at the directory. They take
// no time, unless they are stopped.
const lockWithin = 200 * time.Millisecond

// List returns the pids with a living socket, sorted. Sockets of the dead are removed.
// Directories that do not exist are empty. The error, an *Error, is that of the first
// that cannot be read or trusted; what the others have comes with it.
func List(dirs []string) ([]int, error) {
	if len(dirs) == 0 {
		return nil, errNoDir()
	}
	var pids []int
	var first error
	for _, path := range dirs {
		d, err := openDir(path, false)
		if err == nil {
			unlock, locked := d.lock(0)
			pids = append(pids, d.sweep(locked)...)
			unlock()
			d.close()
		} else if first == nil && !errors.Is(err, unix.ENOENT) {
			first = err
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), first
}

// Ask sends a request to the pylee with this pid, or if that is 0, to the only one that
// runs, and calls each for every reply. A reply with an Error ends it: each has seen it,
// and it is the error. Other errors are that of each, or an *Error, which wraps ErrNone,
// ErrSeveral or that of ctx.
func Ask(ctx context.Context, dirs []string, pid int, r Request, each func(Reply) error) error {
	pids, err := List(dirs)
	if err != nil && len(pids) == 0 {
		return err
	}
	switch {
	case pid != 0 && slices.Contains(pids, pid):
	case pid != 0:
		return none(pid)
	case len(pids) == 0:
		return &Error{Detail: ErrNone.Error(), Err: ErrNone}
	case len(pids) > 1:
		list := make([]string, len(pids))
		for i, p := range pids {
			list[i] = strconv.Itoa(p)
		}
		return &Error{
			Detail: "several run: " + strings.Join(list, ", "),
			Hint:   "choose one: --pid " + list[0], Err: ErrSeveral,
		}
	default:
		pid = pids[0]
	}
	conn, err := connect(ctx, dirs, pid)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // all was read
	return talk(ctx, conn, pid, r, each)
}

func none(pid int) *Error {
	return &Error{Detail: fmt.Sprintf("no pylee with pid %d runs that could be asked", pid), Hint: "pylee status", Err: ErrNone}
}

// connect returns a connection to the living socket of a pid.
func connect(ctx context.Context, dirs []string, pid int) (*net.UnixConn, error) {
	last := none(pid)
	for _, path := range dirs {
		d, err := openDir(path, false)
		if err != nil {
			continue
		}
		conn, err := d.dial(ctx, nameOf(pid))
		if err == nil {
			if err = checkPeer(conn); err == nil {
				d.close()
				return conn, nil
			}
			conn.Close() //nolint:errcheck // nothing was written
		}
		if !errors.Is(err, unix.ENOENT) {
			last = failed(path+"/"+nameOf(pid), err, "")
		}
		d.close()
	}
	return nil, last
}

// dial connects to a socket in the directory.
func (d *directory) dial(ctx context.Context, name string) (*net.UnixConn, error) {
	address, err := d.address(name)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// talk sends the request and reads the replies.
func talk(ctx context.Context, conn *net.UnixConn, pid int, r Request, each func(Reply) error) error {
	place := "pid " + strconv.Itoa(pid)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	failure := func(err error) error {
		if ctx.Err() != nil {
			return &Error{Detail: "control socket: " + place + ": no answer in time", Err: ctx.Err()}
		}
		return failed(place, err, "")
	}
	// A server that turns us away may have closed already, and its reply tells why.
	written := writeLine(conn, r)
	reader := bufio.NewReader(conn)
	for count := 0; ; count++ {
		reply, err := readReply(reader)
		switch {
		case err == io.EOF && count > 0:
			return nil
		case err == io.EOF && written != nil:
			return failure(written)
		case err == io.EOF:
			return failure(errors.New("it went away without an answer"))
		case err != nil:
			return failure(err)
		}
		if err := each(reply); err != nil {
			return err
		}
		if reply.Error != "" {
			return &Error{Detail: place + ": " + printable(reply.Error)}
		}
	}
}

// sweep returns the pids that answer, and removes the sockets of those that do not if
// the directory is locked.
func (d *directory) sweep(locked bool) []int {
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), d.path)
	names, _ := file.Readdirnames(-1)
	file.Close() //nolint:errcheck // only read
	var pids []int
	for _, name := range names {
		pid, ok := pidOf(name)
		if !ok {
			continue
		}
		is, err := d.identify(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, err := d.dial(ctx, name)
		cancel()
		switch {
		case err == nil:
			conn.Close() //nolint:errcheck // nothing was written
			pids = append(pids, pid)
		case errors.Is(err, unix.ECONNREFUSED):
			if locked {
				d.unlink(name, is)
			}
		case !errors.Is(err, unix.ENOENT):
			pids = append(pids, pid) // busy: EAGAIN
		}
	}
	return pids
}

// lock keeps others from removing and making sockets, which would remove one that is
// made at the moment. It waits for them as long as within.
func (d *directory) lock(within time.Duration) (unlock func(), locked bool) {
	const pause = 5 * time.Millisecond
	for end := time.Now().Add(within); ; {
		if err := unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { unix.Flock(d.fd, unix.LOCK_UN) }, true //nolint:errcheck // it was locked
		}
		left := time.Until(end)
		if left <= 0 {
			return func() {}, false
		}
		timer := time.NewTimer(min(left, pause))
		<-timer.C
	}
}

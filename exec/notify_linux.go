package exec

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier stands between the command and the service manager: the command talks to a
// socket of this process, and what it says goes on to the manager as said by this
// process, which is the one the manager knows (NotifyAccess=main).
//
// Messages are taken from the present command and its descendants alone, told by the
// credentials that the kernel attaches. A descendant is one whose parents lead to the
// command, or that is in the process group that the command leads. While there is
// no command, messages wait.
//
// No method waits for the service manager but Close. All may be called concurrently.
type Notifier struct {
	options NotifyOptions
	manager int      // socket to the manager; -1: none
	to      address  // of the manager
	socket  *os.File // the command's end; nil: it has none
	value   string   // NOTIFY_SOCKET of the command
	path    string   // to remove; empty: none
	events  chan NotifyEvent
	done    sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	child    int // process id; 0: none
	stopping bool
	gap      bool // nobody can be expected to answer the watchdog
	closed   bool
	queue    []outgoing // to the manager

	// What was told last of the present command: repetitions are no news.
	last  NotifyKind
	limit time.Duration
}

// outgoing is a message to the manager. Its descriptors are closed once it was sent.
type outgoing struct {
	data  []byte
	files []int
}

const (
	// crowded is how many messages may wait for the manager before the command has to.
	crowded = 8
	// full is how many may wait before those of this process are dropped.
	full = 256
)

// NewNotifier makes the socket of the command, if there is a service manager or
// o.Own is set; else the Notifier does nothing. An error is an *Error.
func NewNotifier(o NotifyOptions) (*Notifier, error) {
	n := &Notifier{options: o, manager: -1, gap: true, events: make(chan NotifyEvent, eventQueue)}
	n.changed = sync.NewCond(&n.mu)
	if o.Socket != "" {
		if err := n.connect(); err != nil {
			return nil, err
		}
		n.done.Add(1)
		go n.write()
	}
	if o.Socket != "" || o.Own {
		if err := n.bind(); err != nil {
			n.Close()
			return nil, notifyError("the command's notify socket: "+reason(err), "", err)
		}
		n.done.Add(1)
		go n.read()
	}
	return n, nil
}

// Env returns the variable that leads the command to its socket; ok is false if it has
// none.
func (n *Notifier) Env() (name, value string, ok bool) {
	return notifyVariable, n.value, n.value != ""
}

// Events returns what the present command says. Who does not read misses the
// oldest states, and of the rest the newest.
func (n *Notifier) Events() <-chan NotifyEvent { return n.events }

// Child says that from now on messages come from c; nil: from nobody, as long as
// there is no command. All that the one before has sent by now still counts.
func (n *Notifier) Child(c *Child) {
	pid := 0
	if c != nil {
		pid = c.Pid()
	}
	n.follow(pid)
}

func (n *Notifier) follow(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.drain()
	n.child, n.last, n.limit = pid, 0, 0
	n.gap = n.gap || pid == 0
	if pid != 0 && n.options.OnStart {
		n.own("READY=1")
		n.tell(NotifyEvent{Kind: NotifyReady, Pid: pid})
	}
	n.changed.Broadcast()
}

// drain takes in what the command has left in the socket.
func (n *Notifier) drain() {
	const most = 1024 // more than the kernel queues (net.unix.max_dgram_qlen), should a flood go on
	if n.child == 0 || n.socket == nil {
		return
	}
	raw, err := n.socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for range most {
			if !n.take(int(fd)) {
				return
			}
		}
	})
}

// read is the goroutine that takes in messages.
func (n *Notifier) read() {
	defer n.done.Done()
	raw, err := n.socket.SyscallConn()
	for err == nil && n.wanted() {
		err = raw.Read(func(fd uintptr) bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.closed || n.child == 0 || n.take(int(fd))
		})
	}
}

// wanted waits until there is a command to listen to. It returns false at the end.
func (n *Notifier) wanted() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for !n.closed && (n.child == 0 || len(n.queue) >= crowded) {
		n.changed.Wait()
	}
	return !n.closed
}

// take takes in one message. It returns false if there is none.
func (n *Notifier) take(fd int) bool {
	m, err := receive(fd)
	if err != nil {
		return !errors.Is(err, unix.EAGAIN)
	}
	fault := m.fault
	if fault == "" && !descends(m.pid, n.child) {
		fault = "not sent by the command"
	}
	var said notice
	if fault == "" {
		said = readNotice(m.data, len(m.files), n.stopping)
		fault = said.fault
	}
	if fault != "" {
		closeAll(m.files)
		n.tell(NotifyEvent{Kind: NotifyRefused, Pid: m.pid, Text: fault})
		return true
	}
	n.options.Listen.store(said.store, m.files)
	if !said.files {
		closeAll(m.files)
		m.files = nil
	}
	for _, e := range said.events {
		e.Pid = n.child
		n.tell(e)
	}
	n.pass(outgoing{said.data, m.files})
	return true
}

// pass puts a message into the queue to the manager.
func (n *Notifier) pass(m outgoing) {
	if n.manager < 0 || len(m.data) == 0 {
		closeAll(m.files)
		return
	}
	n.queue = append(n.queue, m)
	n.changed.Broadcast()
}

// tell hands out an event without ever waiting. A state is told once, so that a
// command that repeats itself cannot hide one.
func (n *Notifier) tell(e NotifyEvent) {
	if e.Kind.dispensable() {
		if len(n.events) < eventQueue/2 {
			n.events <- e // does not block: mu is held by who sends
		}
		return
	}
	if e.Kind == NotifyReady {
		n.gap = false
	}
	switch {
	case e.Kind == NotifyTimeout && e.After != n.limit:
		n.limit = e.After
	case e.Kind != NotifyTimeout && e.Kind != n.last:
		n.last = e.Kind
	default:
		return
	}
	for {
		select {
		case n.events <- e:
			return
		default:
		}
		select {
		case <-n.events:
		default:
		}
	}
}

// Close sends what is left, for a second at most, and removes the socket. The channel
// of events stays open.
func (n *Notifier) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.drain()
	n.closed, n.child = true, 0
	n.changed.Broadcast()
	n.mu.Unlock()
	if n.socket != nil {
		n.socket.Close() // ends read
	}
	n.done.Wait()
	if n.path != "" {
		os.Remove(n.path) //nolint:errcheck // the directory is removed by its owner
	}
	if n.manager >= 0 {
		unix.Close(n.manager) //nolint:errcheck // nothing is buffered
	}
}

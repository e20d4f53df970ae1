package exec

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Stopping says whether the service is being stopped, and not only the command to be
// started again. Until then the manager does not get to hear STOPPING=1: to systemd it
// is the end of the service.
func (n *Notifier) Stopping(own bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopping = own
}

// Reloading tells the manager that new secrets are on their way to the command. It
// waits for READY=1 then, of the command or by Ready.
func (n *Notifier) Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return // there is no Linux without this clock
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last, n.gap = 0, true // the next READY=1 is news
	n.own("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/int64(time.Microsecond), 10))
}

// Ready tells the manager that the service is ready.
func (n *Notifier) Ready() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gap = false
	n.own("READY=1")
}

// Status tells the manager what is going on, in one line for people.
func (n *Notifier) Status(text string) { n.say("STATUS=" + oneLine(text)) }

// Extend asks the manager for d more before it takes a start or a stop for failed.
func (n *Notifier) Extend(d time.Duration) {
	n.say("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(max(d, time.Microsecond).Microseconds(), 10))
}

// Watchdog tells the manager that the service is alive while no command can: from
// Reloading, or the end of a command, until the next READY=1. At any other time it does
// nothing, because that is the command's own duty: a watchdog that barks for another
// guards nothing. How long a gap may last is for the caller to decide.
func (n *Notifier) Watchdog() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gap {
		n.own("WATCHDOG=1")
	}
}

func (n *Notifier) say(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.own(text)
}

// own puts a message of this process into the queue.
func (n *Notifier) own(text string) {
	if n.closed || n.manager < 0 {
		return
	}
	if len(n.queue) >= full {
		n.tell(NotifyEvent{Kind: NotifyLost, Pid: n.child, Text: "the service manager does not read"})
		return
	}
	n.pass(outgoing{data: []byte(text)})
}

// write is the goroutine that sends to the manager, in order.
func (n *Notifier) write() {
	defer n.done.Done()
	const last = time.Second // for what is left when Close is called
	var end time.Time
	late := func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.closed && end.IsZero() {
			end = time.Now().Add(last)
		}
		return n.closed && !time.Now().Before(end)
	}
	for {
		m, ok := n.first()
		if !ok {
			return
		}
		err := error(unix.EAGAIN)
		if !late() {
			err = send(n.manager, n.to, m, late)
		}
		closeAll(m.files)
		if err != nil {
			n.mu.Lock()
			n.tell(NotifyEvent{Kind: NotifyLost, Pid: n.child, Text: reason(err)})
			n.mu.Unlock()
		}
	}
}

// first waits for a message and takes it from the queue. It returns false at the end.
func (n *Notifier) first() (outgoing, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for !n.closed && len(n.queue) == 0 {
		n.changed.Wait()
	}
	if len(n.queue) == 0 {
		return outgoing{}, false
	}
	m := n.queue[0]
	n.queue = n.queue[1:]
	n.changed.Broadcast()
	return m, true
}

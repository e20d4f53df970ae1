package exec

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// notice is one message of the command, as it is dealt with.
type notice struct {
	data   []byte        // what goes on to the service manager; nil: nothing
	files  bool          // the descriptors go along
	events []NotifyEvent // without Pid
	store  storing
	fault  string // why the message was dropped altogether; empty: it was not
}

// storing is what a message wants of the file descriptor store.
type storing struct {
	add, remove bool
	name        string // valid, or empty
	keep        bool   // FDPOLL=0: also when the other end is gone
}

// readNotice judges a message with a number of descriptors. stopping: the service is
// being stopped, by the manager or by this process, and may say so.
//
// The manager takes what this process says for what its main process says. So the
// command cannot hand that role on (MAINPID), nor can it decide who may speak
// (NOTIFYACCESS). What it is refused in, and what a message has to look like, is as in
// manager_dispatch_notify_message and service_notify_message of systemd.
func readNotice(data []byte, files int, stopping bool) notice {
	switch at := bytes.IndexByte(data, 0); {
	case len(data) == 0:
		return notice{fault: "empty"}
	case at >= 0 && at < len(data)-1:
		return notice{fault: "holds a NUL byte"}
	}
	lines := splitNotice(data)
	for _, line := range lines {
		if line != "BARRIER=1" {
			continue
		}
		if len(lines) != 1 || files != 1 {
			return notice{fault: "BARRIER=1 has to come alone and with one descriptor"}
		}
		return notice{data: data, files: true}
	}
	n := notice{data: data, files: true}
	var kept []string
	for _, line := range lines {
		if passes(line, stopping) {
			kept = append(kept, line)
		}
	}
	n.store = storeRequest(lines)
	if len(kept) < len(lines) {
		n.data = []byte(strings.Join(kept, "\n"))
		// The descriptor of a MAINPIDFD means nothing to the rest.
		n.files = n.store.add
	}
	if len(kept) == 0 {
		n.data = nil
	}
	n.events = eventsOf(lines)
	return n
}

// splitNotice returns the assignments. To systemd a carriage return ends one as well.
func splitNotice(data []byte) []string {
	text := strings.TrimSuffix(string(data), "\x00")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// passes tells whether an assignment is for the service manager.
func passes(line string, stopping bool) bool {
	name, _, _ := strings.Cut(line, "=")
	switch name {
	case "MAINPID", "MAINPIDFD", "MAINPIDFDID", "NOTIFYACCESS":
		return false
	case "STOPPING":
		return stopping
	}
	return true
}

// eventsOf returns the events of a message. As in systemd, of several assignments to
// one name the first counts.
func eventsOf(lines []string) []NotifyEvent {
	var events []NotifyEvent
	seen := map[NotifyKind]bool{}
	for _, line := range lines {
		if e, ok := eventOf(line); ok && !seen[e.Kind] {
			seen[e.Kind] = true
			events = append(events, e)
		}
	}
	return events
}

func eventOf(line string) (NotifyEvent, bool) {
	switch line {
	case "READY=1":
		return NotifyEvent{Kind: NotifyReady}, true
	case "RELOADING=1":
		return NotifyEvent{Kind: NotifyReloading}, true
	case "STOPPING=1":
		return NotifyEvent{Kind: NotifyStopping}, true
	case "WATCHDOG=1":
		return NotifyEvent{Kind: NotifyWatchdog}, true
	}
	name, value, _ := strings.Cut(line, "=")
	switch name {
	case "STATUS":
		return NotifyEvent{Kind: NotifyStatus, Text: value}, true
	case "WATCHDOG_USEC":
		after, ok := microseconds(value)
		return NotifyEvent{Kind: NotifyTimeout, After: after}, ok
	case "EXTEND_TIMEOUT_USEC":
		after, ok := microseconds(value)
		return NotifyEvent{Kind: NotifyExtend, After: after}, ok
	}
	return NotifyEvent{}, false
}

// storeRequest returns what a message wants of the store. Removing comes first.
func storeRequest(lines []string) storing {
	var s storing
	named := false
	for _, line := range lines {
		switch line {
		case "FDSTORE=1":
			s.add = true
		case "FDSTOREREMOVE=1":
			s.remove = true
		case "FDPOLL=0":
			s.keep = true
		}
		if name, ok := strings.CutPrefix(line, "FDNAME="); ok && !named {
			named = true
			if validFDName(name) {
				s.name = name
			}
		}
	}
	s.add = s.add && !s.remove
	return s
}

// validFDName is fdname_is_valid of systemd: what sd_pid_notify_with_fds(3) allows.
func validFDName(name string) bool {
	for _, c := range []byte(name) {
		if c < ' ' || c >= 127 || c == ':' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 255
}

// microseconds reads a positive number of microseconds, as far as time goes.
func microseconds(text string) (time.Duration, bool) {
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, false
	}
	return time.Duration(min(n, most)) * time.Microsecond, true
}

// oneLine makes a text fit for the value of an assignment.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 127 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > largestStatus {
		text = strings.ToValidUTF8(text[:largestStatus], "")
	}
	return text
}

// names tells whether a variable is empty or the process id pid.
func names(env *Env, variable string, pid int) bool {
	text, _ := env.Lookup(variable)
	return text == "" || text == strconv.Itoa(pid)
}

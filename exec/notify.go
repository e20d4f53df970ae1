package exec

import "time"

// NotifyOptions say what a Notifier connects.
type NotifyOptions struct {
	// Socket is the NOTIFY_SOCKET that this process inherited: an absolute path or
	// "@" and the name of an abstract socket. Empty: there is no service manager.
	Socket string
	// Own gives the command a socket even if there is no service manager, so that
	// its readiness is known here.
	Own bool
	// Dir is where the socket of the command is made: a directory that nobody but
	// this process and the command can enter, absolute. Empty: the socket is an
	// abstract one, which needs no file system but is in reach of everybody in the
	// network namespace. What others send is dropped in both cases.
	Dir string
	// UID and GID own the socket in Dir, for a command that runs as another user.
	// Zero: this process.
	UID, GID int
	// OnStart takes a command for ready as soon as it was started.
	OnStart bool
	// Listen keeps what the command puts into the file descriptor store, for the
	// next command. It may be nil.
	Listen *Listen
}

// NotifyKind tells what an event is about.
type NotifyKind int

// The kinds of events; what they are called in sd_notify(3).
const (
	NotifyReady     NotifyKind = iota + 1 // READY=1
	NotifyReloading                       // RELOADING=1
	NotifyStopping                        // STOPPING=1
	NotifyStatus                          // STATUS=Text
	NotifyWatchdog                        // WATCHDOG=1
	NotifyTimeout                         // WATCHDOG_USEC=, the new limit in After
	NotifyExtend                          // EXTEND_TIMEOUT_USEC=, in After
	NotifyRefused                         // a message that was dropped: its sender in Pid, the reason in Text
	NotifyLost                            // a message that the service manager did not get, and why in Text
)

// NotifyEvent is something that the command said, or that became of it.
type NotifyEvent struct {
	Kind  NotifyKind
	Pid   int           // of the command as Child was told, also if one of its descendants said it
	Text  string        // the words of the command; not to be trusted
	After time.Duration // of NotifyTimeout and NotifyExtend
}

// dispensable tells whether an event of the kind may be left out when nobody reads.
func (k NotifyKind) dispensable() bool {
	switch k {
	case NotifyReady, NotifyReloading, NotifyStopping, NotifyTimeout:
		return false
	}
	return true
}

const (
	notifyVariable = "NOTIFY_SOCKET"

	// largestNotice is what systemd reads of a message (PIPE_BUF); it ignores longer ones.
	largestNotice = 4096
	// largestStatus keeps a text of this process far below that.
	largestStatus = 1024

	// eventQueue is how many events wait for a reader.
	eventQueue = 64
)

// WatchdogTimeout returns how often the service manager wants to hear of process
// pid at the latest, from WATCHDOG_USEC and WATCHDOG_PID as in
// sd_watchdog_enabled(3). Zero: it does not.
func WatchdogTimeout(environ []string, pid int) time.Duration {
	env := NewEnv(environ)
	text, _ := env.Lookup("WATCHDOG_USEC")
	limit, ok := microseconds(text)
	if !ok || !names(env, "WATCHDOG_PID", pid) {
		return 0
	}
	return limit
}

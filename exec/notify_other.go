//go:build unix && !linux

package exec

import "time"

// Notifier does nothing here: there is no systemd. See notify_linux.go.
type Notifier struct{ events chan NotifyEvent }

// NewNotifier returns an *Error if the command was to have a socket.
func NewNotifier(o NotifyOptions) (*Notifier, error) {
	if o.Own || o.Socket != "" {
		return nil, &Error{Code: CodeFailed, Detail: "readiness: " + notifyVariable + " is served on Linux only",
			Hint: "env -u " + notifyVariable + " pylee run ..."}
	}
	return &Notifier{events: make(chan NotifyEvent, 1)}, nil
}

// Env returns no variable.
func (n *Notifier) Env() (name, value string, ok bool) { return notifyVariable, "", false }

// Events never has any.
func (n *Notifier) Events() <-chan NotifyEvent { return n.events }

// Child does nothing.
func (n *Notifier) Child(*Child) {}

// Stopping does nothing.
func (n *Notifier) Stopping(bool) {}

// Reloading does nothing.
func (n *Notifier) Reloading() {}

// Ready does nothing.
func (n *Notifier) Ready() {}

// Status does nothing.
func (n *Notifier) Status(string) {}

// Extend does nothing.
func (n *Notifier) Extend(time.Duration) {}

// Watchdog does nothing.
func (n *Notifier) Watchdog() {}

// Close does nothing.
func (n *Notifier) Close() {}

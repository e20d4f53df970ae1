package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// watchdog returns when to tell the service manager that all is well, should that be to
// do; see sd_watchdog_enabled(3).
func (l *loop) watchdog() (<-chan time.Time, func()) {
	if l.Rotation == nil || l.Notifier == nil || l.Watchdog <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(max(l.Watchdog/2, time.Millisecond))
	return ticker.C, ticker.Stop
}

// listen has the service manager hear child, or the one that is still there.
func (l *loop) listen(child *exec.Child) {
	if l.Notifier == nil {
		return
	}
	for _, other := range l.children {
		select {
		case <-other.Done():
		default:
			if child == nil {
				child = other
			}
		}
	}
	if child != nil {
		l.Notifier.Child(child)
	}
}

// heard takes in what the command told the service manager.
func (l *loop) heard(e exec.NotifyEvent) {
	if e.Kind == exec.NotifyRefused || e.Kind == exec.NotifyLost {
		l.debugf("notify: a message of process %d: %s", e.Pid, e.Text)
	}
	if e.Kind != exec.NotifyReady {
		return
	}
	for id, child := range l.children {
		if child.Pid() == e.Pid {
			l.step(event{kind: evReady, id: id, told: true})
			return
		}
	}
}

// announce tells the service manager where the rotation is.
func (l *loop) announce(a action) {
	if l.Notifier == nil {
		return
	}
	switch a.text {
	case announceReloading:
		l.Notifier.Reloading()
	case announceRestarting:
		l.Notifier.Stopping(false)
		l.Notifier.Extend(a.after)
	case announceSettled:
		l.Notifier.Stopping(true)
		l.Notifier.Ready()
	case announceReady:
		l.Notifier.Ready()
	case announceStopping:
		l.Notifier.Stopping(true)
	}
}

// publish shows the state. The service manager hears of it when it is not simply that
// the command runs, which the command itself may have better words for.
func (l *loop) publish(s State) {
	if l.Rotation.Publish != nil {
		l.Rotation.Publish(s)
	}
	if l.Notifier == nil {
		return
	}
	text := fmt.Sprintf("generation %d: %s", s.Generation, s.Name)
	if len(s.Degraded) > 0 {
		text += "; degraded: " + strings.Join(s.Degraded, "; ")
	} else if l.status == "" && (s.Name == "running" || s.Name == "starting") {
		return
	}
	if text != l.status {
		l.status = text
		l.Notifier.Status(text)
	}
}

//go:build unix && !linux

package exec

import (
	"context"
	"syscall"
	"time"
)

// follow leaves it to the wait for the process.
func (c *Child) follow() (status Status, ended bool) { return Status{}, false }

func birth(int) uint64 { return 0 }

func keepMain() bool { return false }

// reap has nothing to do: this system has no subreapers, and pylee is not its init.
func (s *Spawner) reap(bool) { close(s.idle) }

// KillTree sends SIGKILL to the child and to all of the group that it leads.
func (c *Child) KillTree(context.Context) {
	_ = c.Signal(syscall.SIGKILL) // it may have ended
	_ = c.SignalGroup(syscall.SIGKILL)
}

// SignalTree sends sig to the group that the child leads.
func (c *Child) SignalTree(sig syscall.Signal) {
	if c.group != 0 {
		_ = c.SignalGroup(sig)
	}
}

// Gone waits until the child has ended and of the group that it leads none is left.
// The error is that of ctx.
func (c *Child) Gone(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.group != 0 && c.SignalGroup(0) == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.letGo()
	return nil
}

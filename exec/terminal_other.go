//go:build unix && !linux

package exec

// Console is the controlling terminal as it was before a child got it. On this
// system no child gets it.
type Console struct{}

// HoldConsole remembers nothing.
func HoldConsole() (*Console, error) { return &Console{}, nil }

// Take does nothing.
func (c *Console) Take(Status) {}

// Unstopped runs f.
func Unstopped(f func()) { f() }

// Halted says yes, because there is no way to ask: a CONT too many does no harm.
func (c *Child) Halted() bool { return true }

// StopAlong does nothing.
func (c *Child) StopAlong() bool { return false }

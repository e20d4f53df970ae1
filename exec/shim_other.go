//go:build unix && !linux

package exec

// Shim is the hidden command of a Spawner, which this system does not need.
func Shim(_, _ []string) (code int, is bool) { return 0, false }

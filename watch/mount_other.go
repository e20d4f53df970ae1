//go:build !linux

package watch

// mountPoints: only Linux mounts single files.
func mountPoints() map[string]bool { return nil }

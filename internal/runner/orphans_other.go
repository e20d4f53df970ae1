//go:build unix && !linux

package runner

// orphans is for process 1, which pylee is on Linux alone.
func orphans() bool { return true }

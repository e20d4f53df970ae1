//go:build unix && !linux

package runner

// onMain says yes: settle does nothing.
func onMain() bool { return true }

// settle does nothing: this system does not tell what its threads do.
func settle() {}

//go:build !linux

package exec

import "syscall"

// Catches cannot be told on this system.
func (c *Child) Catches(syscall.Signal) (caught, known bool) { return false, false }

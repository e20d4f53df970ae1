//go:build unix && !linux

package exec

import "math"

// limits returns the largest entry and the largest sum that execve takes, in
// bytes. There is no limit on one entry; the sum is ARG_MAX of Darwin.
func limits() (single, sum int) { return math.MaxInt, 1 << 20 }

// Package integration holds tests only: scenarios that run the real binary, and the
// rules about who may import whom.
package integration

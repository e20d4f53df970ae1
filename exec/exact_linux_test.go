//go:build pylee_fwdsig

package exec_test

// exact tells that this build knows all inherited ignored signals.
const exact = true

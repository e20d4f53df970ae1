//go:build unix && !(linux && pylee_fwdsig)

package exec

// ExactSignals tells whether Inherited knows every signal, and not just those that a
// program can ask the Go runtime for. It depends on how pylee was built.
const ExactSignals = false

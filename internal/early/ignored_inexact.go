//go:build linux && (amd64 || arm64) && !pylee_fwdsig

package early

// ignored tells whether sig was ignored when the program started: this build cannot
// know it of one that the runtime has a handler for.
func ignored(uintptr) bool { return false }

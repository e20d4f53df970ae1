//go:build linux && (amd64 || arm64) && pylee_fwdsig

package early

import (
	"sync/atomic"
	_ "unsafe" // for go:linkname
)

// fwdSig is where the runtime keeps what it found for each signal when the program
// started; see the package exec, which says what it needs.
//
//go:linkname fwdSig runtime.fwdSig
var fwdSig [last + 1]uintptr

// ignored tells whether sig was ignored when the program started.
func ignored(sig uintptr) bool { return atomic.LoadUintptr(&fwdSig[sig]) == sigIgnore }

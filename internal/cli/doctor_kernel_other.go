//go:build unix && !linux

package cli

import "runtime"

// checkKernel tells that what it looks at on Linux is not there.
func (inv *invocation) checkKernel(f *findings) {
	f.ok("%s: no hidden process memory, no memory files, no mount namespaces; pylee does without", runtime.GOOS)
}

// clockState is what the kernel says of its clock.
func clockState() string { return "" }

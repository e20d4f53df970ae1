package file

import (
	"os"
	"testing"
)

// TestKernelFile checks the second line of defence, which counts where /proc is mounted
// elsewhere or a link changes between the look at the path and the open.
func TestKernelFile(t *testing.T) {
	for path, want := range map[string]bool{"/proc/self/environ": true, "/sys/kernel/uevent_seqnum": true, os.Args[0]: false} {
		f, err := os.Open(path)
		if err != nil {
			t.Logf("not run: %v", err)
			continue
		}
		defer f.Close() //nolint:errcheck // only read
		if got := kernelFile(f); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

//go:build unix && !linux

package exec_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

func TestNotAvailable(t *testing.T) {
	_, dir := exec.PrivateDir(exec.PrivateOptions{Path: "/tmp/pylee"})
	_, file := exec.MemoryFile("token", []byte("hunter2"), 0, -1, -1)
	for _, err := range []error{exec.CanPrivate(), dir, file} {
		if err == nil || !strings.HasSuffix(err.Error(), "not available on "+runtime.GOOS) {
			t.Error(err)
		}
	}
}

package exec_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

// fill is the wrapper's mode that grows the environment: FILL=n,size adds n
// variables of size bytes each, TOTAL=bytes pads to the sum that the kernel counts
// and RAW=1 asks the kernel alone.
func fill(spec exec.Spec) int {
	var n, size, total int
	fmt.Sscanf(os.Getenv("PYLEE_TEST_FILL"), "%d,%d", &n, &size)
	fmt.Sscanf(os.Getenv("PYLEE_TEST_TOTAL"), "%d", &total)
	add := func(name string, size int) {
		if fill := size - len(name) - 1; fill >= 0 {
			spec.Env = append(spec.Env, name+"="+strings.Repeat("c4nary", fill/6+1)[:fill])
		}
	}
	for i := range n {
		add(fmt.Sprintf("FILL%02d", i), size)
	}
	count := func() int {
		sum := len(spec.Argv[0]) + 1
		for _, s := range append(spec.Env, spec.Argv...) {
			sum += len(s) + 1 + 8
		}
		return sum
	}
	for i := 0; total-count() > 9; i++ {
		rest := total - count() - 9
		if rest > 100_000 { // leave enough for the name of the last one
			rest = 90_000
		}
		add(fmt.Sprintf("PAD%02d", i), rest)
	}
	if os.Getenv("PYLEE_TEST_RAW") != "" {
		return report(&exec.Error{Code: exec.CodeNotRun, Err: syscall.Exec(spec.Argv[0], spec.Argv, spec.Env)})
	}
	if os.Getenv("PYLEE_TEST_SPAWN") != "" {
		return spawn(spec)
	}
	if os.Getenv("PYLEE_TEST_START") != "" {
		return finish(exec.Start(spec))
	}
	return report(exec.Replace(spec))
}

func filled(t *testing.T, stack string, env ...string) outcome {
	t.Helper()
	script := "ulimit -Ss " + stack + "; " + strings.Join(env, " ") + " w /bin/true"
	return viaShell(t, "fill", script)
}

// E5: the largest entry.
func TestSizeOfOneEntry(t *testing.T) {
	largest := 32*os.Getpagesize() - 1
	for _, start := range []string{"", "PYLEE_TEST_START=1", "PYLEE_TEST_SPAWN=1"} {
		fits := filled(t, "8192", start, "PYLEE_TEST_FILL=1,"+strconv.Itoa(largest))
		if fits.status != 0 {
			t.Errorf("%d bytes: %v", largest, fits)
		}
		over := filled(t, "8192", start, "PYLEE_TEST_FILL=2,"+strconv.Itoa(largest+1))
		if over.status.ExitStatus() != exec.CodeNotRun || strings.Contains(over.stderr, "c4nary") {
			t.Errorf("%d bytes: %.500v", largest+1, over)
		}
		for _, want := range []string{"FILL00: " + strconv.Itoa(largest+1), "FILL01: ", "allows " + strconv.Itoa(largest), "hint: ", "file"} {
			if !strings.Contains(over.stderr, want) {
				t.Errorf("%.500q lacks %q", over.stderr, want)
			}
		}
	}
}

// E5: the sum, to the byte, with the kernel as the oracle.
func TestSizeOfAll(t *testing.T) {
	for _, tt := range []struct {
		stack string // KiB
		sum   int
	}{{"1024", 256 << 10}, {"8192", 2 << 20}, {"unlimited", 6 << 20}, {"256", 128 << 10}} {
		t.Run(tt.stack, func(t *testing.T) {
			for _, over := range []int{0, 1} {
				total := "PYLEE_TEST_TOTAL=" + strconv.Itoa(tt.sum+over)
				kernel := filled(t, tt.stack, total, "PYLEE_TEST_RAW=1")
				ours := filled(t, tt.stack, total)
				child := filled(t, tt.stack, total, "PYLEE_TEST_START=1")
				if ours.status != kernel.status || child.status != kernel.status {
					t.Fatalf("%d: kernel %v\nours %.500v\nchild %.500v", tt.sum+over, kernel.status, ours, child)
				}
				if wrong := (kernel.status != 0) != (over > 0); wrong {
					t.Fatalf("%d: the kernel says %v", tt.sum+over, kernel.status)
				}
				want := strconv.Itoa(tt.sum+1) + " bytes; the system allows " + strconv.Itoa(tt.sum)
				if over > 0 && (!strings.Contains(ours.stderr, want) || !strings.Contains(ours.stderr, "the largest is environment: PAD0") || strings.Contains(ours.stderr, "c4nary")) {
					t.Errorf("%.500q", ours.stderr)
				}
			}
		})
	}
}

func TestSizeOfAnArgument(t *testing.T) {
	large := strings.Repeat("c4nary", 100_000)
	_, err := exec.Start(exec.Spec{Argv: []string{"true", "small", large}, Env: []string{"PATH=/bin"}})
	var e *exec.Error
	if !errors.As(err, &e) || !errors.Is(err, syscall.E2BIG) || e.Hint == "" {
		t.Fatalf("got %.100v", err)
	}
	if got := err.Error(); !strings.HasPrefix(got, "argument 2: 600000 bytes; the system allows ") || strings.Contains(got, "c4nary") {
		t.Errorf("got %.200q", got)
	}
}

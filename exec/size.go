package exec

import (
	"math/bits"
	"strconv"
	"strings"
	"syscall"
)

const sizeHint = "deliver large values as files and pass their paths"

// fits reports entries, or a sum, that execve would refuse with no more than
// "argument list too long". path is the file that will be executed.
func (s Spec) fits(path string) error {
	single, sum := limits()
	var large []string
	s.each(func(name func() string, size int) {
		if size > single {
			large = append(large, name()+": "+strconv.Itoa(size)+" bytes")
		}
	})
	if len(large) > 0 {
		return &Error{
			Code:   CodeNotRun,
			Detail: strings.Join(large, "; ") + "; the system allows " + strconv.Itoa(single) + " in one entry",
			Hint:   sizeHint,
			Err:    syscall.E2BIG,
		}
	}
	if s.size(path) > sum {
		return s.tooBig(path)
	}
	return nil
}

// tooBig is the error for arguments and environment that are too large together.
func (s Spec) tooBig(path string) *Error {
	_, sum := limits()
	largest, most := "", -1
	s.each(func(name func() string, size int) {
		if size > most {
			largest, most = name(), size
		}
	})
	return &Error{
		Code: CodeNotRun,
		Detail: "arguments and environment: " + strconv.Itoa(s.size(path)) + " bytes; the system allows " +
			strconv.Itoa(sum) + " (a quarter of the stack limit at most); the largest is " + largest + " with " + strconv.Itoa(most),
		Hint: sizeHint,
		Err:  syscall.E2BIG,
	}
}

// size returns what the kernel counts: the strings with their final NUL bytes, the
// path of the program among them, and a pointer for each argument and variable.
func (s Spec) size(path string) int {
	total := len(path) + 1
	s.each(func(_ func() string, size int) {
		total += size + 1 + bits.UintSize/8
	})
	return total
}

// each calls visit for all arguments and variables, with the length in bytes.
func (s Spec) each(visit func(name func() string, size int)) {
	for i, arg := range s.Argv {
		visit(func() string { return argument(i) }, len(arg))
	}
	for i, entry := range s.Env {
		visit(func() string { return variable(i, entry) }, len(entry))
	}
}

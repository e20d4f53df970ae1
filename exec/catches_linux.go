package exec

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// Catches reports whether the child handles or ignores sig, so that it would live on.
// It is true of what a runtime handles by itself too, as those of Go and Java do, and
// false of a child that has not come to it yet. If the child has ended, or /proc does
// not tell, known is false.
func (c *Child) Catches(sig syscall.Signal) (caught, known bool) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(c.Pid()) + "/status")
	if err != nil {
		return false, false
	}
	d, ok := parseDispositions(status)
	if !ok {
		return false, false
	}
	// The number is another's as soon as the child was waited for, which is before gone.
	if c.born == 0 || birth(c.Pid()) != c.born {
		return false, false
	}
	select {
	case <-c.done:
		return false, false
	default:
		return d.has(sig), true
	}
}

// dispositions are what a process does with signals, as sets with a bit for each.
type dispositions struct {
	caught, ignored uint64
}

// has reports whether sig would not have its default effect.
func (d dispositions) has(sig syscall.Signal) bool {
	return sig > 0 && sig <= 64 && (d.caught|d.ignored)&(1<<(sig-1)) != 0
}

// parseDispositions reads the lines SigIgn and SigCgt of a /proc/PID/status, see
// proc_pid_status(5). A process that has ended, or is about to, has none.
func parseDispositions(status []byte) (d dispositions, ok bool) {
	found := 0
	for line := range bytes.Lines(status) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		rest = bytes.TrimSpace(rest)
		var set *uint64
		switch string(name) {
		case "State":
			if len(rest) == 0 || bytes.IndexByte([]byte("ZXx"), rest[0]) >= 0 {
				return dispositions{}, false
			}
		case "SigIgn":
			set = &d.ignored
		case "SigCgt":
			set = &d.caught
		}
		if set == nil {
			continue
		}
		bits, err := strconv.ParseUint(string(rest), 16, 64)
		if err != nil {
			return dispositions{}, false
		}
		*set = bits
		found++
	}
	return d, found == 2
}

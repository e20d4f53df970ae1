package watch

import (
	"bytes"
	"os"
	"strconv"
)

// mountPoints returns where something other than the root of a file system is mounted: bind
// mounts, which are the only ones of single files. Empty if that cannot be told. See
// proc_pid_mountinfo(5): "36 35 98:0 /root /point ...", octal escapes for blanks.
func mountPoints() map[string]bool {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return parseMounts(data)
}

func parseMounts(data []byte) map[string]bool {
	points := map[string]bool{}
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) > 4 && string(fields[3]) != "/" {
			points[unescape(fields[4])] = true
		}
	}
	return points
}

// unescape undoes \040 and the like.
func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

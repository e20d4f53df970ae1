package store

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// freeMemory returns how many bytes may still be used: the least of what the system
// has (proc_meminfo(5)) and what the control groups above leave (cgroup v2,
// memory.max); 0 if neither is known.
func freeMemory() uint64 {
	meminfo, _ := os.ReadFile("/proc/meminfo") //nolint:errcheck // then it is not known
	groups, _ := os.ReadFile("/proc/self/cgroup")
	free := available(meminfo)
	group := ownGroup(groups)
	for group != "" {
		limit, _ := os.ReadFile("/sys/fs/cgroup" + group + "/memory.max")
		used, _ := os.ReadFile("/sys/fs/cgroup" + group + "/memory.current")
		if left, ok := leftOf(limit, used); ok && (free == 0 || left < free) {
			free = max(left, 1)
		}
		if group == "/" {
			break
		}
		group = path.Dir(group)
	}
	return free
}

func available(meminfo []byte) uint64 {
	for line := range bytes.Lines(meminfo) {
		words := strings.Fields(string(line))
		if len(words) == 3 && words[0] == "MemAvailable:" {
			n, _ := strconv.ParseUint(words[1], 10, 53)
			return n << 10
		}
	}
	return 0
}

// ownGroup returns the path of the process's group: the line "0::/path".
func ownGroup(groups []byte) string {
	for line := range bytes.Lines(groups) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "0::/"); ok {
			return path.Clean("/" + p)
		}
	}
	return ""
}

// leftOf returns what a group may still use; not ok where it has no limit.
func leftOf(limit, used []byte) (uint64, bool) {
	most, err := strconv.ParseUint(strings.TrimSpace(string(limit)), 10, 64)
	if err != nil { // "max", or no file
		return 0, false
	}
	now, err := strconv.ParseUint(strings.TrimSpace(string(used)), 10, 64)
	if err != nil || now > most {
		return 0, err == nil
	}
	return most - now, true
}

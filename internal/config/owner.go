package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func (g *gate) checkDir(dir string, info os.FileInfo) {
	if owner(info) == 0 && info.Mode()&os.ModeSticky != 0 {
		return
	}
	g.checkOwner("the directory "+dir, "chown", dir, info)
	g.checkMode("the directory "+dir, dir, info)
}

// checkOwner refuses what belongs to somebody else. what is empty for the file.
func (g *gate) checkOwner(what, command, path string, info os.FileInfo) {
	if uid := owner(info); uid != g.uid && uid != 0 {
		g.fault(fmt.Sprintf("%sowned by uid %d (mode %04o), not by uid %d or root", subject(what), uid, unixMode(info), g.uid),
			fmt.Sprintf("%s %d %s", command, g.uid, shellQuote(path)))
	}
}

func (g *gate) checkMode(what, path string, info os.FileInfo) {
	if info.Mode()&0o022 != 0 {
		g.fault(fmt.Sprintf("%swritable by group or others (mode %04o, owned by uid %d)", subject(what), unixMode(info), owner(info)),
			"chmod go-w "+shellQuote(path))
	}
}

func subject(what string) string {
	if what == "" {
		return ""
	}
	return what + " is "
}

func owner(info os.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// unixMode is the mode as chmod(1) takes it.
func unixMode(info os.FileInfo) uint32 {
	mode := uint32(info.Mode().Perm())
	for bit, unix := range map[os.FileMode]uint32{os.ModeSetuid: 0o4000, os.ModeSetgid: 0o2000, os.ModeSticky: 0o1000} {
		if info.Mode()&bit != 0 {
			mode |= unix
		}
	}
	return mode
}

func kindOf(mode os.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&os.ModeNamedPipe != 0:
		return "a fifo"
	case mode&os.ModeSocket != 0:
		return "a socket"
	case mode&os.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// shellQuote makes a path one word of a shell.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@,:", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return strconv.Quote(path)
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

package store

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Limits of a store.
const (
	MaxValue      = 64 << 10 // bytes of one value
	MaxDocument   = 16 << 20 // bytes of the decrypted document
	MaxSecrets    = 10_000
	MaxRecipients = 100
	MaxName       = 255     // bytes of a secret's name
	MaxNote       = 1 << 10 // bytes of a version's note
	KeepVersions  = 10      // of one secret, unless File.Keep says otherwise; older ones are dropped
	MaxLabel      = 255     // bytes of a label, and of its text
)

const (
	secretSize  = 32
	maxHeader   = 256 << 10           // 100 hybrid recipients take 160 KiB
	maxFile     = MaxDocument + 1<<20 // age adds the header and 16 bytes per 64 KiB
	maxIdentity = 64 << 10
	maxEnv      = 128
	maxLabels   = 64
	maxNumber   = 1<<53 - 1 // of generations and versions: JSON readers keep 53 bits
	defaultEnv  = "default"
)

// Path returns where the store of an environment is: .pylee/secrets/<env>.age below
// projectDir if that directory exists, else below home. An empty env means
// "default", an empty projectDir that there is no project. The result is empty if
// there is no place, or env cannot be the name of an environment; the methods of
// File then say so.
func Path(projectDir, home, env string) string {
	if env == "" {
		env = defaultEnv
	}
	if !ValidEnvironment(env) {
		return ""
	}
	if projectDir != "" {
		dir := filepath.Join(projectDir, ".pylee", "secrets")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, env+".age")
		}
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".pylee", "secrets", env+".age")
}

// ValidName tells whether name can name a secret:
// [A-Za-z0-9_][A-Za-z0-9_./-]{0,254} without "..".
func ValidName(name string) bool {
	return len(name) <= MaxName && wordOf(name, "./-") && !strings.Contains(name, "..")
}

// ValidEnvironment tells whether env can name an environment: [A-Za-z0-9_][A-Za-z0-9_.-]*.
func ValidEnvironment(env string) bool { return len(env) <= maxEnv && wordOf(env, ".-") }

// wordOf tells whether s is made of letters, digits, underscores and the bytes of
// more, which it does not begin with.
func wordOf(s, more string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		case i > 0 && strings.IndexByte(more, c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// periodOf returns the length of a period; 0: it is none, or longer than anybody waits.
func periodOf(s string) time.Duration {
	if !validPeriod(s) {
		return 0
	}
	last := len(s) - 1
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[last]]
	n, err := strconv.ParseInt(s[:last], 10, 32)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0
	}
	return time.Duration(n) * unit
}

// validPeriod accepts a number and one of the units m, h, d and w.
func validPeriod(s string) bool {
	n := len(s) - 1
	if n < 1 || n > 6 || strings.IndexByte("mhdw", s[n]) < 0 || s[0] == '0' {
		return false
	}
	return strings.Trim(s[:n], "0123456789") == ""
}

// StateDir returns where pins are kept: pylee in $XDG_STATE_HOME, which counts only
// if it is absolute (XDG Base Directory Specification), else in ~/.local/state.
// Empty: there is no place.
func StateDir(home, xdgStateHome string) string {
	switch {
	case filepath.IsAbs(xdgStateHome):
		return filepath.Join(xdgStateHome, "pylee")
	case home != "":
		return filepath.Join(home, ".local", "state", "pylee")
	}
	return ""
}

func (f File) now() time.Time {
	if f.Now != nil {
		return f.Now()
	}
	return time.Now()
}

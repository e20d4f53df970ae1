package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestHostile tries each case of testdata/hostile: a config that somebody else wrote,
// found in a directory below the home of the user. pylee must refuse it with the right
// class and reason, or only show it, and until then run nothing, connect nowhere and
// write nothing, which strace tells.
//
// The cases are those of TestBadInput, but that HOME is above the work directory, so
// that a config of root's needs consent as well.
func TestHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: the cases are laid out with GNU tools and devices of Linux")
	}
	old := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(old) })
	bin := build(t)
	paths, err := filepath.Glob(filepath.Join("testdata", "hostile", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	total := 0
	for _, path := range paths {
		cases, err := readCorpus(path)
		if err != nil {
			t.Fatal(err)
		}
		total += len(cases)
		for _, c := range cases {
			if strings.HasPrefix(c.run, "pylee run --config ") {
				c.run = "pylee run -- touch started"
			}
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.hostile(t, bin)
			})
		}
	}
	t.Logf("hostile configs: %d cases", total)
}

func (c *badCase) hostile(t *testing.T, bin string) {
	c.atHome = true
	c.prepare(t, bin)
	trace := c.traced(t)
	for _, fault := range c.faults(c.execute(t)) {
		t.Error(fault)
	}
	for _, fault := range sideEffects(t, trace, c.getenv("HOME")+"/.local/state/pylee/allow/") {
		t.Error(fault)
	}
}

// traced lets strace look at the command line, and returns where it writes what it
// saw; empty if there is no strace.
func (c *badCase) traced(t *testing.T) string {
	t.Helper()
	if !hasStrace(t) {
		return ""
	}
	trace := filepath.Join(t.TempDir(), "trace")
	c.env = append(c.env, "TRACED="+c.run)
	c.run = fmt.Sprintf(`exec strace -f -qq -s 4096 -e signal=none -e trace=%s -o '%s' sh -c "$TRACED" sh "$1"`, tracedCalls, trace)
	return trace
}

const tracedCalls = "execve,execveat,connect,sendto,open,openat,openat2,creat,mkdir,mkdirat,link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,mknod,mknodat,truncate,chmod,fchmodat"

// hasStrace tells whether strace works here: containers may forbid it.
func hasStrace(t *testing.T) bool {
	t.Helper()
	if err := exec.Command("strace", "-qq", "-o", "/dev/null", "true").Run(); err != nil {
		t.Logf("not looked at: side effects, because strace does not run: %v", err)
		return false
	}
	return true
}

var (
	callLine = regexp.MustCompile(`^\d+ +(\w+)\((.*)`)
	quoted   = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

// sideEffects returns the calls of a trace that run another program than sh and pylee,
// connect, or change a file elsewhere than below allowed.
func sideEffects(t *testing.T, trace, allowed string) []string {
	t.Helper()
	if trace == "" {
		return nil
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `/pylee", ["pylee"`) {
		return []string{"strace saw no pylee:\n" + string(data)}
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if harmless(m[1], m[2], allowed) {
			continue
		}
		list = append(list, "side effect: "+strings.TrimSpace(line))
	}
	return list
}

func harmless(call, args, allowed string) bool {
	path := ""
	if m := quoted.FindStringSubmatch(args); m != nil {
		path = m[1]
	}
	switch call {
	case "execve", "execveat":
		return slices.Contains([]string{"sh", "pylee", "echo", "cd", "env", "true"}, filepath.Base(path))
	case "connect", "sendto":
		return false
	case "open", "openat", "openat2":
		if !strings.Contains(args, "O_WRONLY") && !strings.Contains(args, "O_RDWR") && !strings.Contains(args, "O_CREAT") {
			return true
		}
		return path == "/dev/null" || path == "/dev/tty" || inOrAbove(path, allowed)
	}
	return inOrAbove(path, allowed)
}

// inOrAbove tells whether path is in a directory, or on the way to it.
func inOrAbove(path, dir string) bool {
	return dir != "" && (strings.HasPrefix(path, dir) || strings.HasPrefix(dir, path+"/"))
}

// TestSideEffects makes sure that the reader of traces catches something.
func TestSideEffects(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	const start = `1 execve("/bin/pylee", ["pylee", "run"], 0x1 /* 9 vars */) = 0` + "\n"
	for line, ok := range map[string]bool{
		`1 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3`:                true,
		`1 openat(AT_FDCWD, "/s/allow/x", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3`:      true,
		`1 mkdirat(AT_FDCWD, "/s", 0700) = 0`:                                      true,
		`1 openat(AT_FDCWD, "/s/allowed", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3`:      false,
		`12  execve("/usr/bin/touch", ["touch", "started"], 0x1 /* 9 vars */) = 0`: false,
		`12  execve("/usr/bin/touch", ["touch"], 0x1) = -1 ENOENT (No such file)`:  false,
		`1 connect(3, {sa_family=AF_INET, sin_port=htons(80)}, 16) = -1`:           false,
		`1 renameat(AT_FDCWD, "/a", AT_FDCWD, "/b") = 0`:                           false,
		`1 unlinkat(AT_FDCWD, "/a", 0) = 0`:                                        false,
	} {
		if err := os.WriteFile(trace, []byte(start+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := sideEffects(t, trace, "/s/allow/"); (len(got) == 0) != ok {
			t.Errorf("%s: %q", line, got)
		}
	}
	if err := os.WriteFile(trace, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if len(sideEffects(t, trace, "")) == 0 {
		t.Error("an empty trace passes")
	}
}

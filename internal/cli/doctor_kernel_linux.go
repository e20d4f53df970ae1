package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// checkKernel tries what pylee can use. Each trial ends with the file descriptor or
// the thread that it is made on; no process is started.
func (inv *invocation) checkKernel(f *findings) {
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		f.ok("Linux %s", printable(unix.ByteSliceToString(name.Release[:])))
	}
	feature(f, "pidfd", "watch a process without confusing it with another", tryPidfd())
	feature(f, "memory files (memfd)", "hand a secret over without a directory", tryMemfd())
	feature(f, "close_range", "close what a command must not inherit", unix.CloseRange(math.MaxUint32, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC))
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		f.warn("run pylee as another user than the programs that it does not trust", "the memory of pylee can be read by processes of the same user")
	} else {
		f.ok("the memory of pylee is hidden from processes of the same user (PR_SET_DUMPABLE)")
	}
	checkConfinement(f)
	checkNamespaces(f)
	f.ok("cgroup: %s", cgroupOf(readText("/proc/self/cgroup")))
	checkContainer(f, inv.env)
}

func feature(f *findings, name, use string, err error) {
	if err == nil {
		f.ok("%s: there", name)
		return
	}
	f.warn("uname -r; a seccomp filter can be the reason too", "%s: not there (%s); it is used to %s", name, because(err), use)
}

// because explains an error of a system call.
func because(err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "the kernel does not know the call, or a filter hides it"
	case errors.Is(err, unix.EPERM):
		return "operation not permitted: it needs CAP_SYS_ADMIN, or a filter refuses it"
	case errors.Is(err, unix.EINVAL):
		return "the kernel does not know the option"
	case errors.Is(err, unix.ENOSPC):
		return "the limit of namespaces is reached"
	}
	return err.Error()
}

func tryPidfd() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

func tryMemfd() error {
	fd, err := unix.MemfdCreate("pylee-doctor", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	return errors.Join(err, unix.Close(fd))
}

// tryUnshare enters namespaces on a thread of its own.
func tryUnshare(flags int) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: no other goroutine gets the thread
		failed <- unix.Unshare(flags)
	}()
	return <-failed
}

// tryNoSwap makes a tmpfs that is mounted nowhere and that keeps out of swap, which
// Linux 6.4 has and a user namespace has not.
func tryNoSwap() error {
	fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	if err = unix.FsconfigSetFlag(fd, "noswap"); err == nil {
		err = unix.FsconfigCreate(fd)
	}
	return errors.Join(err, unix.Close(fd))
}

// checkNamespaces tells whether secret files could be hidden from other processes.
// Nothing depends on it: hence no warnings.
func checkNamespaces(f *findings) {
	if err := tryUnshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		f.ok("private mount namespace: not possible: %s", because(err))
	} else {
		f.ok("private mount namespace: possible")
	}
	if err := tryNoSwap(); err != nil {
		f.ok("tmpfs that keeps out of swap (noswap): not possible: %s", because(err))
	} else {
		f.ok("tmpfs that keeps out of swap (noswap): possible")
	}
	if reason := userNamespaces(os.Geteuid() == 0); reason != "" {
		f.ok("user namespaces: not possible: %s", reason)
	} else {
		f.ok("user namespaces: allowed by the settings of the kernel")
	}
}

// userNamespaces returns why a user namespace cannot be made. A process with threads
// cannot try: unshare(2) ends in EINVAL, unless something refuses it before.
func userNamespaces(root bool) string {
	if _, err := os.Stat("/proc/self/ns"); err == nil {
		if _, err := os.Stat("/proc/self/ns/user"); err != nil {
			return "the kernel has none"
		}
	}
	for _, s := range []struct {
		path, bad string
		everybody bool
	}{
		{"/proc/sys/user/max_user_namespaces", "0", true},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", false},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", false},
	} {
		if strings.TrimSpace(readText(s.path)) == s.bad && (s.everybody || !root) {
			return s.path + " is " + s.bad
		}
	}
	if err := tryUnshare(unix.CLONE_NEWUSER); err != nil && !errors.Is(err, unix.EINVAL) {
		return because(err)
	}
	return ""
}

// checkConfinement reads what is taken from this process: proc_pid_status(5).
func checkConfinement(f *findings) {
	s := statusOf(readText("/proc/self/status"))
	if s["Pid"] == "" {
		f.warn("mount -t proc proc /proc", "/proc is not mounted or cannot be read: seccomp, capabilities, swap and cgroup are not known")
		return
	}
	mode := map[string]string{"0": "none", "1": "strict", "2": "a filter"}[s["Seccomp"]]
	if mode == "" {
		mode = "not in this kernel"
	}
	f.ok("seccomp: %s; no_new_privs: %s", mode, map[string]string{"0": "off", "1": "on"}[s["NoNewPrivs"]])
	effective, err := strconv.ParseUint(s["CapEff"], 16, 64)
	if err != nil {
		return
	}
	var held []string
	for _, c := range []struct {
		bit  uint
		name string
	}{{unix.CAP_SYS_ADMIN, "SYS_ADMIN"}, {unix.CAP_SETUID, "SETUID"}, {unix.CAP_KILL, "KILL"}, {unix.CAP_CHOWN, "CHOWN"}, {unix.CAP_IPC_LOCK, "IPC_LOCK"}} {
		if effective&(1<<c.bit) != 0 {
			held = append(held, c.name)
		}
	}
	f.names("capabilities", held)
}

// statusOf parses the lines "Name: value" of /proc/PID/status.
func statusOf(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// cgroupOf tells the version of the hierarchy and the place in it: cgroups(7).
func cgroupOf(text string) string {
	first, old := "", 0
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		if id != "0" {
			old++
			continue
		}
		_, first, _ = strings.Cut(rest, ":")
	}
	switch {
	case first == "" && old == 0:
		return "not known"
	case old == 0:
		return "version 2, " + printable(first)
	case first == "":
		return "version 1"
	}
	return fmt.Sprintf("version 1 and 2, %s", printable(first))
}

// checkContainer tells what speaks for a container, and whether this is process 1.
func checkContainer(f *findings, env map[string]string) {
	var hints []string
	for _, path := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container", "/run/secrets/kubernetes.io"} {
		if _, err := os.Lstat(path); err == nil {
			hints = append(hints, path)
		}
	}
	for _, name := range []string{"container", "KUBERNETES_SERVICE_HOST"} {
		if env[name] != "" {
			hints = append(hints, "$"+name)
		}
	}
	f.names("signs of a container", hints)
	if os.Getpid() == 1 {
		f.ok("process 1: run stays as the parent of its command, to hand on signals and to reap")
	}
}

// readText returns the content of a file of the kernel, or nothing.
func readText(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// clockState is what the kernel says of its clock: adjtimex(2).
func clockState() string {
	const timeError = 5 // TIME_ERROR
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return ""
	case state == timeError:
		return "; the kernel does not know whether that is right: nothing synchronises it"
	}
	return "; it is synchronised"
}

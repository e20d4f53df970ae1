// Command probe is the service in the tests with systemd: it does what its arguments
// say, one after the other, and writes down what it sees.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const out = "/opt/t/out/"

func main() {
	for _, step := range os.Args[1:] {
		verb, rest, _ := strings.Cut(step, "=")
		do, ok := verbs[verb]
		if !ok {
			fail(step, os.ErrInvalid)
		}
		if err := do(rest); err != nil {
			fail(step, err)
		}
	}
}

func fail(step string, err error) {
	fmt.Fprintf(os.Stderr, "probe: %s: %v\n", step, err)
	os.Exit(99)
}

var verbs = map[string]func(string) error{
	"say":     func(text string) error { return say(text) },
	"store":   store,
	"barrier": barrier,
	"report":  report,
	"ping":    ping,
	"await":   await,
	"wait":    wait,
	"serve":   serve,
	"accept":  accept,
	"connect": connect,
	"sleep": func(text string) error {
		d, err := time.ParseDuration(text)
		time.Sleep(d)
		return err
	},
	"exit": func(text string) error {
		code, err := strconv.Atoi(text)
		if err == nil {
			os.Exit(code)
		}
		return err
	},
	"kill": func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := syscall.Kill(os.Getpid(), syscall.Signal(n)); err != nil {
			return err
		}
		select {}
	},
}

// say sends a message as sd_notify(3); "MYPID" in it is this process.
func say(text string, files ...int) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	text = strings.ReplaceAll(text, "MYPID", strconv.Itoa(os.Getpid()))
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	return unix.Sendmsg(fd, []byte(text), rights, &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}, 0)
}

func store(name string) error {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return say("FDSTORE=1\nFDNAME="+name, fd)
}

// barrier waits until the service manager has read everything.
func barrier(string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	err = say("BARRIER=1", int(w.Fd()))
	w.Close()
	if err == nil {
		_ = r.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err = r.Read(make([]byte, 1)); err.Error() == "EOF" {
			err = nil
		}
	}
	return err
}

// report writes what this process sees of itself.
func report(name string) error {
	facts := map[string]string{"pid": strconv.Itoa(os.Getpid()), "ppid": strconv.Itoa(os.Getppid())}
	for _, entry := range os.Environ() {
		variable, value, _ := strings.Cut(entry, "=")
		facts["env "+variable] = value
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			facts[key] = strings.TrimSpace(value)
		}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	// Go raises it; what it was given is what it hands on.
	facts["nofile max"] = strconv.FormatUint(limit.Max, 10)
	var st unix.Stat_t
	if err := unix.Fstat(2, &st); err != nil {
		return err
	}
	facts["stderr"] = fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	if token, err := os.ReadFile(os.Getenv("CREDENTIALS_DIRECTORY") + "/token"); err == nil {
		facts["credential"] = string(token)
	}
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for i := range count {
		listens, err := unix.GetsockoptInt(3+i, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", 3+i)); strings.HasPrefix(link, "/memfd:") {
			facts[fmt.Sprintf("fd %d", 3+i)] = link[1:]
			continue
		}
		facts[fmt.Sprintf("fd %d", 3+i)] = fmt.Sprintf("listens %d, %v", listens, err)
	}
	if generation := os.Getenv("GENERATION"); os.Getenv("ROTATE") != "" {
		name += "." + generation
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	return write(name+".json", text)
}

// write makes a file appear whole.
func write(name string, text []byte) error {
	if err := os.WriteFile(out+name+".tmp", text, 0o644); err != nil {
		return err
	}
	return os.Rename(out+name+".tmp", out+name)
}

func ping(text string) error {
	limit, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := say("WATCHDOG=1"); err != nil {
			return err
		}
	}
	return nil
}

// await waits for a file.
func await(name string) error {
	for range 500 {
		if _, err := os.Stat(out + name); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return os.ErrDeadlineExceeded
}

// wait runs until SIGTERM, counts those that follow at once, and ends. HUP is a reload
// of its own.
func wait(name string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	if err := write(name+".waits", nil); err != nil {
		return err
	}
	for s := range signals {
		if s == syscall.SIGTERM {
			break
		}
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
		if err := say(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)); err != nil {
			return err
		}
		if err := say("READY=1\nSTATUS=reloaded"); err != nil {
			return err
		}
	}
	terms := 1
	for late := time.After(300 * time.Millisecond); ; {
		select {
		case <-signals:
			terms++
		case <-late:
			return write(name+".terms", []byte(strconv.Itoa(terms)))
		}
	}
}

// serve answers the watchdog until SIGTERM, says that it stops, and ends when there is
// a file.
func serve(name string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM)
	if err := write(name+".waits", nil); err != nil {
		return err
	}
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-tick.C:
			if err := say("WATCHDOG=1"); err != nil {
				return err
			}
			continue
		case <-signals:
		}
		break
	}
	if err := say("STOPPING=1"); err != nil {
		return err
	}
	if err := write(name+".stopping", nil); err != nil {
		return err
	}
	return await(name + ".go")
}

// accept serves one connection of the socket that it was started with.
func accept(string) error {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return os.ErrPermission // as sd_listen_fds(3) does
	}
	l, err := net.FileListener(os.NewFile(3, "listen"))
	if err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "hello from generation %s", os.Getenv("GENERATION"))
	return err
}

// connect writes what a socket says into a file: PATH,FILE.
func connect(text string) error {
	path, name, _ := strings.Cut(text, ",")
	conn, err := net.DialTimeout("unix", path, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	return write(name, answer[:n])
}

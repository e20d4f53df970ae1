package exec

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNotifyOwnMessages(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, 0)
	n.Watchdog()
	n.Ready()
	n.Status("two\nlines\x00 \xff")
	n.Status(strings.Repeat("ä", 5000))
	n.Extend(90 * time.Second)
	n.Extend(-1)
	m.wants(t, "WATCHDOG=1", "READY=1", "STATUS=two lines  ?", "STATUS="+strings.Repeat("ä", 512), "EXTEND_TIMEOUT_USEC=90000000",
		"EXTEND_TIMEOUT_USEC=1")
	before := monotonic(t)
	n.Reloading()
	text := string(m.next(t).data)
	after := monotonic(t)
	number, ok := strings.CutPrefix(text, "RELOADING=1\nMONOTONIC_USEC=")
	at, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || at < before || at > after {
		t.Errorf("%q, between %d and %d", text, before, after)
	}
}

// Pylee barks only where no command can.
func TestNotifyWatchdogOfTheGap(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	barks := func(want bool, when string) {
		t.Helper()
		n.Watchdog()
		n.Status(when)
		if want {
			m.wants(t, "WATCHDOG=1")
		}
		m.wants(t, "STATUS="+when)
	}
	barks(true, "starting")
	s.say(t, "READY=1")
	m.wants(t, "READY=1")
	barks(false, "running")
	s.say(t, "RELOADING=1")
	m.wants(t, "RELOADING=1")
	barks(false, "reloading by itself")
	n.Reloading()
	m.next(t)
	barks(true, "being stopped")
	s.say(t, "STOPPING=1\nX_A=1")
	m.wants(t, "X_A=1")
	barks(true, "still being stopped")
	n.follow(0)
	barks(true, "gone")
	n.follow(os.Getpid())
	barks(true, "starting again")
	n.Ready()
	m.wants(t, "READY=1")
	barks(false, "declared ready")
	n.follow(0)
	barks(true, "gone again")
}

func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

func TestNotifyReadyOnStart(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name, OnStart: true}, 0)
	for range 2 {
		pid := foreigner(t)
		n.follow(pid)
		m.wants(t, "READY=1")
		if e := <-n.Events(); e != (NotifyEvent{Kind: NotifyReady, Pid: pid}) {
			t.Errorf("%+v", e)
		}
		n.follow(0)
	}
}

func TestNotifySocketForms(t *testing.T) {
	for _, name := range []string{"vsock:2:1234", "vsock-dgram:2:1", "notify", "@", "/", "./x", "/" + strings.Repeat("x", 107), "/a\x00b"} {
		n, err := NewNotifier(NotifyOptions{Socket: name})
		var e *Error
		if n != nil || !errors.As(err, &e) || e.Code != CodeFailed || e.Hint == "" || !strings.HasPrefix(e.Detail, "readiness: ") {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	before := descriptors(t)
	for _, dir := range []string{t.TempDir() + "/missing", "/" + strings.Repeat("x/", 60)} {
		if n, err := NewNotifier(NotifyOptions{Own: true, Dir: dir}); err == nil {
			n.Close()
			t.Errorf("%s: taken", dir)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestNotifySocketFile(t *testing.T) {
	dir := t.TempDir()
	o := NotifyOptions{Own: true, Dir: dir}
	if os.Geteuid() == 0 {
		o.UID, o.GID = 65534, 65534
	}
	n := newNotifier(t, o, 0)
	_, value, _ := n.Env()
	info, err := os.Stat(value)
	if err != nil || filepath.Dir(value) != dir || info.Mode() != os.ModeSocket|0o600 {
		t.Fatalf("%s: %v %v", value, info, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(value, &st); err != nil || o.UID != 0 && (st.Uid != 65534 || st.Gid != 65534) {
		t.Errorf("owner %d:%d, %v", st.Uid, st.Gid, err)
	}
	n.Close()
	n.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	n.follow(1)
	n.Status("after the end")
}

func TestNotifyLost(t *testing.T) {
	n := newNotifier(t, NotifyOptions{Socket: t.TempDir() + "/nobody"}, 0)
	n.Ready()
	if e := event(t, n, NotifyLost); e.Text != "no such file or directory" {
		t.Errorf("%+v", e)
	}
	// The manager may come later, or again.
	m := newManager(t, n.options.Socket)
	n.Ready()
	m.wants(t, "READY=1")
}

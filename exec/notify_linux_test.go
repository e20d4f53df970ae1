package exec

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestNotifyPassesOn(t *testing.T) {
	const forms = "path abstract"
	for form := range strings.FieldsSeq(forms) {
		t.Run(form, func(t *testing.T) {
			name, dir := "", t.TempDir()
			if form == "abstract" {
				name, dir = fmt.Sprintf("@pylee-test-%d", os.Getpid()), ""
			}
			m := newManager(t, name)
			n := newNotifier(t, NotifyOptions{Socket: m.name, Dir: dir}, os.Getpid())
			s := newSpeaker(t, n)
			for _, text := range []string{
				"READY=1", "READY=1\nSTATUS=serving\n", "STATUS=half", "WATCHDOG=1", "WATCHDOG=trigger", "WATCHDOG_USEC=5000000",
				"EXTEND_TIMEOUT_USEC=30000000", "ERRNO=2", "BUSERROR=org.x.E", "VARLINKERROR=x", "EXIT_STATUS=3", "RESTART_RESET=1",
				"X_ANYTHING=\xff\xfe", "RELOADING=1\nMONOTONIC_USEC=17", "no assignment", "READY=1\x00", long("STATUS=", 4096),
			} {
				s.say(t, text)
				m.wants(t, text)
			}
		})
	}
}

func TestNotifyEvents(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	pid := os.Getpid()
	for _, c := range []struct {
		text string
		want NotifyEvent
	}{
		{"READY=1", NotifyEvent{Kind: NotifyReady, Pid: pid}},
		{"RELOADING=1\nMONOTONIC_USEC=1", NotifyEvent{Kind: NotifyReloading, Pid: pid}},
		{"STOPPING=1\nX_MORE=1", NotifyEvent{Kind: NotifyStopping, Pid: pid}},
		{"STATUS=a=b\nSTATUS=c", NotifyEvent{Kind: NotifyStatus, Pid: pid, Text: "a=b"}},
		{"WATCHDOG=1", NotifyEvent{Kind: NotifyWatchdog, Pid: pid}},
		{"WATCHDOG_USEC=1500", NotifyEvent{Kind: NotifyTimeout, Pid: pid, After: 1500 * time.Microsecond}},
		{"EXTEND_TIMEOUT_USEC=2000000", NotifyEvent{Kind: NotifyExtend, Pid: pid, After: 2 * time.Second}},
		{"EXTEND_TIMEOUT_USEC=18446744073709551615", NotifyEvent{Kind: NotifyExtend, Pid: pid, After: 9223372036854775 * time.Microsecond}},
	} {
		s.say(t, c.text)
		m.next(t)
		if got := <-n.Events(); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

// What is not for the manager goes, what stands beside it stays.
func TestNotifyDrops(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	for text, want := range map[string]string{
		"MAINPID=1\nREADY=1":                            "READY=1",
		"READY=1\rMAINPID=1\rSTATUS=x":                  "READY=1\nSTATUS=x",
		"MAINPIDFDID=9\nMAINPIDFD=1\nSTATUS=x":          "STATUS=x",
		"NOTIFYACCESS=none\nSTATUS=x":                   "STATUS=x",
		"STOPPING=1\nSTATUS=down":                       "STATUS=down",
		"MAINPID=1\n\n\nSTOPPING=1\nX_MAINPID=1\nREADY": "X_MAINPID=1\nREADY",
	} {
		s.say(t, text)
		m.wants(t, want)
	}
	for _, text := range []string{"MAINPID=1", "STOPPING=1", "STOPPING=1\nMAINPID=7", "\n\n", "\x00"} {
		s.say(t, text)
	}
	s.say(t, "STATUS=up to here")
	m.wants(t, "STATUS=up to here")
	n.Stopping(true)
	s.say(t, "STOPPING=1\nSTATUS=bye")
	m.wants(t, "STOPPING=1\nSTATUS=bye")
	n.Stopping(false)
	s.say(t, "STOPPING=1")
	s.say(t, "STATUS=last")
	m.wants(t, "STATUS=last")
}

func TestNotifyRefusesGarbage(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	near, far := connected(t)
	defer unix.Close(near)
	for text, want := range map[string]string{
		"":                         "empty",
		"READY=1\x00STATUS=x":      "holds a NUL byte",
		"\x00\x00":                 "holds a NUL byte",
		long("STATUS=", 4097):      "longer than 4096 bytes",
		long("STATUS=", 60000):     "longer than 4096 bytes",
		"BARRIER=1\nREADY=1":       "BARRIER=1 has to come alone and with one descriptor",
		"BARRIER=1":                "BARRIER=1 has to come alone and with one descriptor",
		"READY=1\rBARRIER=1\x00":   "BARRIER=1 has to come alone and with one descriptor",
		"BARRIER=1\nFDSTORE=1\n\n": "BARRIER=1 has to come alone and with one descriptor",
	} {
		s.say(t, text, far, far)
		if e := event(t, n, NotifyRefused); e.Text != want || e.Pid != os.Getpid() {
			t.Errorf("%.20q: %+v, want %q", text, e, want)
		}
	}
	unix.Close(far)
	hungUp(t, near) // nobody kept what came along
	s.say(t, "STATUS=last")
	m.wants(t, "STATUS=last")
}

// The manager reads a message before the barrier behind it, and the command waits
// for that.
func TestNotifyBarrier(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	near, far := connected(t)
	defer unix.Close(near)
	s.say(t, "STATUS=before")
	s.say(t, "BARRIER=1", far)
	unix.Close(far)
	m.wants(t, "STATUS=before")
	if !open(near) {
		t.Fatal("the barrier fell before the manager read it")
	}
	got := m.hold(t)
	if string(got.data) != "BARRIER=1" || len(got.files) != 1 {
		t.Fatalf("%q with %d descriptors", got.data, len(got.files))
	}
	if !open(near) {
		t.Fatal("the barrier fell before the manager let go")
	}
	closeAll(got.files)
	hungUp(t, near)
}

// Without a manager nobody has to wait.
func TestNotifyWithoutManager(t *testing.T) {
	n := newNotifier(t, NotifyOptions{Own: true}, os.Getpid())
	s := newSpeaker(t, n)
	near, far := connected(t)
	defer unix.Close(near)
	s.say(t, "READY=1")
	if e := <-n.Events(); e.Kind != NotifyReady {
		t.Errorf("%+v", e)
	}
	s.say(t, "BARRIER=1", far)
	unix.Close(far)
	hungUp(t, near)
	n.Ready()
	n.Reloading()

	none := newNotifier(t, NotifyOptions{}, os.Getpid())
	if _, value, ok := none.Env(); ok || value != "" {
		t.Errorf("a socket that nobody asked for: %q", value)
	}
	none.Status("x")
	none.Watchdog()
}

func TestNotifyDescriptors(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	before := descriptors(t)
	near, far := connected(t)
	defer unix.Close(near)
	many := slices.Repeat([]int{far}, mostFiles)
	s.say(t, "FDSTORE=1\nFDNAME=many", many...)
	got := m.hold(t)
	if len(got.files) != mostFiles || string(got.data) != "FDSTORE=1\nFDNAME=many" {
		t.Errorf("%q with %d descriptors", got.data, len(got.files))
	}
	closeAll(got.files)
	// Those of a MAINPIDFD stay behind, those of the rest do not.
	s.say(t, "MAINPIDFD=1\nSTATUS=x", far)
	if got := m.next(t); len(got.files) != 0 || string(got.data) != "STATUS=x" {
		t.Errorf("%q with %d descriptors", got.data, len(got.files))
	}
	s.say(t, "MAINPID=1\nFDSTORE=1", far)
	got = m.hold(t)
	if len(got.files) != 1 || string(got.data) != "FDSTORE=1" {
		t.Errorf("%q with %d descriptors", got.data, len(got.files))
	}
	closeAll(got.files)
	unix.Close(far)
	hungUp(t, near)
	if after := descriptors(t); after > before+1 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

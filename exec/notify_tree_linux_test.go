package exec

import (
	"os"
	osexec "os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNotifyOnlyTheCommandAndItsOwn(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, foreigner(t))
	s := newSpeaker(t, n)
	near, far := connected(t)
	defer unix.Close(near)
	for _, text := range []string{"READY=1", "MAINPID=1", "BARRIER=1", "FDSTORE=1"} {
		s.say(t, text, far)
		if e := event(t, n, NotifyRefused); e.Pid != os.Getpid() || e.Text != "not sent by the command" {
			t.Errorf("%s: %+v", text, e)
		}
	}
	unix.Close(far)
	hungUp(t, near)
	n.Status("mine")
	m.wants(t, "STATUS=mine")
}

// TestNotifyDescendants sends from a grandchild: the test starts a shell that starts
// the test again.
func TestNotifyDescendants(t *testing.T) {
	const variable = "PYLEE_TEST_NOTIFY_SENDER"
	if text := os.Getenv(variable); text != "" {
		value := os.Getenv("NOTIFY_SOCKET")
		n := &Notifier{value: value}
		s := newSpeaker(t, n)
		s.say(t, text)
		near, far := connected(t)
		s.say(t, "BARRIER=1", far) // who has ended cannot be looked for
		unix.Close(far)
		hungUp(t, near)
		return
	}
	n := newNotifier(t, NotifyOptions{Own: true}, 0)
	_, value, _ := n.Env()
	for _, script := range []string{`"$0" "$@"; exit $?`, `exec "$0" "$@"`, `setsid "$0" "$@"; exit $?`} {
		cmd := osexec.Command("/bin/sh", "-c", script, os.Args[0], "-test.run=^TestNotifyDescendants$")
		cmd.Env = append(os.Environ(), variable+"=READY=1", "NOTIFY_SOCKET="+value)
		n.follow(os.Getpid())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		event(t, n, NotifyReady)
		n.follow(0)
	}
}

func TestNotifyProcessTree(t *testing.T) {
	other := foreigner(t)
	for _, c := range []struct {
		pid, root int
		want      bool
	}{
		{os.Getpid(), os.Getpid(), true},
		{other, os.Getpid(), true},
		{other, other, true},
		{os.Getpid(), other, false},
		{os.Getppid(), os.Getpid(), false},
		{1, os.Getpid(), false},
		{0, os.Getpid(), false},
		{-1, os.Getpid(), false},
		{os.Getpid(), 0, false},
		{1 << 30, os.Getpid(), false},
	} {
		if got := descends(c.pid, c.root); got != c.want {
			t.Errorf("descends(%d, %d) = %v (self %d, parent %d, other %d)", c.pid, c.root, got, os.Getpid(), os.Getppid(), other)
		}
	}
}

// A command may speak before its parent knows that it started, and still counts after
// it has ended, but not for the next one.
func TestNotifyBetweenCommands(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, 0)
	s := newSpeaker(t, n)
	other := foreigner(t)
	for range 50 {
		s.say(t, "STATUS=early")
		n.follow(os.Getpid())
		s.say(t, "ERRNO=5")
		n.follow(0) // at once: the message is in the socket or on its way
		s.say(t, "READY=1")
		n.follow(other)
		if e := event(t, n, NotifyRefused); e.Text != "not sent by the command" {
			t.Fatalf("%+v", e)
		}
		n.follow(0)
		m.wants(t, "STATUS=early", "ERRNO=5")
	}
}

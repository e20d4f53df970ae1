package exec

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A manager that does not read holds up the command, never this process.
func TestNotifyFlood(t *testing.T) {
	m := newManager(t, "")
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	s := newSpeaker(t, n)
	// What the kernel queues for both sockets, what the Notifier does, and one in
	// between; then the command has to wait.
	sent := 0
	for ; sent < 100_000; sent++ {
		if s.try(200*time.Millisecond, "STATUS="+strconv.Itoa(sent)) != nil {
			break
		}
	}
	if sent == 100_000 {
		t.Fatal("the command never had to wait")
	}
	start := time.Now()
	for range 10 * full {
		n.Status("x")
		n.Reloading()
	}
	n.follow(0)
	n.follow(os.Getpid())
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("held up for %v", took)
	}
	n.mu.Lock()
	waiting := len(n.queue)
	n.mu.Unlock()
	if waiting > full+sent {
		t.Errorf("%d messages wait", waiting)
	}
	for i := 0; i < sent; { // none lost, in order
		switch text := string(m.next(t).data); {
		case text == "STATUS="+strconv.Itoa(i):
			i++
		case text != "STATUS=x" && !strings.HasPrefix(text, "RELOADING"):
			t.Fatalf("%q, want number %d", text, i)
		}
	}
}

// Close does not wait for ever, and gives up what it holds.
func TestNotifyCloseWhileFull(t *testing.T) {
	m := newManager(t, "")
	before := descriptors(t)
	n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
	near, far := connected(t)
	defer unix.Close(near)
	s := newSpeaker(t, n)
	for range 200 {
		n.Status("x")
	}
	s.say(t, "BARRIER=1", far)
	unix.Close(far)
	start := time.Now()
	n.Close()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	// The manager has it if it came so far; it did not.
	for {
		got := m.hold(t)
		if string(got.data) == "BARRIER=1" {
			t.Fatal("more than the kernel queues")
		}
		closeAll(got.files)
		if !open(near) {
			break
		}
	}
	if after := descriptors(t); after > before+2 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// What was said before Close arrives.
func TestNotifyCloseSends(t *testing.T) {
	for range 20 {
		m := newManager(t, "")
		n := newNotifier(t, NotifyOptions{Socket: m.name}, os.Getpid())
		newSpeaker(t, n).say(t, "STATUS=bye")
		n.Close()
		m.wants(t, "STATUS=bye")
		m.Close()
	}
}

// A command that talks too much hides no state from a slow reader.
func TestNotifyStatesSurviveAFlood(t *testing.T) {
	n := newNotifier(t, NotifyOptions{Own: true}, os.Getpid())
	s := newSpeaker(t, n)
	near, far := connected(t)
	defer unix.Close(near)
	s.say(t, "READY=1")
	for range 500 {
		s.say(t, "STATUS=x\nWATCHDOG=1\nREADY=1\nWATCHDOG_USEC=5")
	}
	s.say(t, "STOPPING=1")
	s.say(t, "BARRIER=1", far)
	unix.Close(far)
	hungUp(t, near) // all is read
	var states []NotifyKind
	for len(n.Events()) > 0 {
		if e := <-n.Events(); !e.Kind.dispensable() && e.Kind != NotifyTimeout {
			states = append(states, e.Kind)
		}
	}
	if !slices.Equal(states, []NotifyKind{NotifyReady, NotifyStopping}) {
		t.Errorf("states %v", states)
	}
}

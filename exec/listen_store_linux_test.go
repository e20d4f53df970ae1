package exec

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenStore(t *testing.T) {
	alone(t)
	before := descriptors(t)
	l := &Listen{pid: os.Getpid()}
	a, b := connected(t)
	c, d := connected(t)
	l.store(storing{add: true}, []int{a})
	l.store(storing{add: true, name: "two"}, []int{a, c}) // a is there already
	l.store(storing{remove: true}, nil)                   // without a name: nothing
	want := []string{"LISTEN_FDNAMES=stored:two", "LISTEN_FDS=2", pidIs()}
	if got := passed(l, "LISTEN_FDS=7", "LISTEN_FDNAMES=old"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for i, fd := range l.Descriptors() {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 || !sameFile(fd, []int{a, c}[i]) {
			t.Errorf("descriptor %d: flags %d, %v", fd, flags, err)
		}
	}
	unix.Close(a)
	unix.Close(c)
	l.store(storing{remove: true, name: "two"}, nil)
	hungUp(t, d)
	if got := passed(l); !slices.Equal(got, []string{"LISTEN_FDNAMES=stored", "LISTEN_FDS=1", pidIs()}) {
		t.Errorf("%q", got)
	}
	unix.Close(b) // the other end of what is stored
	if got := passed(l, "LISTEN_FDS=1", "LISTEN_PID=1", "A=b"); !slices.Equal(got, []string{"A=b"}) || len(l.Descriptors()) != 0 {
		t.Errorf("%q %v", got, l.Descriptors())
	}
	unix.Close(d)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestListenStoreKeepsUnpolled(t *testing.T) {
	alone(t)
	l := &Listen{pid: os.Getpid()}
	a, b := connected(t)
	l.store(storing{add: true, keep: true}, []int{a})
	unix.Close(a)
	unix.Close(b)
	if got := passed(l); !slices.Equal(got, []string{"LISTEN_FDNAMES=stored", "LISTEN_FDS=1", pidIs()}) {
		t.Errorf("%q", got)
	}
	closeAll(l.Descriptors())
}

func TestListenStoreIsBounded(t *testing.T) {
	l := &Listen{pid: os.Getpid()}
	for range mostStored + 10 {
		fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		l.store(storing{add: true, name: "x"}, []int{fd})
		unix.Close(fd)
	}
	if len(l.slots) != mostStored {
		t.Errorf("%d stored", len(l.slots))
	}
	before := descriptors(t)
	l.store(storing{remove: true, name: "x"}, nil)
	if after := descriptors(t); after != before-mostStored {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestListenFromNotifier stores by message.
func TestListenFromNotifier(t *testing.T) {
	alone(t)
	m := newManager(t, "")
	l := InheritedListen(nil, os.Getpid())
	n := newNotifier(t, NotifyOptions{Socket: m.name, Listen: l}, os.Getpid())
	s := newSpeaker(t, n)
	a, b := connected(t)
	defer unix.Close(b)
	s.say(t, "FDSTORE=1\nFDNAME=conn", a)
	unix.Close(a)
	closeAll(m.hold(t).files)
	if got := passed(l); !slices.Equal(got, []string{"LISTEN_FDNAMES=conn", "LISTEN_FDS=1", pidIs()}) {
		t.Errorf("%q", got)
	}
	if !open(b) {
		t.Error("the store let go of it")
	}
	s.say(t, "FDSTOREREMOVE=1\nFDNAME=conn")
	m.wants(t, "FDSTOREREMOVE=1\nFDNAME=conn")
	hungUp(t, b)
	if got := passed(l); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

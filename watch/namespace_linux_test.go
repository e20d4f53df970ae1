package watch

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inNamespace runs the named test again as root of a user and mount namespace of its own, where
// limits can be set and file systems be mounted. It tells whether this is there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("WATCH_TEST_NAMESPACE") != "" {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "WATCH_TEST_NAMESPACE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *osexec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("no user namespaces here: %v", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("in a namespace: %v\n%s", err, out)
	}
	return false
}

// limit sets a limit of the namespace.
func limit(t *testing.T, name string, value int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/user/"+name, []byte(fmt.Sprint(value)), 0); err != nil {
		t.Fatal(err)
	}
}

// soon makes the looks without an event frequent.
func soon(f *files) { f.slow, f.blind = 200*time.Millisecond, 100*time.Millisecond }

func TestW4RealLimitOfInstances(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	limit(t, "max_inotify_instances", 0)
	d := newTree(t)
	d.write("a/f", "1")
	b := newBench(t, Options{}, soon, Target{Name: "it", Paths: []string{d.path("a/f")}})
	b.saidExactly("max_user_instances")
	d.write("a/f", "2")
	b.await(d.path("a/f"))
	limit(t, "max_inotify_instances", 10)
	d.write("a/f", "3")
	b.await(d.path("a/f"))
	b.awaitLine("again")
}

func TestW4RealLimitOfWatches(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	limit(t, "max_inotify_watches", 2)
	d := newTree(t)
	d.write("a/b/f", "1")
	b := newBench(t, Options{}, soon, Target{Name: "it", Paths: []string{d.path("a/b/f")}})
	b.saidExactly("max_user_watches")
	d.replace("a/b/f", "2")
	b.await(d.path("a/b/f"))
	limit(t, "max_inotify_watches", 100)
	d.replace("a/b/f", "3")
	b.await(d.path("a/b/f"))
	b.awaitLine("again")
}

// TestW4RealQueueOverflow: more events than the kernel keeps, while nobody reads them.
func TestW4RealQueueOverflow(t *testing.T) {
	d := newTree(t)
	d.write("a/f", "1")
	d.write("a/g", "1")
	held, sources := make(chan struct{}), 0
	b := newBench(t, Options{}, func(f *files) {
		f.ears.open = func() (*source, error) {
			sources++
			return openSource()
		}
		changed := f.changed
		f.changed = func(names ...string) { <-held; changed(names...) }
	}, Target{Name: "it", Paths: []string{d.path("a/f")}})
	d.write("a/f", "2")    // the goroutine of the files stands still from here
	for n := range 12000 { // two events each, of fs.inotify.max_queued_events = 16384
		mode := 0o600 | os.FileMode(n%2)*0o100
		d.must(os.Chmod(d.path("a/f"), mode)) // alternating: equal ones in a row would be one
		d.must(os.Chmod(d.path("a/g"), mode))
	}
	d.replace("a/f", "3")
	close(held)
	b.await(d.path("a/f"))
	d.replace("a/f", "4")
	b.await(d.path("a/f"))
	b.Close()
	if sources < 2 {
		t.Error("the queue did not run over: the test tests nothing")
	}
	b.saidExactly()
}

// awaitLine waits until something is said.
func (b *bench) awaitLine(part string) {
	b.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		if lines := b.lines(); len(lines) > 0 && strings.Contains(lines[len(lines)-1], part) {
			return
		}
		select {
		case <-b.heard:
		case <-late.C:
			b.t.Fatalf("said: %q, want %q", b.lines(), part)
		}
	}
}

// TestW1Mounts: a mount gives no event; the next look finds it, and listens within it.
func TestW1Mounts(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := newTree(t)
	d.write("a/b/f", "1")
	d.write("other/b/f", "2")
	path := d.path("a/b/f")
	b := newBench(t, Options{}, soon, Target{Name: "it", Paths: []string{path}})
	d.must(syscall.Mount("tmpfs", d.path("a"), "tmpfs", 0, ""))
	b.await(path)
	d.write("a/b/f", "3")
	b.await(path)
	d.must(syscall.Unmount(d.path("a"), syscall.MNT_DETACH)) // a look may have it open
	b.await(path)
	d.must(syscall.Mount(d.path("other"), d.path("a"), "", syscall.MS_BIND, ""))
	b.await(path)
	d.must(syscall.Unmount(d.path("a"), syscall.MNT_DETACH)) // a look may have it open
	b.await(path)
}

// TestW1DirectoryMountedTwice: inotify knows the directory, not the path, so events come
// under the name that was first.
func TestW1DirectoryMountedTwice(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := newTree(t)
	d.write("a/f", "1")
	d.mkdir("b")
	d.must(syscall.Mount(d.path("a"), d.path("b"), "", syscall.MS_BIND, ""))
	d.link("/b/f", "a/link")
	d.link("/a/f", "b/back")
	b := newBench(t, Options{}, nil, Target{Name: "it", Paths: []string{d.path("a/link"), d.path("b/back")}})
	for _, content := range []string{"2", "3"} {
		d.replace("a/f", content)
		b.await(d.path("a/link"))
		b.await(d.path("b/back"))
	}
	d.must(syscall.Unmount(d.path("b"), syscall.MNT_DETACH)) // a look may have it open
}

// TestW3MountOfASingleFile: it does not follow when the file is replaced, and that is said once.
func TestW3MountOfASingleFile(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	d := newTree(t)
	d.write("volume/key", "1")
	d.write("app/a key", "")
	d.must(syscall.Mount(d.path("volume/key"), d.path("app/a key"), "", syscall.MS_BIND, ""))
	d.link("a key", "app/link")
	b := newBench(t, Options{}, nil,
		Target{Name: "it", Paths: []string{d.path("app/a key"), d.path("app/link"), d.path("volume/key")}})
	b.saidExactly("app/a key\" is a mount of a single file")
	d.write("volume/key", "2") // written in place it is seen on both sides
	b.await(d.path("app/link"))
	d.replace("volume/key", "3")
	b.await(d.path("volume/key"))
	b.saidExactly("app/a key\" is a mount of a single file")
	d.must(syscall.Unmount(d.path("app/a key"), syscall.MNT_DETACH)) // a look may have it open
}

func TestW3MountsAreParsed(t *testing.T) {
	got := parseMounts([]byte("21 1 0:20 / / rw - ext4 /dev/a rw\n" +
		"30 21 0:20 /sub\\040dir/f /a\\040b\\134c rw,x shared:1 - ext4 /dev/a rw\n\nshort line\n" +
		"31 21 0:21 / /proc rw - proc proc rw\n40 21 0:20 /x /odd\\9\\1 rw - ext4 a rw"))
	if len(got) != 2 || !got[`/a b\c`] || !got[`/odd\9\1`] {
		t.Errorf("mounts: %v", got)
	}
}

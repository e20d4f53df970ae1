package exec_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// openWhole reads a file and checks that it has its final owner and mode, and content
// that is not torn. It returns the generation.
func openWhole(at int, name string) (generation string, err error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Mode != unix.S_IFREG|0o400 || int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("mode %o, uid %d", st.Mode, st.Uid)
	}
	buf := make([]byte, 8192)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", err
	}
	generation, _, _ = strings.Cut(string(buf[:n]), "\n")
	if string(buf[:n]) != generationText(generation) {
		return "", fmt.Errorf("torn: %d bytes of generation %q", n, generation)
	}
	return generation, nil
}

func generationText(n string) string { return strings.Repeat(n+"\n", 600) }

func generationFiles(n int) []exec.SecretFile {
	text := generationText(fmt.Sprintf("%06d", n))
	return []exec.SecretFile{secret("a", text), secret("b", text)}
}

// Readers in a tight loop find each path at each moment, whole, and by one directory
// handle one generation.
func TestSwapReaders(t *testing.T) {
	const swaps = 10_000
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	swapped(t, d, "db", generationFiles(0)...)
	events := watch(t, d.Path()+"/db")
	var grace sync.RWMutex // held for reading by whoever may be between two opens
	var stop atomic.Bool
	var reads atomic.Int64
	var wg sync.WaitGroup
	reader := func(pass func() error) {
		wg.Go(func() {
			for !stop.Load() {
				grace.RLock()
				err := pass()
				grace.RUnlock()
				if err != nil {
					t.Error(err)
					return
				}
				reads.Add(1)
			}
		})
	}
	reader(func() error { return readPaths(d.Path() + "/db") })
	reader(func() error { return readHandle(d.Path() + "/db/..data") })
	for n := range swaps {
		old := swapped(t, d, "db", generationFiles(n+1)...)
		grace.Lock()
		err := old.Remove()
		grace.Unlock()
		must(t, err)
		events.drain(t)
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d passes of readers in %d swaps, %d moves of ..data seen", reads.Load(), swaps, events.moves)
	if reads.Load() == 0 || events.moves != swaps {
		t.Error("nothing was tried")
	}
	if left := names(t, d.Path()+"/db"); len(left) != 4 {
		t.Error("left:", left)
	}
}

// The same where generations wait before they count and come back after they did. Names
// that one of them alone has come and go; those that all have are never missing.
func TestStageReaders(t *testing.T) {
	const rounds = 2_000
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	dir := d.Path() + "/db"
	swapped(t, d, "db", generationFiles(0)...)
	events := watch(t, dir)
	var grace sync.RWMutex // held for reading by whoever may be between two opens
	var stop atomic.Bool
	var reads atomic.Int64
	var wg sync.WaitGroup
	for _, pass := range []func() error{func() error { return readEach(dir) }, func() error { return readHandle(dir + "/..data") }} {
		wg.Go(func() {
			for !stop.Load() {
				grace.RLock()
				err := pass()
				grace.RUnlock()
				if err != nil {
					t.Error(err)
					return
				}
				reads.Add(1)
			}
		})
	}
	for n := range rounds {
		bad, good := staged(t, d, "db", append(generationFiles(3*n+1), secret("extra", "1"))...), staged(t, d, "db", generationFiles(3*n+2)...)
		first, err := bad.Swap()
		must(t, err)
		events.drain(t) // the kernel makes one of two that are the same
		failed, err := first.Swap()
		must(t, err)
		events.drain(t)
		last, err := good.Swap()
		must(t, err)
		if failed != bad.Generation() || last != first {
			t.Fatal("not the generations that were there")
		}
		grace.Lock()
		err = errors.Join(failed.Remove(), last.Remove())
		grace.Unlock()
		must(t, err)
		events.drain(t)
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d passes of readers in %d rounds, %d moves of ..data seen", reads.Load(), rounds, events.moves)
	if reads.Load() == 0 || events.moves != 3*rounds {
		t.Error("nothing was tried")
	}
	if left := names(t, dir); len(left) != 4 {
		t.Error("left:", left)
	}
}

// readEach reads the files by their paths.
func readEach(dir string) error {
	for _, name := range []string{"a", "b"} {
		if _, err := openWhole(unix.AT_FDCWD, dir+"/"+name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readPaths reads the files by their paths: each is there, also if b is newer than a.
func readPaths(dir string) error {
	first, err := openWhole(unix.AT_FDCWD, dir+"/a")
	if err != nil {
		return fmt.Errorf("a: %w", err)
	}
	second, err := openWhole(unix.AT_FDCWD, dir+"/b")
	if err == nil && second < first {
		err = fmt.Errorf("generation %s after %s", second, first)
	}
	return err
}

// readHandle reads the files of one generation.
func readHandle(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	first, err := openWhole(fd, "a")
	if err != nil {
		return err
	}
	second, err := openWhole(fd, "b")
	if err == nil && second != first {
		err = fmt.Errorf("generations %s and %s by one handle", first, second)
	}
	return err
}

// trace counts what inotify(7) tells of a set.
type trace struct {
	fd, moves int
	buf       [1 << 16]byte
}

func watch(t *testing.T, dir string) *trace {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	for _, path := range []string{dir, dir + "/..data/a", dir + "/..data/b"} {
		mask := uint32(unix.IN_ATTRIB | unix.IN_MODIFY | unix.IN_MOVED_TO | unix.IN_DELETE)
		if path != dir {
			mask = unix.IN_MODIFY
		}
		_, err := unix.InotifyAddWatch(fd, path, mask)
		must(t, err)
	}
	return &trace{fd: fd}
}

// drain checks the events since it was called last: names that stay change neither mode
// nor content, and no file is taken away.
func (w *trace) drain(t *testing.T) {
	t.Helper()
	for {
		n, err := unix.Read(w.fd, w.buf[:])
		if err == unix.EAGAIN {
			return
		}
		must(t, err)
		for at := 0; at < n; {
			event := (*unix.InotifyEvent)(unsafe.Pointer(&w.buf[at]))
			start := at + unix.SizeofInotifyEvent
			at = start + int(event.Len)
			w.check(t, event.Mask, strings.TrimRight(string(w.buf[start:at]), "\x00"))
		}
	}
}

func (w *trace) check(t *testing.T, mask uint32, name string) {
	t.Helper()
	generation := strings.HasPrefix(name, "..pylee-")
	switch {
	case mask&unix.IN_IGNORED != 0:
	case mask&unix.IN_MOVED_TO != 0 && name == "..data":
		w.moves++
	case mask&(unix.IN_ATTRIB|unix.IN_DELETE) != 0 && (generation || name == "extra"):
	default:
		t.Errorf("event %#x of %q", mask, name)
	}
}

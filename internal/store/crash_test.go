package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be a writer in a process of its own:
// PYLEE_TEST_WRITER=<home> <name> <count>. PYLEE_TEST_FSIZE bounds its files.
func TestMain(m *testing.M) {
	syscall.Umask(0o022) // of the directories that the tests are given
	if filepath.Base(os.Args[0]) == "age-plugin-pyleetest" {
		os.Exit(agePlugin())
	}
	if home := os.Getenv("PYLEE_TEST_MERGE"); home != "" && len(os.Args) == 5 {
		os.Exit(mergeDriver(home, os.Args))
	}
	if home := os.Getenv("PYLEE_TEST_CHANGER"); home != "" {
		fmt.Println(changer(home, os.Args[1]))
		os.Exit(1)
	}
	home := os.Getenv("PYLEE_TEST_WRITER")
	if home == "" {
		os.Exit(m.Run())
	}
	if err := writer(home, os.Args[1], os.Args[2]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// mergeDriver is what git runs: <base> <ours> <theirs> <path in the tree>.
func mergeDriver(home string, args []string) int {
	_, conflicts, err := in(home).MergeFiles(context.Background(), args[1], args[2], args[3])
	for _, c := range conflicts {
		fmt.Printf("conflict: %s: %s\n", c.Name, c.Reason)
	}
	if err != nil {
		fmt.Println(err)
	}
	if err != nil || len(conflicts) > 0 {
		return 1
	}
	return 0
}

func in(home string) File {
	return File{Path: Path("", home, ""), StateDir: filepath.Join(home, "state", "pylee"), Keys: Keys{Home: home}, Wait: 10 * time.Minute}
}

// writer sets name count times, and says so after each.
func writer(home, name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	if size := os.Getenv("PYLEE_TEST_FSIZE"); size != "" {
		limit, err := strconv.ParseUint(size, 10, 64)
		if err != nil {
			return err
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	for i := 1; i <= n; i++ {
		err := in(home).Update(context.Background(), func(e *Edit) error {
			_, err := e.Set(name, fmt.Append(nil, name, i), "")
			return err
		})
		if err != nil {
			return err
		}
		fmt.Println(i)
	}
	return nil
}

func startWriter(t *testing.T, f File, name string, count int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], name, strconv.Itoa(count))
	cmd.Env = append(os.Environ(), "PYLEE_TEST_WRITER="+f.Keys.Home)
	out, err := cmd.StdoutPipe()
	do(t, err)
	do(t, cmd.Start())
	return cmd, bufio.NewScanner(out)
}

// Goroutines and processes write at once, others read: nothing is lost or torn.
func TestConcurrentWriters(t *testing.T) {
	const each = 20
	inside, outside := 56, 8
	if testing.Short() {
		inside, outside = 5, 3
	}
	f := made(t)
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range inside {
		writers.Go(func() { writeInside(t, f, fmt.Sprint("g", i), each) })
	}
	for i := range outside {
		writers.Go(func() { writeOutside(t, f, fmt.Sprint("p", i), each) })
	}
	for range 4 {
		readers.Go(func() { readUntil(t, f, done, func(*Store) {}) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
	s := open(t, f)
	if want := uint64(2 + (inside+outside)*each); s.Generation() != want {
		t.Errorf("generation %d, want %d", s.Generation(), want)
	}
	for _, info := range s.List() {
		if info.Name != "db/password" && info.Version != each {
			t.Errorf("%s has version %d, want %d", info.Name, info.Version, each)
		}
	}
	if n := len(s.List()); n != 1+inside+outside {
		t.Errorf("%d secrets", n)
	}
}

func writeInside(t *testing.T, f File, name string, count int) {
	for i := range count {
		err := in(f.Keys.Home).Update(context.Background(), func(e *Edit) error {
			_, err := e.Set(name, fmt.Append(nil, name, i), "")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func writeOutside(t *testing.T, f File, name string, count int) {
	cmd, lines := startWriter(t, f, name, count)
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	if err := cmd.Wait(); err != nil || last != strconv.Itoa(count) {
		t.Errorf("%s: %v, last line %q", name, err, last)
	}
}

// readUntil reads until done is closed, and judges each state by each.
func readUntil(t *testing.T, f File, done <-chan struct{}, each func(*Store)) {
	for seen := uint64(0); ; {
		s, err := f.Open()
		if err != nil {
			t.Error(err)
			return
		}
		if s.Generation() < seen {
			t.Errorf("generation %d after %d", s.Generation(), seen)
		}
		seen = s.Generation()
		each(s)
		s.Close()
		select {
		case <-done:
			return
		default:
		}
	}
}

// Several processes make the first store at once: one identity, one store.
func TestConcurrentInit(t *testing.T) {
	f := home(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			one := f
			one.Env = "e" + strconv.Itoa(i%2)
			one.Path = Path("", f.Keys.Home, one.Env)
			if _, err := one.Init(context.Background(), InitOptions{}); err != nil {
				t.Error(err)
			}
			set(t, one, "s"+strconv.Itoa(i), "x")
		})
	}
	all.Wait()
	for i := range 8 {
		one := f
		one.Env = "e" + strconv.Itoa(i%2)
		one.Path = Path("", f.Keys.Home, one.Env)
		if get(t, one, "s"+strconv.Itoa(i)) != "x" {
			t.Error("lost")
		}
	}
}

// Whenever a writer is killed, what it acknowledged is there and the store works.
func TestKilledWriter(t *testing.T) {
	f := made(t)
	for round := range 12 {
		name := fmt.Sprint("k", round)
		cmd, lines := startWriter(t, f, name, 1000)
		acked := 0
		for acked <= round%4 && lines.Scan() {
			acked, _ = strconv.Atoi(lines.Text())
		}
		do(t, cmd.Process.Kill())
		for lines.Scan() {
			acked, _ = strconv.Atoi(lines.Text())
		}
		cmd.Wait() //nolint:errcheck // killed
		secret, err := open(t, f).Lookup(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := string(secret.Value.Reveal())
		if got != fmt.Sprint(name, acked) && got != fmt.Sprint(name, acked+1) { // the next one may be done and not yet said
			t.Errorf("acknowledged %d, found %s", acked, got)
		}
	}
	set(t, f, "after", "x")
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	do(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("left over: %s", e.Name())
		}
	}
}

// A write that cannot be completed leaves the old store.
func TestNoRoom(t *testing.T) {
	f := made(t)
	before := string(read(t, f.Path))
	t.Setenv("PYLEE_TEST_FSIZE", "64")
	cmd, lines := startWriter(t, f, "x", 1)
	said := ""
	for lines.Scan() {
		said = lines.Text()
	}
	if err := cmd.Wait(); err == nil || said != f.Path+": file too large" {
		t.Errorf("%v: %q", err, said)
	}
	if string(read(t, f.Path)) != before {
		t.Error("written")
	}
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	do(t, err)
	if len(entries) != 3 {
		t.Errorf("files: %v", entries)
	}
}

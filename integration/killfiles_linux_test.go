package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// doomed is a command with secret files that is killed.
type doomed struct {
	place
	runtime string // XDG_RUNTIME_DIR, on a tmpfs
	named   string // the directory that the config names
	config  string
	flags   []string
	weak    []string // makes the rest of a command line run without capabilities
	nowhere bool     // the files are not on a mount
	stays   bool     // what pylee wrote stays until the next start, if pylee is killed
}

// F1, F4, S11: pylee or the command is killed at a random moment of the start or the
// run. Nobody is left, no file system holds the secret afterwards, or where that cannot
// be after the next start, and that start is as always. PYLEE_TEST_KILLS is how often
// for each way to hand files over; 100 unless it is set.
func TestF4KilledAtAnyMoment(t *testing.T) {
	times := 100
	if text, ok := os.LookupEnv("PYLEE_TEST_KILLS"); ok {
		times = number(t, text)
	}
	var many, memory strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, "f%d: \"${CANARY}\", ", i)
		fmt.Fprintf(&memory, "f%d: {value: \"${CANARY}\", delivery: memfd}, ", i)
	}
	for _, tt := range []struct {
		name, files string
		modes       []string
		stays       bool
	}{
		{"default directory", many.String() + "set: {entries: {" + many.String() + "}}", []string{"--supervise"}, true},
		{"private directory", "set: {dir: NAMED, entries: {" + many.String() + "}}", []string{"--supervise", "--exec"}, false},
		{"named directory", "set: {dir: NAMED, entries: {" + many.String() + "}}", []string{"--supervise"}, true},
		{"memfd", memory.String(), []string{"--supervise", "--exec"}, false},
	} {
		for _, mode := range tt.modes {
			t.Run(tt.name+mode, func(t *testing.T) {
				d := newDoomed(t, tt.name, tt.files, mode)
				d.stays, d.nowhere = tt.stays, tt.name == "memfd"
				d.killed(t, times)
			})
		}
	}
}

func newDoomed(t *testing.T, name, files, mode string) *doomed {
	t.Helper()
	d := &doomed{place: newPlace(t), runtime: memory(t)}
	d.named = filepath.Join(d.dir, "named")
	switch name {
	case "private directory":
		needsMounts(t)
	case "named directory": // it is there, and pylee cannot mount
		d.named = filepath.Join(d.runtime, "named")
		if err := os.Mkdir(d.named, 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			needs(t, "setpriv")
			d.weak = []string{"setpriv", "--inh-caps", "-all", "--bounding-set", "-all"}
		}
	}
	files = strings.ReplaceAll(files, "NAMED", d.named)
	d.env = append(d.env, "XDG_RUNTIME_DIR="+d.runtime)
	d.config = writeConfig(t, "files: {"+files+"}\n")
	d.flags = []string{mode}
	return d
}

// needsMounts skips a test where pylee cannot have mounts of its own.
func needsMounts(t *testing.T) {
	t.Helper()
	needs(t, "unshare")
	if out, err := exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt").CombinedOutput(); err != nil {
		t.Skipf("not run: no private mounts here: %s", bytes.TrimSpace(out))
	}
}

// run is pylee with a value of its own for the secret.
func (d *doomed) run(value string, argv ...string) *exec.Cmd {
	all := append(slices.Clone(d.weak), d.bin+"/pylee", "run", "-c", d.config, "--set", "CANARY="+value)
	return d.command(slices.Concat(all, d.flags, []string{"--"}, argv)...)
}

// killed kills pylee or its command, again and again.
func (d *doomed) killed(t *testing.T, times int) {
	t.Helper()
	whole := d.takes(t)
	d.alive(t)
	began, left := 0, 0
	for i := range times {
		value := fmt.Sprintf("K9vQ2xWm%016x", rand.Uint64())
		cmd := d.run(value, "sh", "-c", "echo begun; exec sleep 60")
		var out bytes.Buffer
		cmd.Stdout, cmd.WaitDelay = &out, patience
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(rand.N(whole * 3 / 2)) // the moment is what is tested
		victim := cmd.Process.Pid
		if i%2 == 1 {
			if children := childrenOf(victim); len(children) > 0 {
				victim = children[0]
			}
		}
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := waitFor(t, cmd); got.Signal() != syscall.SIGKILL {
			t.Errorf("%d: status %#x", i, uint32(got))
		}
		if alive := orphans(cmd.Process.Pid); len(alive) > 0 {
			t.Fatalf("%d: left: %v\n%s", i, alive, processes(cmd.Process.Pid))
		}
		if out.Len() > 0 {
			began++
		}
		found := d.search(t, value)
		if len(found) > 0 {
			left++
		}
		if len(found) > 0 && (!d.stays || victim != cmd.Process.Pid) {
			t.Fatalf("%d: left: %q", i, found)
		}
		if d.stays {
			d.next(t, value)
		}
	}
	d.next(t, "K9vQ2xWm")
	t.Logf("%d killed, %d of them after the command began, %d with files left to the next start; a start takes %v", times, began, left, whole)
	if times >= 100 && (began == 0 || began == times || d.stays && left == 0) {
		t.Error("the moments were not spread over the start and the run")
	}
}

// takes measures a whole start.
func (d *doomed) takes(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for range 5 {
		cmd := d.run("K9vQ2xWm", "true")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if got := waitFor(t, cmd); got != 0 {
			t.Fatalf("status %#x", uint32(got))
		}
	}
	return time.Since(began) / 5
}

// alive looks for the files of a command that runs, which have to be found.
func (d *doomed) alive(t *testing.T) {
	t.Helper()
	const value = "K9vQ2xWm-alive"
	cmd := d.run(value, "sh", "-c", "echo begun; exec sleep 60")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer waitFor(t, cmd)
	defer cmd.Process.Kill() //nolint:errcheck // it is there until waitFor
	if _, err := io.ReadFull(out, make([]byte, len("begun\n"))); err != nil {
		t.Error(err)
	}
	if found := d.search(t, value); (len(found) == 0) != d.nowhere {
		t.Errorf("while the command runs its files are found in %q", found)
	}
}

// next is a start after somebody was killed. When it ends nothing of either is left.
func (d *doomed) next(t *testing.T, value string) {
	t.Helper()
	cmd := d.run("K9vQ2xWm-next", "echo", "clean")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "clean\n" {
		t.Fatalf("the next start: %v: %s", err, out)
	}
	if found := append(d.search(t, value), d.search(t, "K9vQ2xWm-next")...); len(found) > 0 {
		t.Fatalf("left after the next start: %q", found)
	}
	for _, name := range names(t, d.runtime) {
		if inside := names(t, filepath.Join(d.runtime, name)); len(inside) > 0 {
			t.Fatalf("%s: left after the next start: %q", name, inside)
		}
	}
}

// search returns the files that hold text: in memory, in the directories of the test,
// and in what other processes see at the directory of the config.
func (d *doomed) search(t *testing.T, text string) []string {
	t.Helper()
	roots := append(memoryMounts(t), d.dir, d.named, filepath.Dir(d.config))
	for _, p := range allProcesses() {
		roots = append(roots, fmt.Sprintf("/proc/%d/root%s", p.pid, d.named))
	}
	var found []string
	for _, root := range roots {
		for _, path := range holding(t, root, text) {
			if !slices.Contains(found, path) {
				found = append(found, path)
			}
		}
	}
	return found
}

// memoryMounts returns where the file systems are that lie in memory.
func memoryMounts(t *testing.T) []string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		switch fields[2] {
		case "tmpfs", "ramfs", "devtmpfs":
			list = append(list, strings.ReplaceAll(fields[1], `\040`, " "))
		}
	}
	if !slices.Contains(list, "/dev/shm") {
		t.Fatalf("no /dev/shm in %q", list)
	}
	return list
}

// holding returns the files below root, on its file system, that hold text. What goes
// away while it looks, or cannot be read, is somebody else's.
func holding(t *testing.T, root, text string) (found []string) {
	t.Helper()
	var top unix.Stat_t
	if unix.Stat(root, &top) != nil {
		return nil
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		var st unix.Stat_t
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && (unix.Stat(path, &st) != nil || st.Dev != top.Dev):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return nil //nolint:nilerr // gone
		}
		defer file.Close()
		data, _ := io.ReadAll(io.LimitReader(file, 16<<20)) // what cannot be read holds nothing
		if bytes.Contains(data, []byte(text)) || strings.Contains(entry.Name(), text) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Errorf("search in %s: %v", root, err)
	}
	return found
}

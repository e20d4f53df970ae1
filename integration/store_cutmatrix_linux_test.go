package integration

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A cutDisk is a file system in a file, whose power can be cut: what is in the file at
// that moment is what the next mount finds, as commit=600 keeps the journal from being
// written for any other reason than fsync.
type cutDisk struct {
	dir, mount string
	options    string
	home       *storeHome
}

func newCutDisk(t *testing.T, bin, options string) *cutDisk {
	t.Helper()
	d := &cutDisk{dir: memory(t), mount: t.TempDir(), options: "loop,noatime,commit=600" + options}
	t.Cleanup(func() { _ = unix.Unmount(d.mount, unix.MNT_DETACH) }) // if the test failed
	must(t, os.WriteFile(d.image("disk"), nil, 0o600))
	must(t, os.Truncate(d.image("disk"), 8<<20))
	d.run(t, "mkfs.ext4", "-q", "-F", d.image("disk"))
	d.on(t, "disk")
	must(t, os.Chmod(d.mount, 0o700))
	d.home = newStoreHome(t, bin, d.mount)
	for _, state := range []string{"empty", "filled", "pending"} {
		d.home.restore(t, state)
		d.off(t)
		d.copy(t, "disk", state)
		d.on(t, "disk")
	}
	return d
}

func (d *cutDisk) image(name string) string { return filepath.Join(d.dir, name+".img") }

func (d *cutDisk) run(t *testing.T, argv ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", argv, err, out)
	}
}

func (d *cutDisk) on(t *testing.T, name string) {
	t.Helper()
	d.run(t, "mount", "-n", "-o", d.options, d.image(name), d.mount)
}

func (d *cutDisk) off(t *testing.T) {
	t.Helper()
	d.run(t, "umount", "-n", d.mount)
}

func (d *cutDisk) copy(t *testing.T, from, to string) []byte {
	t.Helper()
	data, err := os.ReadFile(d.image(from))
	must(t, err)
	must(t, os.WriteFile(d.image(to), data, 0o600))
	return data
}

// cut is what is left when the power fails now.
func (d *cutDisk) cut(t *testing.T) {
	t.Helper()
	disk := d.copy(t, "disk", "cut")
	d.off(t)
	for _, text := range [][]byte{[]byte(valueCanary), []byte(nameCanary), []byte("store_secret")} {
		if bytes.Contains(disk, text) {
			t.Error("plaintext on the disk")
		}
	}
	d.on(t, "cut")
}

// needsDisks skips where a file system cannot be mounted, and gives this thread, and so
// the test, mounts of its own. The thread ends with the test, and they with it.
func needsDisks(t *testing.T) {
	t.Helper()
	needs(t, "strace", "mkfs.ext4", "mount", "umount")
	if os.Geteuid() != 0 {
		t.Skip("not run: only root can mount")
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("not run: no loop devices here")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skip("not run: no mounts of its own here: ", err)
	}
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
}

// S5: the power fails at a call of a command that changes a store, or right after it said
// that it is done. The store is what it was or what it is to be; what was acknowledged
// is there, and there is no plaintext in any block. PYLEE_TEST_POWERCUTS is how many
// calls are tried beside the ends; 69 unless it is set.
func TestS5PowerCut(t *testing.T) {
	needsDisks(t)
	cuts := 69
	if text, ok := os.LookupEnv("PYLEE_TEST_POWERCUTS"); ok {
		cuts = number(t, text)
	}
	bin, err := programs()
	must(t, err)
	systems := []string{"", ",noauto_da_alloc", ",data=writeback"}
	total, y := 0, &tally{}
	for i, options := range systems {
		d := newCutDisk(t, bin, options)
		d.control(t)
		var ends, all []storeCell
		expect := map[string]states{}
		for _, m := range mutations {
			m = m.complete()
			expect[m.name] = d.home.expects(t, m)
			ends = append(ends, storeCell{mutation: m, call: "exit_group"})
			for _, c := range d.home.cells(t, m) {
				if strings.Contains(writtenCalls, c.call) && c.inject == "signal=KILL" {
					all = append(all, c)
				}
			}
		}
		d.off(t)
		want := min((cuts+i)/len(systems), len(all))
		for k := range want {
			ends = append(ends, all[k*len(all)/want])
		}
		for _, c := range ends {
			if d.try(t, c, expect[c.name], y) {
				total++
			}
		}
	}
	t.Logf("%d cells on ext4 (commit=600; noauto_da_alloc; data=writeback): %s", total, y)
	if total < (cuts+3*len(mutations))*9/10 {
		t.Error("too few of the moments were met")
	}
}

// control makes sure that a cut loses what was not synchronised, and nothing else.
func (d *cutDisk) control(t *testing.T) {
	t.Helper()
	kept, lost := filepath.Join(d.home.home, "kept"), filepath.Join(d.home.home, "lost")
	file, err := os.Create(kept)
	must(t, err)
	must(t, file.Sync())
	must(t, file.Close())
	d.run(t, "sync", "-f", d.mount)
	must(t, os.WriteFile(lost+".tmp", []byte("new"), 0o600))
	must(t, os.Rename(lost+".tmp", lost))
	d.cut(t)
	if _, err := os.Stat(kept); err != nil {
		t.Fatalf("lost in spite of fsync: %v", err)
	}
	if _, err := os.Stat(lost); err == nil {
		t.Fatal("a cut keeps what was never synchronised: it is no cut")
	}
	d.off(t)
	d.on(t, "disk")
}

// try runs a command, cuts the power at a call of it or after it, and judges what is on
// the disk.
func (d *cutDisk) try(t *testing.T, c storeCell, s states, y *tally) bool {
	t.Helper()
	d.copy(t, c.from, "disk")
	d.on(t, "disk")
	defer d.off(t)
	h := d.home
	f := h.file(c.store)
	o := cellEnd{storeCell: c, states: s, h: h, old: bytesOf(t, f.Path), backup: bytesOf(t, f.Path+".bak")}
	how := []string{"trace=" + c.call}
	if c.inject != "" {
		how = append(how, fmt.Sprintf("inject=%s:%s:when=%d", c.call, c.inject, c.when))
	}
	began := time.Now()
	o.code, o.said, o.log = h.traced(t, c.mutation, how...)
	if c.inject != "" && !o.met() {
		return false
	}
	if c.inject == "" && o.code != 0 {
		t.Fatalf("%s: status %d: %s", c.name, o.code, o.said)
	}
	d.cut(t)
	if took := time.Since(began); took > 500*time.Second {
		t.Fatalf("%v: the journal may have been written by itself", took)
	}
	y.count(&o)
	o.judge(t, y)
	return true
}

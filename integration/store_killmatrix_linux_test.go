package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A mutation is a command that changes a store.
type mutation struct {
	name     string
	argv     []string // of pylee secret; ALICE is a recipient
	stdin    string
	from     string // the saved home it begins with
	store    string // what it changes, below the home; empty: the environment's store
	destroys bool   // it removes the backup
	relists  bool   // it changes the list of recipients beside the store
	noBackup bool   // it leaves the backup alone
}

var mutations = []mutation{
	{name: "set", argv: []string{"set", nameCanary + "/a"}, stdin: valueCanary + "-set"},
	{name: "set, first", argv: []string{"set", nameCanary + "/a"}, stdin: valueCanary + "-set", from: "empty", noBackup: true},
	{name: "init", argv: []string{"init"}, from: "empty", noBackup: true},
	{name: "remove", argv: []string{"remove", nameCanary + "/a"}},
	{name: "rollback", argv: []string{"rollback", nameCanary + "/a"}},
	{name: "activate", argv: []string{"activate", nameCanary + "/a@4"}},
	{name: "revoke", argv: []string{"revoke", nameCanary + "/a@2"}},
	{name: "expire", argv: []string{"expire", nameCanary + "/a@1", "2099-01-01", "--rotate-after", "2w"}},
	{name: "generate", argv: []string{"generate", nameCanary + "/generated"}},
	{name: "edit", argv: []string{"edit", nameCanary + "/a"}},
	{name: "import", argv: []string{"import", "--from", "dotenv", "-"}, stdin: "A=" + valueCanary + "-1\nB=" + valueCanary + "-2\n"},
	{name: "merge", argv: []string{"merge", "--path", "repo/default.age", "repo/base.age", "repo/ours.age", "repo/theirs.age"}, store: "repo/ours.age", noBackup: true},
	{name: "rekey", argv: []string{"rekey"}, destroys: true},
	{name: "recipients add", argv: []string{"recipients", "add", "BOB", "--name", "bob"}, relists: true},
	{name: "recipients remove", argv: []string{"recipients", "remove", "alice"}, destroys: true, relists: true},
	{name: "recipients accept", argv: []string{"recipients", "accept", "--yes"}, from: "pending", destroys: true, relists: true},
	{name: "purge", argv: []string{"purge", "--all"}, destroys: true},
}

// written is a system call that writes, where a fault of the disk can be met; read is
// one on the way there.
const (
	writtenCalls = "write,pwrite64,fsync,renameat,linkat,unlinkat,fchmod,fchmodat,ftruncate,flock,mkdirat"
	readCalls    = "openat,newfstatat,fstat,read,getdents64,close,lseek"
)

// A cell is one fault in one call of one command.
type storeCell struct {
	mutation
	call   string
	when   int    // the how many-th such call of a thread
	inject string // as strace has it
}

func (c storeCell) String() string {
	return fmt.Sprintf("%s: %s %d: %s", c.name, c.call, c.when, c.inject)
}

var storeCall = regexp.MustCompile(`(?m)^(\d+) +([a-z0-9]+)\((.*)$`)

// cells lists the faults of a command, from what it does when there is none.
func (h *storeHome) cells(t *testing.T, m mutation) []storeCell {
	t.Helper()
	h.restore(t, m.from)
	_, said, log := h.traced(t, m, "trace="+writtenCalls+","+readCalls)
	count, seen, began := map[string]int{}, map[string]bool{}, false
	var list []storeCell
	for _, line := range storeCall.FindAllStringSubmatch(log, -1) {
		call, args := line[2], line[3]
		count[line[1]+call]++
		began = began || strings.Contains(args, filepath.Join(h.home, ".pylee")) || strings.Contains(args, filepath.Join(h.home, "repo"))
		key := fmt.Sprint(call, count[line[1]+call])
		if !began || seen[key] {
			continue
		}
		seen[key] = true
		faults := []string{"signal=KILL", "error=EIO"}
		if call == "close" { // strace would leave it open, which no failing close does
			faults = faults[:1]
		}
		if strings.Contains(writtenCalls, call) || strings.Contains(args, "O_CREAT") {
			faults = append(faults, "error=ENOSPC", "error=EACCES", "error=EINTR")
		}
		for _, fault := range faults {
			list = append(list, storeCell{m, call, count[line[1]+call], fault})
		}
	}
	if len(list) < 50 {
		t.Fatalf("%s: strace saw %d places for a fault:\n%s\n%s", m.name, len(list), said, log)
	}
	return list
}

// traced runs a command under strace and returns how it ended: its exit status, or -1 if
// it was killed.
func (h *storeHome) traced(t *testing.T, m mutation, how ...string) (code int, said, log string) {
	t.Helper()
	path := filepath.Join(h.inputs, "log")
	argv := []string{"strace", "-f", "-qq", "-o", path}
	if !strings.Contains(fmt.Sprint(how), "signal=") { // the filter would let the call pass
		argv = append(argv, "--seccomp-bpf")
	}
	for _, e := range how {
		argv = append(argv, "-e", e)
	}
	argv = append(argv, filepath.Join(h.bin, "pylee"), "secret")
	for _, arg := range m.argv {
		argv = append(argv, strings.Replace(arg, "BOB", h.bob, 1))
	}
	cmd := h.command(m.stdin, argv...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, patience
	must(t, cmd.Start())
	status := waitFor(t, cmd)
	text, err := os.ReadFile(path)
	must(t, err)
	return status.ExitStatus(), out.String(), string(text)
}

// states are what a command makes of a store.
type states struct {
	before, after string
	between       string // of a command that does two things
}

func (h *storeHome) states(t *testing.T, m mutation) (s states) {
	t.Helper()
	h.restore(t, m.from)
	s.before, _ = content(h.file(m.store)) //nolint:errcheck // there may be none yet, or one that is to be accepted
	code, said, _ := h.traced(t, m, "trace=renameat")
	var err error
	if s.after, err = content(h.file(m.store)); err != nil || code != 0 || s.after == s.before {
		t.Fatalf("%s: status %d, %v: %s", m.name, code, err, said)
	}
	return s
}

// expects is states of a command, with what a half of it makes.
func (h *storeHome) expects(t *testing.T, m mutation) states {
	t.Helper()
	s := h.states(t, m)
	if m.name == "set, first" {
		s.between = h.states(t, mutation{name: "init", argv: []string{"init"}, from: m.from}).after
	}
	return s
}

// S4: whatever call of a command that changes a store fails, or is its last, the store
// opens and is what it was before or what it is to be; what was acknowledged is there,
// and no plaintext is. PYLEE_TEST_CRASHES is how many cells are tried; 600 unless it is
// set.
func TestS4FaultsAtEverySystemCall(t *testing.T) {
	needs(t, "strace")
	crashes := 600
	if text, ok := os.LookupEnv("PYLEE_TEST_CRASHES"); ok {
		crashes = number(t, text)
	}
	bin, err := programs()
	must(t, err)
	var all []storeCell
	var homes []*storeHome
	var expect []map[string]states
	for i := range 3 {
		h := newStoreHome(t, bin, t.TempDir())
		h.finds(t)
		homes, expect = append(homes, h), append(expect, map[string]states{})
		for _, m := range mutations {
			m = m.complete()
			expect[i][m.name] = h.expects(t, m)
			if i == 0 {
				all = append(all, h.cells(t, m)...)
			}
		}
	}
	crashes = min(crashes, len(all))
	queue, tally := make(chan storeCell, crashes), &tally{}
	for i := range crashes {
		queue <- all[i*len(all)/crashes]
	}
	close(queue)
	var workers sync.WaitGroup
	for i, h := range homes {
		workers.Go(func() {
			for c := range queue {
				h.try(t, c, expect[i][c.name], tally)
			}
		})
	}
	workers.Wait()
	t.Logf("%d cells of %d: %s", tally.hit.Load(), len(all), tally)
	if hit := int(tally.hit.Load()); hit < crashes*9/10 {
		t.Errorf("only %d of %d faults were met", hit, crashes)
	}
}

func (m mutation) complete() mutation {
	if m.from == "" {
		m.from = "filled"
	}
	return m
}

// finds makes sure that plaintext would be found.
func (h *storeHome) finds(t *testing.T) {
	t.Helper()
	for _, name := range []string{nameCanary, "other"} {
		path := filepath.Join(h.home, "tmp", name)
		must(t, os.WriteFile(path, []byte("Y2FuY"+"xVjl4S3EybVpjYW5hcnk="), 0o600))
		if name == "other" {
			must(t, os.WriteFile(path, []byte(valueCanary), 0o600))
		}
		if !slices.Equal(readable(t, h.home), []string{path}) {
			t.Fatalf("%s is not found", path)
		}
		must(t, os.Remove(path))
	}
}

// A tally counts what became of the cells.
type tally struct{ hit, killed, failed, done, newer, leftover, nobackup atomic.Int64 }

func (y *tally) count(o *cellEnd) {
	y.hit.Add(1)
	switch {
	case o.killed():
		y.killed.Add(1)
	case o.code != 0:
		y.failed.Add(1)
	default:
		y.done.Add(1)
	}
}

func (y *tally) String() string {
	return fmt.Sprintf("%d killed, %d failed, %d done all the same; %d of those killed or failed had written; %d left a temporary file, %d no backup",
		y.killed.Load(), y.failed.Load(), y.done.Load(), y.newer.Load(), y.leftover.Load(), y.nobackup.Load())
}
